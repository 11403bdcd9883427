import Core
import SQLite

/// A capture as it is in the file.
public struct StoredCapture: Sendable, Equatable {
    /// Its place in the order of all runs.
    public var place: Int64
    public var capture: Capture
    /// Of the key that its bodies are encrypted with; nil: they are not.
    public var sealedBy: String?
}

/// How captures become rows of the table `captures`, and rows captures.
enum CaptureRow {
    /// "NXC1": tells this file from databases of other programs.
    static let application: Int64 = 0x4E58_4331
    /// The version of a file is the number of these that it has been through. Only ever appended to.
    static let migrations = [
        """
        CREATE TABLE captures (
            place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, ended INTEGER NOT NULL,
            request_id TEXT NOT NULL, key TEXT, client TEXT NOT NULL, endpoint TEXT NOT NULL, model TEXT NOT NULL,
            backend TEXT, status INTEGER NOT NULL, failed INTEGER NOT NULL, stream INTEGER NOT NULL,
            duration_ms INTEGER NOT NULL, sealed_by TEXT,
            request_type TEXT NOT NULL, request_total INTEGER NOT NULL, request_cut INTEGER NOT NULL,
            request_redacted INTEGER NOT NULL, request_problem TEXT, request BLOB NOT NULL,
            answer_type TEXT NOT NULL, answer_total INTEGER NOT NULL, answer_cut INTEGER NOT NULL,
            answer_redacted INTEGER NOT NULL, answer_problem TEXT, answer BLOB NOT NULL);
        CREATE INDEX captures_key ON captures (key) WHERE key IS NOT NULL;
        """
    ]

    private static let columns = [
        "id", "ended", "request_id", "key", "client", "endpoint", "model", "backend", "status", "failed", "stream",
        "duration_ms", "sealed_by", "request_type", "request_total", "request_cut", "request_redacted",
        "request_problem", "request", "answer_type", "answer_total", "answer_cut", "answer_redacted", "answer_problem",
        "answer",
    ]

    static var insertion: String {
        "INSERT INTO captures (\(columns.joined(separator: ", "))) VALUES "
            + "(\(columns.map { _ in "?" }.joined(separator: ", ")))"
    }

    /// - Parameter bodies: false: they are read as empty.
    static func selection(bodies: Bool) -> String {
        "place, " + columns.map { bodies || ($0 != "request" && $0 != "answer") ? $0 : "x''" }.joined(separator: ", ")
    }

    static func bind(
        _ capture: Capture, request: [UInt8], answer: [UInt8], sealedBy: String?, to statement: SQLiteStatement
    ) {
        statement.bind(capture.id)
        statement.bind(capture.endedAt)
        statement.bind(capture.requestID)
        statement.bind(capture.key)
        statement.bind(capture.client)
        statement.bind(capture.endpoint)
        statement.bind(capture.model)
        statement.bind(capture.backend)
        statement.bind(capture.status)
        statement.bind(capture.failed)
        statement.bind(capture.stream)
        statement.bind(capture.milliseconds)
        statement.bind(sealedBy)
        for (body, bytes) in [(capture.request, request), (capture.answer, answer)] {
            statement.bind(body.type)
            statement.bind(body.total)
            statement.bind(body.isCut)
            statement.bind(body.isRedacted)
            statement.bind(body.problem)
            statement.bind(bytes)
        }
    }

    static func read(_ row: SQLiteStatement) -> StoredCapture {
        func body(_ column: Int) -> Capture.Body {
            var body = Capture.Body(
                type: row.text(column), bytes: row.blob(column + 5), total: row.unsigned(column + 1))
            body.isCut = row.integer(column + 2) != 0
            body.isRedacted = row.integer(column + 3) != 0
            body.problem = row.optionalText(column + 4)
            return body
        }
        var capture = Capture(
            endedAt: row.integer(2), requestID: row.text(3), key: row.optionalText(4), client: row.text(5),
            endpoint: row.text(6), model: row.text(7), backend: row.optionalText(8),
            status: Int(clamping: row.integer(9)), failed: row.integer(10) != 0, stream: row.integer(11) != 0,
            milliseconds: row.unsigned(12), request: body(14), answer: body(20))
        capture.id = row.text(1)
        return StoredCapture(place: row.integer(0), capture: capture, sealedBy: row.optionalText(13))
    }
}
