import Core
import SQLite

/// One entry as it is in the file.
public struct StoredEntry: Sendable {
    /// Its place in the order of completion over all runs.
    public var id: Int64
    public var entry: HistoryEntry
    /// The member `route` of its JSON; nil: it has none.
    public var route: String?
}

/// How entries become rows of the table `requests`, and rows entries.
enum EntryRow {
    static let columns = [
        "ended", "instance", "started", "seq", "request_id", "model", "known_model", "backend", "failed", "code",
        "duration_ms", "ttft_ms", "prompt_tokens", "completion_tokens", "cached_tokens", "tokens_estimated",
        "tokens_per_second", "endpoint", "client", "request_bytes", "answer_bytes", "attempts", "stream", "error",
        "route", "key",
    ]

    static var insertion: String {
        "INSERT INTO requests (\(columns.joined(separator: ", "))) VALUES "
            + "(\(columns.map { _ in "?" }.joined(separator: ", ")))"
    }

    static var selection: String { "id, \(columns.joined(separator: ", "))" }

    static func bind(_ entry: HistoryEntry, to statement: SQLiteStatement) {
        statement.bind(entry.timestamp)
        statement.bind(entry.instance.id)
        statement.bind(entry.instance.startedAt)
        statement.bind(entry.sequence)
        statement.bind(entry.requestID)
        statement.bind(entry.model)
        // Mostly it is the name that was asked for: then it takes no room, here and in the index.
        statement.bind(entry.knownModel == entry.model ? nil : entry.knownModel)
        statement.bind(entry.backendID)
        statement.bind(entry.status == .error)
        statement.bind(entry.statusCode)
        statement.bind(entry.durationMilliseconds)
        statement.bind(entry.timeToFirstByteMilliseconds)
        statement.bind(entry.promptTokens)
        statement.bind(entry.completionTokens)
        statement.bind(entry.cachedTokens)
        statement.bind(entry.tokensEstimated)
        statement.bind(entry.tokensPerSecond)
        statement.bind(entry.endpoint)
        statement.bind(entry.client)
        statement.bind(entry.requestBytes)
        statement.bind(entry.answerBytes)
        statement.bind(entry.attempts)
        statement.bind(entry.stream)
        statement.bind(entry.errorMessage)
        statement.bind(ContractEncoder.route(of: entry))
        statement.bind(entry.key)
    }

    static func read(_ row: SQLiteStatement) -> StoredEntry {
        var entry = HistoryEntry(
            timestamp: row.integer(1), model: row.text(6), backendID: row.text(8),
            durationMilliseconds: row.unsigned(11), status: row.integer(9) == 0 ? .success : .error,
            errorMessage: row.optionalText(24))
        entry.instance = GatewayInstance(id: row.text(2), startedAt: row.integer(3))
        entry.sequence = row.unsigned(4)
        entry.requestID = row.text(5)
        entry.knownModel = row.optionalText(7)
        entry.statusCode = Int(clamping: row.integer(10))
        entry.timeToFirstByteMilliseconds = row.optionalUnsigned(12)
        entry.promptTokens = row.optionalUnsigned(13)
        entry.completionTokens = row.optionalUnsigned(14)
        entry.cachedTokens = row.optionalUnsigned(15)
        entry.tokensEstimated = row.integer(16) != 0
        entry.tokensPerSecond = row.isNull(17) ? nil : row.double(17)
        entry.endpoint = row.text(18)
        entry.client = row.text(19)
        entry.requestBytes = row.unsigned(20)
        entry.answerBytes = row.unsigned(21)
        entry.attempts = Int(clamping: row.integer(22))
        entry.stream = row.integer(23) != 0
        entry.key = row.optionalText(26)
        return StoredEntry(id: row.integer(0), entry: entry, route: row.optionalText(25))
    }
}
