import Core
import SQLite

/// Entries of the file that fit a filter, the newest first, as many as were found within the time for one page.
public struct StoredPage: Sendable {
    public var entries: [StoredEntry] = []
    /// Where the next page begins; nil: there is none.
    public var next: Int64?
    /// The page is short because its time was over, not because there are no more.
    public var isCut = false
}

/// Reads the file, beside whoever writes it; for one thread.
public final class StoreReader {
    let connection: SQLiteConnection
    /// Of the file's schema.
    let version: Int64

    public init(path: String) throws(StoreProblem) {
        do {
            connection = try Self.open(path)
            version = try StoreSchema.check(connection)
            guard version > 0 else { throw StoreProblem.missing }
        } catch {
            throw StoreProblem(error)
        }
    }

    private static func open(_ path: String) throws -> SQLiteConnection {
        guard FileIdentity(path) != nil else { throw StoreProblem.missing }
        do {
            return try reading(path)
        } catch {
            // Nobody writes it, and beside it no file can be made: then it can be read as it is, unless some of it is elsewhere.
            guard error.cannotOpen || error.isReadOnly, FileIdentity(path + "-wal") == nil else { throw error }
        }
        return try SQLiteConnection(path: path, mode: .readingUnchanged, patience: 0)
    }

    private static func reading(_ path: String) throws(SQLiteError) -> SQLiteConnection {
        let connection = try SQLiteConnection(path: path, mode: .reading, patience: StoreLimits.lockPatience)
        // Only this opens it.
        _ = try connection.integer("SELECT count(*) FROM sqlite_schema")
        return connection
    }

    /// - Parameters:
    ///   - filter: `after` and `instance` of it do not count.
    ///   - before: entries with smaller ids; nil: all.
    ///   - milliseconds: for which it is looked for; nil: any time.
    public func page(
        _ filter: HistoryFilter, before: Int64? = nil,
        milliseconds: Int64? = StoreLimits.pageMilliseconds
    ) throws(StoreProblem) -> StoredPage {
        do throws(SQLiteError) {
            return try find(filter, before: before, milliseconds: milliseconds)
        } catch {
            throw .sqlite(error)
        }
    }

    private func find(
        _ filter: HistoryFilter, before: Int64?, milliseconds: Int64?
    ) throws(SQLiteError) -> StoredPage {
        var page = StoredPage()
        guard let first = try connection.integer("SELECT min(id) FROM requests"),
            let last = try connection.integer("SELECT max(id) FROM requests")
        else { return page }
        let limit = min(filter.limit ?? StoreLimits.usualPage, StoreLimits.longestPage)
        let (start, floor) = try bounds(filter, first: first, last: last)
        var end = min(before ?? Int64.max, start)
        var window = StoreLimits.firstWindow
        let query = StoredQuery(filter)
        let statement = try connection.prepare(query.sql)
        let begin = Clock.monotonicMilliseconds()
        var before = begin
        defer { connection.deadline = nil }
        while end > floor {
            let low = max(floor, end - window)
            statement.reset()
            query.bind(to: statement, low: low, end: end, limit: limit + 1 - page.entries.count)
            let countBefore = page.entries.count
            do throws(SQLiteError) {
                while try statement.step() { page.entries.append(EntryRow.read(statement)) }
            } catch {
                guard error.isInterrupted else { throw error }
                // What was found of this stretch counts, and the next page begins behind it, or with the stretch anew.
                page.next = page.entries.count > countBefore ? page.entries.last?.id : end
                page.isCut = true
                if page.entries.count > limit {
                    page.entries.removeLast(page.entries.count - limit)
                    page.next = page.entries.last?.id
                }
                return page
            }
            end = low
            if page.entries.count > limit {
                page.entries.removeLast(page.entries.count - limit)
                page.next = page.entries.last?.id
                return page
            }
            guard end > floor else { break }
            let now = Clock.monotonicMilliseconds()
            if let milliseconds, now - begin >= milliseconds {
                page.next = end
                page.isCut = true
                return page
            }
            // From here on, so that every page comes on by the first stretch at least, which is short.
            if milliseconds != nil, connection.deadline == nil {
                connection.deadline = UInt64(max(0, begin + StoreLimits.pageMillisecondsMost)) * 1_000_000
            }
            // Where little fits, an index goes through many ids in no time.
            let took = now - before
            before = now
            if took < 4 {
                window = min(window * 4, StoreLimits.longestWindow)
            } else if took > 8 {
                window = max(window / 2, StoreLimits.firstWindow / 2)
            }
        }
        return page
    }

