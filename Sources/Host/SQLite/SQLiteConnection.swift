import CSQLite
import Glibc

/// A connection to a database file; for one thread at a time.
///
/// Invariant: `handle` is open from `init` to `deinit`, and is given to nobody but the statements, each of which keeps its
/// connection alive.
public final class SQLiteConnection {
    public enum Mode: Sendable {
        /// Makes the file if it is not there.
        case writing
        case reading
        /// For a file that nobody writes, in a folder where no other file may be made.
        case readingUnchanged
    }

    let handle: OpaquePointer

    /// - Parameter patience: milliseconds for which another connection's lock is waited for.
    public init(path: String, mode: Mode, patience: CInt) throws(SQLiteError) {
        var flags = SQLITE_OPEN_NOMUTEX
        var name = path
        switch mode {
        case .writing: flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        case .reading: flags |= SQLITE_OPEN_READONLY
        case .readingUnchanged:
            flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
            name = "file:\(Self.encoded(path))?immutable=1"
        }
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(name, &opened, flags, nil)
        guard let opened else { throw SQLiteError(code: SQLITE_NOMEM, message: "out of memory") }
        guard code == SQLITE_OK else {
            let error = SQLiteError(code: code, message: String(cString: sqlite3_errmsg(opened)))
            sqlite3_close_v2(opened)
            throw error
        }
        handle = opened
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, patience)
    }

    deinit { sqlite3_close_v2(handle) }

    /// In the path of a URI: all but unreserved characters and the slash are percent-encoded.
    private static func encoded(_ path: String) -> String {
        var encoded = ""
        for byte in path.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D...0x2F, 0x5F, 0x7E:
                encoded.unicodeScalars.append(UnicodeScalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += byte < 16 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }

    func error(_ code: CInt) -> SQLiteError {
        SQLiteError(code: code, message: String(cString: sqlite3_errmsg(handle)))
    }

    /// Nanoseconds of the monotonic clock from which on statements end with an error (`SQLiteError.isInterrupted`); nil: they take
    /// as long as they take. Looked at every so many steps of SQLite's own: some tens of microseconds.
    public var deadline: UInt64? {
        didSet {
            guard deadline != nil else { return sqlite3_progress_handler(handle, 0, nil, nil) }
            // The handler goes with the connection, and is called only from within calls to it.
            let context = Unmanaged.passUnretained(self).toOpaque()
            sqlite3_progress_handler(
                handle, Self.stepsBetweenLooks,
                { context in
                    guard let context else { return 0 }
                    return Unmanaged<SQLiteConnection>.fromOpaque(context).takeUnretainedValue().isLate ? 1 : 0
                }, context)
        }
    }

    private static let stepsBetweenLooks: CInt = 1000

    private var isLate: Bool {
        guard let deadline else { return false }
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec) >= deadline
    }

    /// Runs statements that give nothing.
    public func run(_ sql: String) throws(SQLiteError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(code) }
    }

    public func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
        try SQLiteStatement(self, sql)
    }

    /// The first value of the first row; nil: there is none.
    public func integer(_ sql: String) throws(SQLiteError) -> Int64? {
        let statement = try prepare(sql)
        return try statement.step() ? statement.optionalInteger(0) : nil
    }

    /// The first value of each row.
    public func integers(_ sql: String) throws(SQLiteError) -> [Int64] {
        let statement = try prepare(sql)
        var values: [Int64] = []
        while try statement.step() { values.append(statement.integer(0)) }
        return values
    }

    /// Rows that the last statement changed.
    public var changes: Int { Int(sqlite3_changes(handle)) }

    /// Runs the body within a transaction that is for writing from its beginning; undone if the body throws.
    public func transaction<Result>(_ body: () throws(SQLiteError) -> Result) throws(SQLiteError) -> Result {
        try run("BEGIN IMMEDIATE")
        do throws(SQLiteError) {
            let result = try body()
            try run("COMMIT")
            return result
        } catch {
            // SQLite may have undone it already.
            try? run("ROLLBACK")
            throw error
        }
    }
}
