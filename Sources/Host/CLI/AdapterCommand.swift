import ArgumentParser

/// For authors of adapters, and for operators who choose which are loaded.
struct AdapterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adapter", abstract: "Write an adapter, check it, try it, and say whether it may be loaded.",
        subcommands: [
            New.self, AdapterCheckCommand.self, AdapterRunCommand.self, AdapterHashCommand.self,
            AdapterReleaseCommand.self,
            AdapterRunChecksCommand.self,
        ])
}
