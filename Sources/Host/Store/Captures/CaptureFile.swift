import Core
import Glibc
import SQLite

/// The file of captures while it is open for writing; for the store's thread. A file of its own: what clients have written is kept for
/// days where a history is kept for months, may be deleted, moved or encrypted by itself, and makes no page of the history slower.
final class CaptureFile {
    private let lock: FileLock
    private let identity: FileIdentity?
    private let path: String
    private let connection: SQLiteConnection
    private let key: CaptureKey?
    /// What was deleted may still be read: in the log of transactions beside the file, or in the file, which that log has not reached yet.
    /// So it may be from a run before, too.
    private(set) var holdsDeleted: Bool

    /// Opens it, and makes it if it is not there.
    init(_ path: String, key: CaptureKey?) throws {
        self.path = path
        self.key = key
        if key != nil, !CaptureKey.isPossible { throw CaptureProblem.noLibrary }
        var information = stat()
        if stat(path, &information) == 0, information.st_mode & S_IFMT == S_IFDIR { throw StoreProblem.isFolder }
        try FileIdentity.makeFolder(of: path)
        lock = try FileLock(for: path)
        // What clients have written is nobody else's business.
        let made = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if made >= 0 { close(made) }
        holdsDeleted = stat(path + "-wal", &information) == 0 && information.st_size > 0
        connection = try SQLiteConnection(path: path, mode: .writing, patience: StoreLimits.lockPatience)
        try Self.prepare(connection)
        // What is deleted is to be gone, and not to lie in the file until something else takes its place.
        try connection.run("PRAGMA secure_delete = ON; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -2048")
        try connection.run("BEGIN IMMEDIATE; COMMIT")
        identity = FileIdentity(path)
    }

    private static func prepare(_ connection: SQLiteConnection) throws {
        let found = try check(connection)
        if found == 0 { try connection.run("PRAGMA auto_vacuum = INCREMENTAL") }
        guard found < Int64(CaptureRow.migrations.count) else { return }
        try connection.run("PRAGMA journal_mode = WAL")
        for (index, script) in CaptureRow.migrations.enumerated().dropFirst(Int(found)) {
            try connection.transaction { () throws(SQLiteError) in
                try connection.run(script)
                try connection.run(
                    "PRAGMA application_id = \(CaptureRow.application); PRAGMA user_version = \(index + 1)")
            }
        }
    }

    /// - Returns: the version of the file; 0: it is empty.
    static func check(_ connection: SQLiteConnection) throws -> Int64 {
        let found = try connection.integer("PRAGMA user_version") ?? 0
        let owner = try connection.integer("PRAGMA application_id") ?? 0
        if owner != CaptureRow.application {
            let tables = try connection.integer("SELECT count(*) FROM sqlite_schema") ?? 0
            guard owner == 0, found == 0, tables == 0 else { throw StoreProblem.foreign }
            return 0
        }
        guard found <= Int64(CaptureRow.migrations.count) else { throw StoreProblem.newer(found: found) }
        return found
    }

    /// The path names another file by now, or none.
    var isGone: Bool { FileIdentity(path) != identity }

    /// All or nothing.
    func write(_ captures: [Capture]) throws {
        guard !captures.isEmpty else { return }
        var rows: [(capture: Capture, request: [UInt8], answer: [UInt8])] = []
        for capture in captures {
            guard let key else {
                rows.append((capture, capture.request.bytes, capture.answer.bytes))
                continue
            }
            guard let request = key.seal(capture.request.bytes, purpose: Self.purpose(capture.id, "request")),
                let answer = key.seal(capture.answer.bytes, purpose: Self.purpose(capture.id, "answer"))
            else { throw CaptureProblem.notSealed }
            rows.append((capture, request, answer))
        }
        let statement = try connection.prepare(CaptureRow.insertion)
        try connection.transaction { () throws(SQLiteError) in
            for row in rows {
                CaptureRow.bind(
                    row.capture, request: row.request, answer: row.answer, sealedBy: key?.fingerprint, to: statement)
                try statement.run()
            }
        }
    }

