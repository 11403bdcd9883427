import Core
import Glibc
import SQLite

/// The file while it is open for writing; for the store's thread.
final class StoreFile {
    struct Retention: Sendable, Equatable {
        /// Days after which an entry is deleted; nil: never.
        var days: Int?
        /// Bytes that the file may have; nil: any number. See `StoreFile.shrink`.
        var bytes: Int?
    }

    private let path: String
    private let lock: FileLock
    private let identity: FileIdentity?
    let connection: SQLiteConnection
    private let insertion: SQLiteStatement
    /// Where the search for what is too old goes on behind the first requests.
    var walked: Int64 = 0
    /// As they were looked at last.
    var sizes: StoreSizes?

    /// Opens it, and makes it if it is not there.
    init(_ path: String) throws {
        self.path = path
        var information = stat()
        if stat(path, &information) == 0, information.st_mode & S_IFMT == S_IFDIR { throw StoreProblem.isFolder }
        try FileIdentity.makeFolder(of: path)
        lock = try FileLock(for: path)
        // What clients asked for is nobody else's business.
        let made = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if made >= 0 { close(made) }
        connection = try SQLiteConnection(path: path, mode: .writing, patience: StoreLimits.lockPatience)
        try StoreSchema.prepare(connection)
        try connection.run(
            "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -4096")
        insertion = try connection.prepare(EntryRow.insertion)
        // Says now whether it can be written.
        try connection.run("BEGIN IMMEDIATE; COMMIT")
        identity = FileIdentity(path)
    }

    /// The path names another file by now, or none.
    var isGone: Bool { FileIdentity(path) != identity }

    func figures(now: Int64) throws -> [KeptFigure] { try FigureTable.read(connection, now: now) }

    /// All or nothing.
    func write(
        _ entries: [HistoryEntry], _ figures: [KeptFigure], audit: [(record: AuditRecord, instance: String)] = [],
        now: Int64
    ) throws {
        try connection.transaction { () throws(SQLiteError) in
            for entry in entries {
                EntryRow.bind(entry, to: insertion)
                try insertion.run()
            }
            try MinuteSums.write(entries, to: connection)
            try FigureTable.write(figures, to: connection, at: now)
            try AuditRow.write(audit, to: connection)
        }
    }

    /// Deletes some of what is too old or too much.
    /// - Parameter count: rows, at the most.
    /// - Returns: there is more to be deleted.
    func retain(_ retention: Retention, count: Int, now: Int64) throws -> Bool {
        var isMore = false
        if let days = retention.days {
            isMore = try deleteRequests(endedBefore: now - Int64(days) * 24 * 3600, count: count, now: now)
        }
        if let bytes = retention.bytes { isMore = try shrink(to: Int64(bytes), count: count) || isMore }
        let minute = (now - StoreLimits.minuteDays * 24 * 3600) / 60
        for table in MinuteSums.Table.allCases {
            try connection.run(
                "DELETE FROM \(table.rawValue) WHERE minute < \(minute) AND minute <= "
                    + "(SELECT min(minute) FROM \(table.rawValue)) + 60")
        }
        try FigureTable.retain(connection, now: now)
        try AuditRow.retain(connection, days: retention.days, count: count, now: now)
        if try connection.integer("PRAGMA freelist_count") ?? 0 > Int64(StoreLimits.freedPages) {
            try connection.run("PRAGMA incremental_vacuum(\(StoreLimits.freedPages))")
        }
        return isMore
    }

    /// See `RetentionClock.newest`.
    func newest() throws(SQLiteError) -> Int64? {
        RetentionClock.newest(
            of: try connection.integers(
                "SELECT ended FROM requests ORDER BY id DESC LIMIT \(StoreLimits.clockRows)"))
    }
}
