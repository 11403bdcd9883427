import Core
import JSON
import SQLite

/// One command of an operator as it is in the file.
public struct StoredAudit: Sendable, Equatable {
    /// Its place in the order of all runs.
    public var id: Int64
    public var record: AuditRecord
    /// Whose order `record.sequence` is.
    public var instance: String
}

/// Commands of the file, the newest first.
public struct AuditPage: Sendable {
    public var records: [StoredAudit] = []
    /// Where the next page begins; nil: there is none.
    public var next: Int64?

    /// The JSON of a page.
    public var json: [UInt8] {
        var json = JSONWriter(capacity: 256 + records.count * 256)
        json.beginObject()
        json.key("object")
        json.string("list")
        json.key("data")
        json.beginArray()
        for stored in records { AuditTrail.write(stored.record, to: &json) }
        json.endArray()
        json.key("next_before")
        if let next { json.string("\(next)") } else { json.null() }
        json.endObject()
        return json.bytes
    }
}

/// How commands of operators become rows of the table `audit`, and rows commands.
enum AuditRow {
    static let insertion =
        "INSERT INTO audit (ended, instance, seq, key, certificate, session, client, command, status, problem) "
        + "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

    static func write(
        _ records: [(record: AuditRecord, instance: String)], to connection: SQLiteConnection
    ) throws(SQLiteError) {
        guard !records.isEmpty else { return }
        let statement = try connection.prepare(insertion)
        for (record, instance) in records {
            statement.bind(record.at)
            statement.bind(instance)
            statement.bind(record.sequence)
            statement.bind(record.key)
            statement.bind(record.certificate)
            statement.bind(record.isSession)
            statement.bind(record.client)
            statement.bind(record.command)
            statement.bind(record.status)
            statement.bind(record.problem)
            try statement.run()
        }
    }

    /// Deletes what is too old, and what is more than a file keeps.
    /// - Parameter days: after which they are deleted; nil: never.
    static func retain(_ connection: SQLiteConnection, days: Int?, count: Int, now: Int64) throws(SQLiteError) {
        let oldest = "(SELECT id FROM audit ORDER BY id LIMIT \(count))"
        if let days {
            try connection.run("DELETE FROM audit WHERE id IN \(oldest) AND ended < \(now - Int64(days) * 24 * 3600)")
        }
        try connection.run(
            "DELETE FROM audit WHERE id IN \(oldest) AND id <= (SELECT max(id) FROM audit) - \(StoreLimits.auditKept)")
    }

    static func read(_ row: SQLiteStatement) -> StoredAudit {
        var record = AuditRecord(
            at: row.double(1).isFinite ? row.double(1) : 0, key: row.optionalText(4), certificate: row.optionalText(5),
            isSession: row.integer(6) != 0,
            client: row.text(7), command: row.text(8), status: Int(clamping: row.integer(9)),
            problem: row.optionalText(10))
        record.sequence = row.unsigned(3)
        return StoredAudit(id: row.integer(0), record: record, instance: row.text(2))
    }
}

extension StoreReader {
    /// What operators had done, the newest first.
    /// - Parameter before: with smaller ids; nil: all.
    public func audit(before: Int64?, limit: Int) throws(StoreProblem) -> AuditPage {
        guard version >= 2 else { throw .older(found: version) }
        do throws(SQLiteError) {
            let rows = try connection.prepare(
                "SELECT id, ended, instance, seq, key, certificate, session, client, command, status, problem FROM audit "
                    + "WHERE id < ? ORDER BY id DESC LIMIT ?")
            rows.bind(before ?? Int64.max)
            let limit = min(max(1, limit), StoreLimits.longestPage)
            rows.bind(limit + 1)
            var page = AuditPage()
            while try rows.step() { page.records.append(AuditRow.read(rows)) }
            if page.records.count > limit {
                page.records.removeLast()
                page.next = page.records.last?.id
            }
            return page
        } catch {
            throw .sqlite(error)
        }
    }
}