    /// What a body is, so that none can be put in the place of another.
    static func purpose(_ id: String, _ which: String) -> String { "\(id) \(which)" }

    /// Deletes what is too old or too much.
    func retain(_ settings: CaptureStore.Settings, now: Int64) throws {
        if settings.keepDays > 0 {
            try runDeletion("DELETE FROM captures WHERE ended < \(now - Int64(settings.keepDays) * 24 * 3600)")
        }
        try runDeletion(
            "DELETE FROM captures WHERE place <= "
                + "(SELECT place FROM captures ORDER BY place DESC LIMIT 1 OFFSET \(settings.maxCount))")
        var rounds = 0
        while rounds < 64, try usedBytes() > Int64(settings.keepBytes),
            let count = try connection.integer("SELECT count(*) FROM captures"), count > 0
        {
            try runDeletion(
                "DELETE FROM captures WHERE place IN (SELECT place FROM captures ORDER BY place LIMIT \(max(1, count / 16)))"
            )
            rounds += 1
        }
        try giveBack()
    }

    private func runDeletion(_ sql: String) throws(SQLiteError) {
        try connection.run(sql)
        if connection.changes > 0 { holdsDeleted = true }
    }

    /// Deletes what an operator names, so that nothing of it is left in the file or beside it, unless `holdsDeleted` says so.
    /// - Returns: how many.
    func delete(_ filter: CaptureFilter) throws -> Int {
        var conditions: [String] = ["1"]
        if filter.id != nil { conditions.append("id = ?") }
        if filter.key != nil { conditions.append("key = ?") }
        if let before = filter.before { conditions.append("ended < \(before)") }
        let statement = try connection.prepare("DELETE FROM captures WHERE \(conditions.joined(separator: " AND "))")
        for text in [filter.id, filter.key].compactMap({ $0 }) { statement.bind(text) }
        try statement.run()
        let count = connection.changes
        if count > 0 { holdsDeleted = true }
        try giveBack()
        try emptyLog(waits: true)
        return count
    }

    /// Brings what was deleted from the log of transactions into the file, where it is overwritten, and empties the log. As long as another
    /// connection reads what was there before, that cannot be done, and is to be tried again.
    /// - Parameter waits: for a moment for whoever reads.
    func emptyLog(waits: Bool) throws(SQLiteError) {
        guard holdsDeleted else { return }
        let patience = StoreLimits.lockPatience
        if !waits { try connection.run("PRAGMA busy_timeout = 0") }
        defer { if !waits { try? connection.run("PRAGMA busy_timeout = \(patience)") } }
        do throws(SQLiteError) {
            // That it could not be done is no error, but the first column of its row.
            holdsDeleted = try connection.integer("PRAGMA wal_checkpoint(TRUNCATE)") != 0
        } catch {
            guard error.isBusy else { throw error }
        }
    }

    /// See `RetentionClock.newest`.
    func newest() throws(SQLiteError) -> Int64? {
        RetentionClock.newest(
            of: try connection.integers(
                "SELECT ended FROM captures ORDER BY place DESC LIMIT \(StoreLimits.clockRows)"))
    }

    private func giveBack() throws(SQLiteError) {
        if try connection.integer("PRAGMA freelist_count") ?? 0 > 0 {
            try connection.run("PRAGMA incremental_vacuum(\(StoreLimits.freedPages))")
        }
    }

    /// Without the pages that are free.
    private func usedBytes() throws(SQLiteError) -> Int64 {
        let pages = try connection.integer("PRAGMA page_count") ?? 0
        let free = try connection.integer("PRAGMA freelist_count") ?? 0
        return (pages - free) * (try connection.integer("PRAGMA page_size") ?? 4096)
    }
}

/// Why captures are not kept, beyond what any file may be (`StoreProblem`).
enum CaptureProblem: Error, CustomStringConvertible {
    case noLibrary
    case notSealed

    var description: String {
        switch self {
        case .noLibrary:
            "a key to encrypt them with is given ([captures] key_env), and libcrypto.so.3 of OpenSSL is not on this machine "
                + "(Debian's libssl3)"
        case .notSealed: "they could not be encrypted"
        }
    }
}
