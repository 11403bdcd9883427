import ArgumentParser

/// For authors of adapters.
struct AdapterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adapter", abstract: "Write an adapter.", subcommands: [New.self])
}
