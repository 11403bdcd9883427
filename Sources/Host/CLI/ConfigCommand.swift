import ArgumentParser
import Config
import Core
import Glibc
import JSON

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Write or check a configuration file, or have it read again.",
        subcommands: [Init.self, Check.self, Reload.self])

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

    struct Reload: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have the running gateway read its configuration again.",
            discussion:
                "A file that is not valid changes nothing, and neither does one that names no backend any more, "
                + "since it may have been cut. Ends with status 1 then.")

        @OptionGroup var host: HostOptions
        @Flag(name: .customLong("allow-empty"), help: "Take also a file that names no backend, and remove them all.")
        var allowEmpty = false

        func run() throws {
            let (status, body) = try host.post("/v1/admin/reload" + (allowEmpty ? "?allow_empty=true" : ""))
            let value = try host.parsed(body)
            guard status == 200 else { throw fail(value["error"]?["message"]?.string ?? "status \(status)") }
            if host.json { return print(String(decoding: body, as: UTF8.self)) }
            for key in ["added", "changed", "removed"] {
                let names = value[key]?.array?.compactMap(\.string) ?? []
                if !names.isEmpty { print("\(key): \(names.joined(separator: ", "))") }
            }
            for warning in value["warnings"]?.array?.compactMap(\.string) ?? [] { print("warning: \(warning)") }
            print("The configuration was read again.")
        }
    }
}
