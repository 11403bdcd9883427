import ArgumentParser

/// For authors of adapters.
struct AdapterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adapter", abstract: "Write an adapter, and check it.",
        subcommands: [New.self, AdapterCheckCommand.self, AdapterRunChecksCommand.self])
}
