import ArgumentParser
import Config
import Gateway
import JSON

struct AdaptersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adapters", abstract: "Adapters on this machine.", subcommands: [List.self],
        defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Load all adapters and show what they are, or why a file cannot be used.",
            discussion: "Ends with status 1 if a file cannot be used, or a directory that was named is not there.")

        @Option(name: .shortAndLong, help: "Configuration file that names the directories.") var config: String?
        @Option(name: .customLong("adapters-dir"), help: "Directory with adapters; may be repeated.")
        var adapterDirectories: [String] = []
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            var flags = ConfigurationLoader.Flags()
            flags.config = config
            flags.adapterDirectories = adapterDirectories
            let adapters = try load(flags).configuration.adapters
            let reports = Gateway.adapterReport(adapters)
            let missing = AdapterDirectories.missing(of: adapters.directories)
            if json {
                print(Self.json(reports))
            } else if reports.isEmpty {
                let places = adapters.directories.filter { !missing.contains($0) }
                if !places.isEmpty { print("No adapters in \(places.joined(separator: ", ")).") }
            } else {
                let rows = reports.filter { $0.problem == nil }.map {
                    [$0.type ?? "", $0.displayName ?? "", $0.version ?? "", $0.abi ?? "", $0.path]
                }
                if !rows.isEmpty { print(TextTable.render(["TYPE", "NAME", "VERSION", "ABI", "FILE"], rows)) }
                for report in reports { for warning in report.warnings { print("\(report.path): \(warning)") } }
                for report in reports { if let problem = report.problem { print("\(report.path): \(problem)") } }
            }
            for directory in missing { _ = fail("\(directory): there is no such directory") }
            if !missing.isEmpty || reports.contains(where: { $0.problem != nil }) { throw ExitCode(1) }
        }

        private static func json(_ reports: [AdapterReport]) -> String {
            var writer = JSONWriter()
            writer.beginArray()
            for report in reports {
                writer.beginObject()
                for (key, value) in [
                    ("path", report.path), ("type", report.type), ("name", report.displayName),
                    ("version", report.version), ("abi", report.abi), ("sha256", report.hash?.text),
                    ("problem", report.problem),
                ] as [(String, String?)] {
                    writer.key(key)
                    if let value { writer.string(value) } else { writer.null() }
                }
                writer.key("default_urls")
                writer.beginArray()
                for url in report.defaultURLs { writer.string(url) }
                writer.endArray()
                writer.key("warnings")
                writer.beginArray()
                for warning in report.warnings { writer.string(warning) }
                writer.endArray()
                writer.endObject()
            }
            writer.endArray()
            return writer.text
        }
    }
}