    /// Ids between which the instants of a filter lie: `first ..< last`. Ids and ends grow together, as long as the clock does.
    private func bounds(
        _ filter: HistoryFilter, first: Int64, last: Int64
    ) throws(SQLiteError) -> (start: Int64, floor: Int64) {
        let start = if let to = filter.to { try place(after: to, first, last + 1) } else { last + 1 }
        let floor = if let from = filter.from { try place(after: from - 1, first, last + 1) } else { first }
        return (start, floor)
    }

    /// The first id whose entry ended after that instant.
    private func place(after instant: Double, _ first: Int64, _ end: Int64) throws(SQLiteError) -> Int64 {
        let statement = try connection.prepare("SELECT ended FROM requests WHERE id >= ? ORDER BY id LIMIT 1")
        var (low, high) = (first, end)
        while low < high {
            let middle = low + (high - low) / 2
            statement.reset()
            statement.bind(middle)
            if try statement.step(), Double(statement.integer(0)) <= instant { low = middle + 1 } else { high = middle }
        }
        statement.reset()
        return low
    }
}

/// The question for one stretch of ids.
struct StoredQuery {
    private var conditions = ["id >= ?", "id < ?"]
    private var texts: [String] = []
    let sql: String

    init(_ filter: HistoryFilter) {
        var conditions: [String] = []
        var texts: [String] = []
        if let model = filter.model {
            conditions.append("(model = ? OR known_model = ?)")
            texts += [model, model]
        }
        if let backends = filter.backends {
            conditions.append("backend IN (\(backends.map { _ in "?" }.joined(separator: ", ")))")
            texts += backends.sorted()
        }
        if let key = filter.key {
            conditions.append("key = ?")
            texts.append(key)
        }
        switch filter.outcome {
        case nil: break
        case .success: conditions.append("failed = 0")
        case .error: conditions.append("failed = 1")
        case .code(let code): conditions.append(Self.failed(from: code) + "code = \(code)")
        case .codes(let codes):
            conditions.append(
                Self.failed(from: codes.lowerBound) + "code BETWEEN \(codes.lowerBound) AND \(codes.upperBound)")
        }
        if let client = filter.client {
            conditions.append("client = ?")
            texts.append(client)
        }
        switch filter.api {
        case "anthropic": conditions.append("endpoint LIKE '/v1/messages%'")
        case "ollama": conditions.append("endpoint LIKE '/api/%'")
        case "openai": conditions.append("endpoint NOT LIKE '/v1/messages%' AND endpoint NOT LIKE '/api/%'")
        default: break
        }
        if let from = filter.from { conditions.append("ended >= \(from)") }
        if let to = filter.to { conditions.append("ended <= \(to)") }
        if let text = filter.text {
            let columns = ["model", "known_model", "backend", "error", "request_id", "client", "endpoint", "route"]
            conditions.append(
                "(\(columns.map { "\($0) LIKE ? ESCAPE '\\'" }.joined(separator: " OR ")))")
            texts += columns.map { _ in Self.pattern(text) }
        }
        self.conditions += conditions
        self.texts = texts
        sql =
            "SELECT \(EntryRow.selection) FROM requests \(Self.index(for: conditions)) "
            + "WHERE \(self.conditions.joined(separator: " AND ")) ORDER BY id DESC LIMIT ?"
    }

    /// Of these there are few, which SQLite does not know: it would go through all ids.
    private static func index(for conditions: [String]) -> String {
        if conditions.contains("key = ?") { return "INDEXED BY requests_key" }
        return conditions.contains { $0.hasPrefix("failed = 1") } ? "INDEXED BY requests_failed" : ""
    }

    /// Of those that failed there is an index.
    private static func failed(from code: Int) -> String { code >= 400 ? "failed = 1 AND " : "" }

    private static func pattern(_ text: String) -> String {
        var pattern = "%"
        for character in text.unicodeScalars {
            if "%_\\".unicodeScalars.contains(character) { pattern.append("\\") }
            pattern.unicodeScalars.append(character)
        }
        return pattern + "%"
    }

    func bind(to statement: SQLiteStatement, low: Int64, end: Int64, limit: Int) {
        statement.bind(low)
        statement.bind(end)
        for text in texts { statement.bind(text) }
        statement.bind(limit)
    }
}
