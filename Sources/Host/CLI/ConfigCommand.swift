import ArgumentParser
import Config
import Glibc

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Write or check a configuration file.",
        subcommands: [Init.self, Check.self])

    struct Init: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a commented configuration file with all defaults.")

        @Option(help: "File to write.") var config = ConfigurationLoader.defaultPath
        @Flag(help: "Overwrite the file if it is there.") var force = false

        func run() throws {
            guard FileBytes.write(Array(DefaultFile.text.utf8), to: config, exclusive: !force) else {
                let reason =
                    errno == EEXIST
                    ? "it is there already; use --force to overwrite it" : String(cString: strerror(errno))
                throw fail("\(config) was not written: \(reason)")
            }
            print("\(config) was written; add your backends at its end, then run 'nexus config check'.")
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a configuration file and say everything that is wrong with it.")

        @Option(help: "File to check; default: nexus.toml in the working directory.") var config: String?

        func run() throws {
            var flags = ConfigurationLoader.Flags()
            flags.config = config
            let loaded = try load(flags)
            let count = loaded.configuration.backends.count
            print("\(loaded.path ?? "the defaults"): valid, \(count) backend\(count == 1 ? "" : "s")")
        }
    }
}
