import Core
import SQLite

/// What sums and commands take of the file, about. Counting pages would need a part of SQLite that not every build of it has.
struct StoreSizes {
    enum Table: String, CaseIterable {
        case minutes
        case hours
        case audit

        /// Bytes of a row's texts.
        fileprivate var texts: String {
            switch self {
            case .minutes, .hours:
                "length(backend) + length(model) + length(durations) + length(duration_buckets) + length(first_token_buckets)"
            case .audit:
                "length(instance) + length(client) + length(command) + ifnull(length(problem), 0) + ifnull(length(key), 0)"
            }
        }
    }

    struct Size {
        var rows: Int64
        var bytes: Int64
    }

    /// Bytes of a row beside its texts: numbers, and the head that says how long each column is.
    private static let rowBytes: Int64 = 48

    private(set) var tables: [Table: Size] = [:]
    /// Nanoseconds of the monotonic clock.
    let at: UInt64

    init(_ connection: SQLiteConnection, at instant: UInt64) throws(SQLiteError) {
        at = instant
        for table in Table.allCases {
            let row = try connection.prepare(
                "SELECT count(*), coalesce(sum(\(table.texts)), 0) FROM \(table.rawValue)")
            guard try row.step() else { continue }
            let (rows, texts) = (row.integer(0), row.integer(1))
            // Pages are not full.
            tables[table] = Size(rows: rows, bytes: (texts + rows * Self.rowBytes) * 10 / 9)
        }
    }

    var bytes: Int64 { tables.values.reduce(0) { $0 + $1.bytes } }

    /// What is given up first: sums, and of them that of which there is more; commands of operators only when there are none.
    var first: Table? {
        let sums = [Table.minutes, .hours].filter { rows(of: $0) > 0 }
        let largest = sums.max { (tables[$0]?.bytes ?? 0) < (tables[$1]?.bytes ?? 0) }
        return largest ?? (rows(of: .audit) > 0 ? .audit : nil)
    }

    private func rows(of table: Table) -> Int64 { tables[table]?.rows ?? 0 }

    mutating func deleted(_ count: Int, of table: Table) {
        guard let size = tables[table], size.rows > 0 else { return }
        let left = max(0, size.rows - Int64(count))
        tables[table] = Size(rows: left, bytes: Int64(Double(size.bytes) * Double(left) / Double(size.rows)))
    }
}

extension StoreFile {
    /// Deletes requests that ended before an instant, as far as they are among the first `count`; where all of those are younger, among
    /// further ones, a stretch each time: where the clock was ahead for a while, the oldest are not in front.
    /// - Returns: there are more.
    func deleteRequests(endedBefore limit: Int64, count: Int, now: Int64) throws(SQLiteError) -> Bool {
        guard let first = try connection.integer("SELECT min(id) FROM requests") else { return false }
        let end = try place(count, after: first)
        let future = now + StoreLimits.clockJump
        if try delete(from: first, to: end, endedBefore: limit, future: future) != nil {
            return try connection.integer(
                "SELECT ended < \(limit) FROM requests WHERE id >= \(end) ORDER BY id LIMIT 1") == 1
        }
        let begin = max(walked, end)
        let next = try place(count, after: begin)
        walked = try connection.integer("SELECT 1 FROM requests WHERE id >= \(next) LIMIT 1") == nil ? 0 : next
        guard let last = try delete(from: begin, to: next, endedBefore: limit, future: future) else { return false }
        try connection.run("DELETE FROM requests WHERE id < \(min(end, last)) AND ended > \(future)")
        return true
    }

    /// - Returns: the last that was too old; nil: none was.
    private func delete(
        from first: Int64, to end: Int64, endedBefore limit: Int64, future: Int64
    ) throws(SQLiteError) -> Int64? {
        let stretch = "id >= \(first) AND id < \(end)"
        guard let last = try connection.integer("SELECT max(id) FROM requests WHERE \(stretch) AND ended < \(limit)")
        else { return nil }
        // What says that it has not ended yet is older than what was written after it.
        try connection.run(
            "DELETE FROM requests WHERE \(stretch) AND (ended < \(limit) OR ended > \(future) AND id < \(last))")
        return last
    }

    /// The id behind so many rows.
    private func place(_ count: Int, after first: Int64) throws(SQLiteError) -> Int64 {
        try connection.integer("SELECT id FROM requests WHERE id >= \(first) ORDER BY id LIMIT 1 OFFSET \(count)")
            ?? Int64.max
    }

    /// Deletes some of the oldest, if the file is larger than that. Requests may have half of it in any case, and so may everything else:
    /// what has more than its half goes, the requests first.
    /// - Returns: there are more.
    func shrink(to limit: Int64, count: Int) throws(SQLiteError) -> Bool {
        let used = try usedBytes()
        guard used > limit else { return false }
        let instant = Clock.monotonicNanoseconds()
        let known = sizes.flatMap { instant - min(instant, $0.at) < StoreLimits.sizesKept * 1_000_000_000 ? $0 : nil }
        var current = if let known { known } else { try StoreSizes(connection, at: instant) }
        if used - current.bytes > limit / 2 {
            try connection.run(
                "DELETE FROM requests WHERE id IN (SELECT id FROM requests ORDER BY id LIMIT \(count))")
        } else if let table = current.first {
            let column = table == .audit ? "id" : "minute"
            // Whole minutes: nobody could tell what is missing of one.
            try connection.run(
                "DELETE FROM \(table.rawValue) WHERE \(column) <= (SELECT max(\(column)) FROM "
                    + "(SELECT \(column) FROM \(table.rawValue) ORDER BY \(column) LIMIT \(count)))")
            current.deleted(connection.changes, of: table)
        } else {
            return false
        }
        let deleted = connection.changes
        sizes = current
        guard deleted > 0 else { return false }
        return try usedBytes() > limit
    }

    /// Without the pages that are free.
    func usedBytes() throws(SQLiteError) -> Int64 {
        let pages = try connection.integer("PRAGMA page_count") ?? 0
        let free = try connection.integer("PRAGMA freelist_count") ?? 0
        return (pages - free) * (try connection.integer("PRAGMA page_size") ?? 4096)
    }
}
