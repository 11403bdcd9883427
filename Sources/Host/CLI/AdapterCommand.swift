import ArgumentParser

struct AdapterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adapter", abstract: "Work on an adapter.",
        subcommands: [AdapterCheckCommand.self, AdapterRunChecksCommand.self])
}
