import ArgumentParser
import Core
import Glibc
import JSON
import Terminal

struct HistoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Requests that have ended at the running gateway, the newest last.",
        discussion: "Those that fit all options are shown, as many as the gateway keeps ([history] capacity). With "
            + "--follow it goes on with each that ends; --follow --json prints one JSON object a line.")
    @OptionGroup var host: HostOptions
    @Flag(name: .shortAndLong, help: "Go on with what ends from now on, until interrupted.") var follow = false
    @Option(help: "Show the newest so many.") var limit: Int?
    @Option(help: "Of this model.") var model: String?
    @Option(help: "Of which this backend (id or name) was asked.") var backend: String?
    @Option(help: "Success, Error, an HTTP status such as 503, or 5xx.") var status: String?
    @Option(help: "Of a client with this address.") var client: String?
    @Option(help: "openai, anthropic or ollama.") var api: String?
    @Option(help: "That have this text in model, backend, error, id, client or path.") var text: String?
    @Option(help: "That ended at or after this instant (2026-01-02T03:04:05Z, or Unix seconds).") var from: String?
    @Option(help: "That ended at or before this instant.") var to: String?

    /// Between two looks at what is new.
    private static let pauseMicroseconds: UInt32 = 250_000
    /// Looks in vain, one a second, until a gateway that does not answer is given up.
    private static let patience = 60

    func run() throws {
        // Pipes are read line by line as they come.
        setlinebuf(stdout)
        var last: (instance: String, number: Int64)?
        let first = try entries(try answer(after: nil, isFirst: true))
        if host.json && !follow {
            return print(String(decoding: JSONValue.array(first).bytes, as: UTF8.self))
        }
        if first.isEmpty && !follow { return print("No requests.") }
        show(first, &last)
        while follow {
            usleep(Self.pauseMicroseconds)
            show(try entries(try patientAnswer(after: last)), &last)
        }
    }

    private func show(_ entries: [JSONValue], _ last: inout (instance: String, number: Int64)?) {
        for entry in entries {
            let (instance, number) = (entry["instance_id"]?.string ?? "", entry["seq"]?.int ?? 0)
            // Numbers of one run of the gateway have no gap, where all are shown.
            if let last, last.instance == instance, number > last.number + 1, hasNoFilter {
                note("\(Counted.words(number - last.number - 1, "request")) passed too fast to be shown")
            }
            last = (instance, number)
            print(host.json ? String(decoding: entry.bytes, as: UTF8.self) : Self.line(entry))
        }
    }

    private var hasNoFilter: Bool { [model, backend, status, client, api, text, from, to].allSatisfy { $0 == nil } }

    // MARK: Asking

    private func path(after last: (instance: String, number: Int64)?, isFirst: Bool) -> String {
        var query: [String] = []
        func add(_ name: String, _ value: String?) {
            if let value { query.append("\(name)=\(PathPart.encoded(value))") }
        }
        for (name, value) in [
            ("model", model), ("backend", backend), ("status", status), ("client", client), ("api", api),
            ("text", text),
            ("from", from), ("to", to),
        ] { add(name, value) }
        if isFirst { add("limit", limit.map(String.init) ?? (follow ? "10" : nil)) }
        if let last {
            add("after", String(last.number))
            add("instance", last.instance)
        }
        return "/v1/history" + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
    }

    private func answer(
        after last: (instance: String, number: Int64)?, isFirst: Bool = false
    ) throws -> (status: Int, body: [UInt8]) {
        try host.get(path(after: last, isFirst: isFirst))
    }

    /// A gateway that is restarted comes back.
    private func patientAnswer(
        after last: (instance: String, number: Int64)?
    ) throws -> (status: Int, body: [UInt8]) {
        let address = try host.address()
        var isTold = false
        for look in 1... {
            do throws(PlainHTTP.Failure) {
                return try PlainHTTP.ask(
                    "GET", host: address.host, port: address.port,
                    path: address.path + path(after: last, isFirst: false))
            } catch {
                guard look < Self.patience else { throw fail("\(address): \(error.reason)") }
                if !isTold { note("\(address): \(error.reason); waiting for it") }
                isTold = true
                sleep(1)
            }
        }
        throw fail("\(address) does not answer")
    }

    private func entries(_ answer: (status: Int, body: [UInt8])) throws -> [JSONValue] {
        let value = try host.parsed(answer.body)
        guard answer.status == 200, let entries = value.array else {
            throw fail(value["error"]?["message"]?.string ?? "status \(answer.status)")
        }
        return entries
    }

    private func note(_ text: String) {
        let line = Array("nexus: \(text)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }

    // MARK: For people

    private static func line(_ entry: JSONValue) -> String {
        let attempts = entry["attempts"]?.int ?? 1
        let tokens = entry["completion_tokens"]?.int.map { "  \($0) tokens" } ?? ""
        let error = entry["error_message"]?.string.map { "  \($0)" } ?? ""
        let result = entry["status_code"]?.int.map(String.init) ?? entry["status"]?.string ?? ""
        return CellText.clean(
            "\(instant(entry["timestamp"]?.int ?? 0))  \(result)  \(entry["model"]?.string ?? "")  "
                + "\(entry["backend_id"]?.string ?? "")  \(entry["duration_ms"]?.int ?? 0) ms"
                + (attempts > 1 ? "  \(attempts) attempts" : "") + tokens + error)
    }

    /// In the user's own time.
    private static func instant(_ seconds: Int64) -> String {
        var (time, parts) = (time_t(seconds), tm())
        guard localtime_r(&time, &parts) != nil else { return "" }
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday)) "
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    }
}
