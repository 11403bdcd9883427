import ArgumentParser
import Config
import Core
import Gateway
import Glibc
import JSON
import Terminal

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Write or check a configuration file, make one of another gateway's, or have it read again.",
        subcommands: [Init.self, Import.self, Check.self, Reload.self])

    struct Init: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a commented configuration file with all defaults.")

        @Option(name: .shortAndLong, help: "File to write.") var config = ConfigurationLoader.defaultPath
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

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a configuration file and say everything that is wrong with it.",
            discussion:
                "Looks also at what the file names: adapters and whether they take their options, variables with keys, files of TLS, "
                + "models behind aliases, and each server, unless --offline says not to. 'nexus doctor' looks at the machine as well. "
                + "Where no file is named by --config or NEXUS_CONFIG, the first of these that is there counts: ./nexus.toml, "
                + "$XDG_CONFIG_HOME/nexus/nexus.toml (~/.config/nexus/nexus.toml), /etc/nexus/nexus.toml. Ends with status 0 if the "
                + "file is right, 1 if not.")

        @Option(name: .shortAndLong, help: "File to check; default: the first that is there.") var config: String?
        @Option(name: .customLong("adapters-dir"), help: "Directory with adapters; may be repeated.")
        var adapterDirectories: [String] = []
        @Flag(help: "Do not ask the servers.") var offline = false

        func run() async throws {
            var flags = ConfigurationLoader.Flags()
            flags.config = config
            flags.adapterDirectories = adapterDirectories
            let loaded = try load(flags)
            let name = loaded.path ?? "the defaults"
            var request = Checkup.Request(loaded.configuration)
            request.asksServers = !offline
            AskedServers.announce(request)
            let findings = await Checkup(request).run()
            let wrong = findings.filter { $0.weight == .wrong }
            let notes = findings.filter { $0.weight == .note }.map { "note: \(FindingText.line($0))" }
            guard wrong.isEmpty else {
                let lines = wrong.map { "\(name): \(FindingText.line($0))" }
                // Notes too: an adapter that is missing may be one that is left out.
                let code = fail("the configuration is not right\n" + (lines + notes).joined(separator: "\n"))
                tellAllowed(loaded.configuration.adapters)
                throw code
            }
            print("\(name): valid, \(Counted.words(Int64(loaded.configuration.backends.count), "backend"))")
            for note in notes { print(note) }
            if loaded.path == nil {
                let places = ConfigurationLoader.places(environmentVariables()).joined(separator: ", ")
                print("none of these files is there: \(places)")
            }
            tellAllowed(loaded.configuration.adapters)
        }

        private func tellAllowed(_ adapters: Configuration.Adapters) {
            guard let report = Gateway.allowReport(adapters) else { return }
            print("adapters.allow: \(report.listed) file\(report.listed == 1 ? "" : "s") as listed")
            for note in report.notes { print(note) }
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
            let (status, body) = try host.reload(allowEmpty ? "?allow_empty=true" : "")
            let value = try host.parsed(body)
            guard status == 200 else { throw fail(GatewayWords.refusal(value, status)) }
            if host.json { return print(String(decoding: body, as: UTF8.self)) }
            let lines = Self.changes(value)
            for line in lines { print(CellText.clean(line)) }
            for warning in value["warnings"]?.array?.compactMap(\.string) ?? [] {
                print(CellText.clean("warning: \(warning)"))
            }
            print("The configuration was read again\(lines.isEmpty ? ", and says the same as before" : "").")
        }

        /// Backends by name, then what else in the file says something else than before.
        private static func changes(_ outcome: JSONValue) -> [String] {
            let more = outcome["keys_omitted"]?.int.map { " and \($0) more" } ?? ""
            return [
                ("added", "added", ""), ("changed", "changed", ""), ("removed", "removed", ""),
                ("tables", "tables with changes", ""), ("keys", "keys with changes", more),
            ].compactMap { (member, words, end) -> String? in
                let names = outcome[member]?.array?.compactMap(\.string) ?? []
                return names.isEmpty ? nil : "\(words): \(names.joined(separator: ", "))\(end)"
            }
        }
    }
}
