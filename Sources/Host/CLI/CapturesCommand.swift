import ArgumentParser
import Core
import JSON
import Terminal

struct CapturesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "captures", abstract: "Bodies of requests and answers that the running gateway has kept.",
        discussion: "None are kept unless enabled = true stands under [captures] in the configuration. They are for "
            + "operators alone. 'nexus replay ID' sends one again.",
        subcommands: [List.self, Show.self, Delete.self], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List captures, the newest first.")
        @OptionGroup var host: HostOptions
        @Option(name: .customLong("key-name"), help: "Of clients with the key of this name.") var keyName: String?
        @Option(help: "Of this model.") var model: String?
        @Flag(help: "Only of requests that failed.") var errors = false
        @Option(help: "Show so many of them, at most 1000.") var limit = 20

        func run() throws {
            var query = ["limit=\(limit)"]
            if let keyName { query.append("key=\(PathPart.encoded(keyName))") }
            if let model { query.append("model=\(PathPart.encoded(model))") }
            if errors { query.append("status=Error") }
            let (status, body) = try host.get("/v1/captures?" + query.joined(separator: "&"))
            let value = try host.parsed(body)
            guard status == 200 else { throw fail(GatewayWords.refusal(value, status)) }
            if host.json { return print(String(decoding: body, as: UTF8.self)) }
            let captures = value["data"]?.array ?? []
            guard !captures.isEmpty else { return print("No captures.") }
            print(
                TextTable.render(
                    ["ID", "AT", "KEY", "MODEL", "BACKEND", "STATUS", "MS", "REQUEST", "ANSWER"],
                    captures.map(CapturesCommand.row)))
            if value["next_before"]?.string != nil { print("There are more; --limit shows them.") }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a request and its answer, as they were sent.")
        @OptionGroup var host: HostOptions
        @Argument(help: "Id of a capture; see 'nexus captures list'.") var id: String

        func run() throws {
            let value = try CapturesCommand.fetch(id, host)
            if host.json { return print(String(decoding: value.bytes, as: UTF8.self)) }
            for line in CapturesCommand.lines(value) { print(line) }
        }
    }

    struct Delete: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete captures for good.",
            discussion: "With --key-name and --before those that are both. What is deleted is overwritten in the file. "
                + "Ends with status 1 if there is no capture of one of the ids.")
        @OptionGroup var host: HostOptions
        @Argument(help: "Ids of captures; see 'nexus captures list'.") var ids: [String] = []
        @Option(name: .customLong("key-name"), help: "Of clients with the key of this name.") var keyName: String?
        @Option(help: "That ended before this instant (2026-01-02T03:04:05Z, or Unix seconds).") var before: String?
        @Flag(help: "All of them.") var all = false

        func run() throws {
            var query: [String] = []
            if let keyName { query.append("key=\(PathPart.encoded(keyName))") }
            if let before { query.append("before=\(PathPart.encoded(before))") }
            if all { query.append("all=true") }
            guard query.isEmpty || ids.isEmpty else {
                throw usage("say either which captures, by their ids, or of which: --key-name, --before or --all")
            }
            if query.isEmpty {
                guard !ids.isEmpty else { throw usage("say which: their ids, --key-name, --before or --all") }
                return try deleteEach()
            }
            let (status, body) = try host.delete("/v1/captures?" + query.joined(separator: "&"))
            let value = try host.parsed(body)
            guard status == 200 else { throw fail(GatewayWords.refusal(value, status)) }
            if host.json { return print(String(decoding: body, as: UTF8.self)) }
            Self.tell(value["deleted"]?.int ?? 0, value["message"]?.string)
        }

        /// All that are there, also if another one is not.
        private func deleteEach() throws {
            var (count, message): (Int64, String?) = (0, nil)
            var failure: ExitCode?
            for id in ids {
                let (status, body) = try host.delete("/v1/captures/\(PathPart.encoded(id))")
                let value = try host.parsed(body)
                guard status == 200 else {
                    failure = fail(GatewayWords.refusal(value, status))
                    continue
                }
                if host.json { print(String(decoding: body, as: UTF8.self)) }
                count += value["deleted"]?.int ?? 0
                message = value["message"]?.string
            }
            if !host.json, count > 0 { Self.tell(count, message) }
            if let failure { throw failure }
        }

        private static func tell(_ count: Int64, _ message: String?) {
            print("Deleted \(Counted.words(count, "capture")).")
            if let message { print(CellText.clean(message)) }
        }
    }

    // MARK: Of all of them

    static func fetch(_ id: String, _ host: HostOptions) throws -> JSONValue {
        let (status, body) = try host.get("/v1/captures/\(PathPart.encoded(id))")
        let value = try host.parsed(body)
        guard status == 200 else { throw fail(GatewayWords.refusal(value, status)) }
        return value
    }

    private static func row(_ capture: JSONValue) -> [String] {
        [
            capture["id"]?.string ?? "", Timestamp.text(seconds: Double(capture["timestamp"]?.int ?? 0)),
            capture["key"]?.string ?? "-", capture["model"]?.string ?? "", capture["backend_id"]?.string ?? "-",
            capture["status_code"]?.int.map(String.init) ?? "", capture["duration_ms"]?.int.map(String.init) ?? "",
            size(capture["request"]), size(capture["answer"]),
        ].map(CellText.clean)
    }

    private static func size(_ body: JSONValue?) -> String {
        let bytes = "\(body?["bytes"]?.int ?? 0)"
        if body?["problem"]?.string != nil { return bytes + " (left out)" }
        let marks = [(body?["cut"]?.bool, "cut"), (body?["redacted"]?.bool, "redacted")].filter { $0.0 == true }.map(
            \.1)
        return marks.isEmpty ? bytes : "\(bytes) (\(marks.joined(separator: ", ")))"
    }

    /// A capture for people, line by line, with nothing in it that a terminal would obey.
    static func lines(_ capture: JSONValue) -> [String] {
        let backend = capture["backend_id"]?.string.map { " at \($0)" } ?? ""
        var lines = [
            CellText.clean(
                "\(capture["id"]?.string ?? "")  \(Timestamp.text(seconds: Double(capture["timestamp"]?.int ?? 0)))  "
                    + "\(capture["endpoint"]?.string ?? "")  \(capture["model"]?.string ?? "")\(backend)  "
                    + "\(capture["status_code"]?.int ?? 0)  \(capture["duration_ms"]?.int ?? 0) ms")
        ]
        for name in ["request", "answer"] {
            lines += ["", "\(name):"] + bodyLines(capture[name] ?? .null)
        }
        return lines
    }

    static func bodyLines(_ body: JSONValue) -> [String] {
        if let problem = body["problem"]?.string { return ["(not kept: \(CellText.clean(problem)))"] }
        guard let text = body["text"]?.string else {
            return ["(\(body["bytes"]?.int ?? 0) bytes that are no text; --json shows them)"]
        }
        let cut = body["cut"]?.bool == true ? ["(cut: there were \(body["bytes"]?.int ?? 0) bytes)"] : []
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { CellText.clean(String($0)) } + cut
    }
}
