import ArgumentParser
import Core
import Glibc
import JSON
import Store
import Terminal

struct HistoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Requests that have ended at the running gateway, the newest last.",
        discussion: "Those that fit all options are shown, as many as the gateway keeps ([history] capacity). With "
            + "--follow it goes on with each that ends; --follow --json prints one JSON object a line. --stored and "
            + "--database read what the gateway has kept on disk, also of earlier runs: --limit (100) of it, with "
            + "--csv and --jsonl all of it. --database needs no running gateway.")
    @OptionGroup var host: HostOptions
    @Flag(name: .shortAndLong, help: "Go on with what ends from now on, until interrupted.") var follow = false
    @Flag(help: "Of everything that the gateway has kept, not of what it has in memory alone.") var stored = false
    @Option(help: "Read this file instead of asking a gateway.") var database: String?
    @Flag(help: "Print a table of comma-separated values.") var csv = false
    @Flag(help: "Print one JSON object a line.") var jsonl = false
    @Option(help: "Show the newest so many.") var limit: Int?
    @Option(help: "Of this model.") var model: String?
    @Option(help: "Of which this backend (id or name) was asked.") var backend: String?
    @Option(help: "Success, Error, an HTTP status such as 503, or 5xx.") var status: String?
    @Option(help: "Of a client with this address.") var client: String?
    @Option(help: "openai, anthropic or ollama.") var api: String?
    @Option(help: "That were asked with the key of this name.") var keyName: String?
    @Option(help: "That have this text in model, backend, error, id, client or path.") var text: String?
    @Option(help: "That ended at or after this instant (2026-01-02T03:04:05Z, or Unix seconds).") var from: String?
    @Option(help: "That ended at or before this instant.") var to: String?

    /// Between two looks at what is new.
    private static let pauseMicroseconds: UInt32 = 250_000
    /// Looks in vain, one a second, until a gateway that does not answer is given up.
    private static let patience = 60

    func run() throws {
        if stored || database != nil || csv || jsonl { return try showStored() }
        var last: (instance: String, number: Int64)?
        var table = Self.table
        let first = try entries(try answer(after: nil, isFirst: true))
        if host.json && !follow {
            return print(String(decoding: JSONValue.array(first).bytes, as: UTF8.self))
        }
        if first.isEmpty && !follow { return print("No requests.") }
        show(first, &last, &table)
        while follow {
            usleep(Self.pauseMicroseconds)
            show(try entries(try patientAnswer(after: last)), &last, &table)
        }
    }

    private func show(
        _ entries: [JSONValue], _ last: inout (instance: String, number: Int64)?, _ table: inout GrowingTable
    ) {
        for entry in entries {
            let (instance, number) = (entry["instance_id"]?.string ?? "", entry["seq"]?.int ?? 0)
            // Numbers of one run of the gateway have no gap, where all are shown.
            if let last, last.instance == instance, number > last.number + 1, hasNoFilter {
                note("\(Counted.words(number - last.number - 1, "request")) passed too fast to be shown")
            }
            last = (instance, number)
            if host.json { put(String(decoding: entry.bytes, as: UTF8.self)) }
        }
        if !host.json { for line in table.lines(entries.map(Self.row)) { put(line) } }
    }

    private var hasNoFilter: Bool {
        [model, backend, status, client, keyName, api, text, from, to].allSatisfy { $0 == nil }
    }

    // MARK: Asking

    /// Names and values of the filters that are given.
    private var filters: [(name: String, value: String)] {
        [
            ("model", model), ("backend", backend), ("status", status), ("client", client),
            ("key", keyName), ("api", api), ("text", text), ("from", from), ("to", to),
        ].compactMap { pair in pair.1.map { (pair.0, $0) } }
    }

    // MARK: What is kept

    /// Prints what the file has, a page at a time: the newest first where it is a table or lines, else the newest last.
    private func showStored() throws {
        guard !follow else { throw usage("--follow goes with what the gateway has in memory") }
        let pages = try StoredPages(self)
        var left = limit ?? (csv || jsonl ? Int.max : StoreLimits.usualPage)
        var lines: [[UInt8]] = []
        if csv { put(HistoryTable.head) }
        while left > 0, let page = try pages.next(limit: min(left, StoreLimits.longestPage)) {
            left -= page.count
            if csv {
                put(page.flatMap(\.csv))
            } else if jsonl {
                put(page.flatMap { $0.json + [0x0A] })
            } else {
                lines += page.map(\.json)
            }
        }
        guard !csv, !jsonl else { return }
        let entries = try lines.reversed().map { try host.parsed($0) }
        if host.json { return print(String(decoding: JSONValue.array(entries).bytes, as: UTF8.self)) }
        if entries.isEmpty { return print("No requests.") }
        var table = Self.table
        for line in table.lines(entries.map(Self.row)) { put(line) }
    }

    /// Pages of the file, read here or by the gateway.
    private final class StoredPages {
        struct Line {
            var json: [UInt8] = []
            var csv: [UInt8] = []
        }

        private let command: HistoryCommand
        private let reader: StoreReader?
        private var filter = HistoryFilter()
        private var before: String?
        private var isOver = false

        init(_ command: HistoryCommand) throws {
            self.command = command
            guard let path = command.database else {
                reader = nil
                return
            }
            var filter = HistoryFilter()
            do throws(HistoryFilter.Problem) {
                for (name, value) in command.filters { _ = try filter.set(name, value) }
            } catch {
                throw usage(error.message)
            }
            self.filter = filter
            do throws(StoreProblem) {
                reader = try StoreReader(path: path)
            } catch {
                throw fail("\(path): \(error)")
            }
        }

        /// Nil: there are no more.
        func next(limit: Int) throws -> [Line]? {
            guard !isOver else { return nil }
            return try reader.map { try read($0, limit) } ?? ask(limit)
        }

        private func read(_ reader: StoreReader, _ limit: Int) throws -> [Line] {
            filter.limit = limit
            do throws(StoreProblem) {
                let page = try reader.page(
                    filter, before: before.flatMap { Int64($0) }, milliseconds: nil)
                before = page.next.map { "\($0)" }
                isOver = before == nil
                return page.entries.map { stored in
                    var line = Line(json: StoredPageEncoding.json(stored))
                    if command.csv { HistoryTable.append(stored.entry, route: stored.route, to: &line.csv) }
                    return line
                }
            } catch {
                throw fail("\(command.database ?? ""): \(error)")
            }
        }

        private func ask(_ limit: Int) throws -> [Line] {
            var query = command.filters.map { "\($0.name)=\(PathPart.encoded($0.value))" }
            query += ["before=\(before ?? "newest")", "limit=\(limit)"]
            let answer = try command.host.get("/v1/history?" + query.joined(separator: "&"))
            let value = try command.host.parsed(answer.body)
            guard answer.status == 200, let data = value["data"]?.array else {
                throw fail(GatewayWords.refusal(value, answer.status))
            }
            before = value["next_before"]?.string
            isOver = before == nil
            guard command.csv else { return data.map { Line(json: $0.bytes) } }
            throw usage("--csv reads a file: name it with --database, or fetch /v1/history?format=csv")
        }
    }

    private func path(after last: (instance: String, number: Int64)?, isFirst: Bool) -> String {
        var query: [String] = []
        func add(_ name: String, _ value: String?) {
            if let value { query.append("\(name)=\(PathPart.encoded(value))") }
        }
        for (name, value) in filters { add(name, value) }
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
        let address = try host.place()
        var isTold = false
        for look in 1... {
            do throws(PlainHTTP.Failure) {
                return try PlainHTTP.ask(
                    "GET", at: address, path: path(after: last, isFirst: false), key: host.shownKey)
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
            throw fail(GatewayWords.refusal(value, answer.status))
        }
        return entries
    }

    private func note(_ text: String) {
        let line = Array("nexus: \(text)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }

    /// A line at once, since whoever reads a pipe waits for it. Nobody reads any more: ends well.
    private func put(_ text: String) { put(Array((text + "\n").utf8)) }

    private func put(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { Glibc.exit(0) }
            rest = rest.dropFirst(count)
        }
    }

    // MARK: For people

    private static var table: GrowingTable {
        GrowingTable(["AT", "STATUS", "MODEL", "BACKEND", "MS", "ATTEMPTS", "TOKENS", "ERROR"])
    }

    private static func row(_ entry: JSONValue) -> [String] {
        [
            instant(entry["timestamp"]?.int ?? 0), result(entry), cell(entry["model"]), cell(entry["backend_id"]),
            "\(entry["duration_ms"]?.int ?? 0)", "\(entry["attempts"]?.int ?? 1)",
            entry["completion_tokens"]?.int.map(String.init) ?? "-", entry["error_message"]?.string ?? "",
        ]
    }

    /// A stream may fail when its status has been sent, and that tells nothing of it.
    private static func result(_ entry: JSONValue) -> String {
        let status = entry["status"]?.string ?? ""
        guard let code = entry["status_code"]?.int else { return cell(entry["status"]) }
        return code < 400 && status == HistoryEntry.Status.error.rawValue ? "\(code) failed" : "\(code)"
    }

    /// What is missing keeps its column.
    private static func cell(_ value: JSONValue?) -> String {
        value?.string.flatMap { $0.isEmpty ? nil : $0 } ?? "-"
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
