import JSON

/// The history as a table for other programs: comma-separated values (RFC 4180), UTF-8.
public enum HistoryTable {
    /// For `content-type`.
    public static let contentType = "text/csv; charset=utf-8; header=present"

    static let columns = [
        "time", "request_id", "client", "key", "api", "endpoint", "model", "backend_id", "status", "status_code",
        "duration_ms", "ttft_ms", "stream", "attempts", "route", "prompt_tokens", "completion_tokens",
        "tokens_estimated", "cached_tokens", "tokens_per_second", "request_bytes", "answer_bytes", "error_message",
        "instance_id", "seq",
    ]

    /// One line for each entry, in their order, below one with the names of the columns. What is not known is empty.
    public static func csv(_ entries: [HistoryEntry]) -> [UInt8] {
        var bytes = head
        bytes.reserveCapacity(256 + entries.count * 256)
        for entry in entries {
            let route = entry.route.map { step in
                step.failure.map { "\(step.backend) failed: \($0)" } ?? step.backend
            }
            append(entry, route: route, to: &bytes)
        }
        return bytes
    }

    /// The line with the names of the columns.
    public static var head: [UInt8] { Array((columns.joined(separator: ",") + "\r\n").utf8) }

    /// A line of one whose route was kept as the JSON that it is shown as.
    public static func append(_ entry: HistoryEntry, route: String?, to bytes: inout [UInt8]) {
        let steps = route.flatMap { try? JSONValue.parse(Array($0.utf8)) }?.array ?? []
        let words = steps.map { step in
            let backend = step["backend_id"]?.string ?? ""
            return step["error_message"]?.string.map { "\(backend) failed: \($0)" } ?? backend
        }
        append(entry, route: words, to: &bytes)
    }

    private static func append(_ entry: HistoryEntry, route: [String], to bytes: inout [UInt8]) {
        for (index, cell) in cells(entry, route).enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            append(cell, to: &bytes)
        }
        bytes += "\r\n".utf8
    }

    private static func cells(_ entry: HistoryEntry, _ route: [String]) -> [String] {
        func number(_ value: UInt64?) -> String { value.map(String.init) ?? "" }
        return [
            Timestamp.text(seconds: Double(entry.timestamp)), entry.requestID, entry.client, entry.key ?? "", entry.api,
            entry.endpoint,
            entry.model, entry.backendID, entry.status.rawValue, String(entry.statusCode),
            number(entry.durationMilliseconds), number(entry.timeToFirstByteMilliseconds),
            entry.stream ? "true" : "false", String(entry.attempts), route.joined(separator: " | "),
            number(entry.promptTokens), number(entry.completionTokens), entry.tokensEstimated ? "true" : "false",
            number(entry.cachedTokens),
            entry.tokensPerSecond.map { $0.isFinite ? "\(ContractEncoder.rounded($0))" : "" } ?? "",
            number(entry.requestBytes), number(entry.answerBytes), entry.errorMessage ?? "", entry.instance.id,
            String(entry.sequence),
        ]
    }

    /// Quoted where it has to be. What a spreadsheet would take for a formula gets an apostrophe before it: names of models and
    /// messages come from strangers.
    private static func append(_ cell: String, to bytes: inout [UInt8]) {
        var cell = cell
        if let first = cell.utf8.first, "=+-@\t\r".utf8.contains(first) { cell = "'" + cell }
        guard cell.utf8.contains(where: { ",\"\r\n".utf8.contains($0) }) else {
            bytes += cell.utf8
            return
        }
        bytes.append(UInt8(ascii: "\""))
        for byte in cell.utf8 {
            if byte == UInt8(ascii: "\"") { bytes.append(byte) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
