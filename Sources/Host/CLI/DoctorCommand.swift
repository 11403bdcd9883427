import ArgumentParser
import Config
import Core
import Gateway
import Glibc
import JSON
import Terminal

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look at everything that the gateway needs, and say what to do about what is wrong.",
        discussion:
            "The configuration, the adapters, the variables with keys, the files of TLS, each server, aliases, the port and the "
            + "folders, as 'nexus serve' would find them with the same options and variables. Ends with status 0 if nothing is wrong, "
            + "1 if something is.")

    @OptionGroup var options: ServeOptions
    @Flag(help: "Do not ask the servers.") var offline = false
    @Flag(help: "Print one JSON document.") var json = false

    func run() async throws {
        let environment = environmentVariables()
        let path = ConfigurationLoader.path(named: options.config, environment)
        let findings: [Finding]
        do throws(ConfigurationError) {
            let loaded = try ConfigurationLoader.load(options.flags, environment: environment)
            var request = Checkup.Request(loaded.configuration)
            request.asksServers = !offline
            request.looksAround = true
            AskedServers.announce(request)
            let first = loaded.path.map { FindingText.file($0) } ?? [FindingText.noFile(environment)]
            findings = first + (await Checkup(request).run()).map { known($0, loaded.configuration) }
        } catch {
            guard error.source != ConfigurationError.commandLine else { throw invalid(error) }
            findings = error.problems.map {
                Finding(
                    weight: .wrong, subject: error.source, message: $0.description,
                    advice:
                        "correct it; 'nexus config init --config FILE' writes a file with all keys. The rest is looked at then"
                )
            }
        }
        if json { print(FindingText.json(findings, file: path)) } else { print(FindingText.table(findings)) }
        if findings.contains(where: { $0.weight == .wrong }) { throw ExitCode(ExitStatus.wrong) }
    }

    /// What is in the way at the port may be the gateway.
    private func known(_ finding: Finding, _ configuration: Configuration) -> Finding {
        guard finding.isPortInUse, let place = try? HostOptions.place(of: configuration.server, authorities: nil),
            let answer = try? PlainHTTP.ask("GET", at: place, path: "/health"),
            let version = (try? JSONValue.parse(answer.body))?["version"]?.string
        else { return finding }
        return Finding(
            weight: .note, subject: finding.subject,
            message: "\(finding.message): nexus \(CellText.clean(version)) runs there already",
            advice: "'nexus health' says how it is")
    }
}

/// How findings are shown.
enum FindingText {
    /// What is to be said of the configuration's file itself.
    static func file(_ path: String) -> [Finding] {
        var findings = [Finding(weight: .well, subject: "configuration", message: "\(path) was read")]
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & S_IWOTH != 0 {
            findings.append(
                Finding(
                    weight: .wrong, subject: "configuration", message: "\(path) is writable by everybody",
                    advice: "chmod o-w \(path)"))
        }
        return findings
    }

    static func noFile(_ environment: [String: String]) -> Finding {
        let places = ConfigurationLoader.places(environment).joined(separator: ", ")
        return Finding(
            weight: .note, subject: "configuration", message: "none of \(places) is there: the defaults count",
            advice: "'nexus config init' writes one")
    }

    static func table(_ findings: [Finding]) -> String {
        let width = min(28, findings.map { $0.subject.count }.max() ?? 0)
        var lines: [String] = []
        for finding in findings {
            let mark =
                switch finding.weight {
                case .well: "ok    "
                case .note: "note  "
                case .wrong: "WRONG "
                }
            let subject = CellText.clean(finding.subject)
            lines.append(
                "\(mark) \(subject)\(String(repeating: " ", count: max(0, width - subject.count)))  \(CellText.clean(finding.message))"
            )
            if let advice = finding.advice { lines.append("       → \(CellText.clean(advice))") }
        }
        let count = findings.count { $0.weight == .wrong }
        lines.append(
            count == 0
                ? "Nothing is wrong." : "\(Counted.words(Int64(count), "thing")) \(count == 1 ? "is" : "are") wrong.")
        return lines.joined(separator: "\n")
    }

    /// In one line, for a list of what is wrong.
    static func line(_ finding: Finding) -> String {
        let advice = finding.advice.map { " → \(CellText.clean($0))" } ?? ""
        return "\(CellText.clean(finding.subject)): \(CellText.clean(finding.message))\(advice)"
    }

    static func json(_ findings: [Finding], file: String) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("version")
        writer.string(Gateway.version)
        writer.key("configuration")
        writer.string(file)
        writer.key("wrong")
        writer.integer(findings.count { $0.weight == .wrong })
        writer.key("findings")
        writer.beginArray()
        for finding in findings {
            writer.beginObject()
            for (key, value) in [
                ("weight", finding.weight.rawValue), ("subject", finding.subject), ("message", finding.message),
                ("advice", finding.advice),
            ] as [(String, String?)] {
                writer.key(key)
                if let value { writer.string(value) } else { writer.null() }
            }
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.text
    }
}
