import CSQLite

/// A statement that can be run again and again; for the thread of its connection.
///
/// Invariant: `handle` belongs to `connection`, which lives as long, and is finalised in `deinit` alone. Texts are copied in both
/// directions, so no pointer outlives a call.
public final class SQLiteStatement {
    private let connection: SQLiteConnection
    private let handle: OpaquePointer
    /// The next parameter to be bound, from 1.
    private var next: CInt = 1
    private var failure: CInt = SQLITE_OK

    init(_ connection: SQLiteConnection, _ sql: String) throws(SQLiteError) {
        var prepared: OpaquePointer?
        let code = sqlite3_prepare_v2(connection.handle, sql, -1, &prepared, nil)
        guard code == SQLITE_OK else { throw connection.error(code) }
        guard let prepared else { throw SQLiteError(code: SQLITE_MISUSE, message: "an empty statement") }
        self.connection = connection
        handle = prepared
    }

    deinit { sqlite3_finalize(handle) }

    // MARK: Parameters, in their order

    /// Begins anew: with the first parameter, before the first row.
    public func reset() {
        sqlite3_reset(handle)
        next = 1
        failure = SQLITE_OK
    }

    private func note(_ code: CInt) {
        if code != SQLITE_OK, failure == SQLITE_OK { failure = code }
        next += 1
    }

    public func bind(_ value: Int64) { note(sqlite3_bind_int64(handle, next, value)) }
    public func bind(_ value: Int) { bind(Int64(value)) }
    public func bind(_ value: UInt64) { bind(Int64(clamping: value)) }
    public func bind(_ value: Bool) { bind(Int64(value ? 1 : 0)) }
    public func bindNull() { note(sqlite3_bind_null(handle, next)) }

    public func bind(_ value: UInt64?) {
        if let value { bind(value) } else { bindNull() }
    }

    public func bind(_ value: Double?) {
        if let value { note(sqlite3_bind_double(handle, next, value)) } else { bindNull() }
    }

    public func bind(_ value: String?) {
        guard var value else { return bindNull() }
        let code = value.withUTF8 { bytes in
            // An empty buffer may have no address, which would be bound as NULL.
            bytes.withMemoryRebound(to: CChar.self) { bytes in
                guard let start = bytes.baseAddress else { return nexus_sqlite_bind_text(handle, next, "", 0) }
                return nexus_sqlite_bind_text(handle, next, start, CInt(clamping: bytes.count))
            }
        }
        note(code)
    }

    public func bind(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return note(sqlite3_bind_zeroblob(handle, next, 0)) }
        note(nexus_sqlite_bind_blob(handle, next, bytes, CInt(clamping: bytes.count)))
    }

    // MARK: Rows

    /// - Returns: there is a row.
    public func step() throws(SQLiteError) -> Bool {
        guard failure == SQLITE_OK else { throw connection.error(failure) }
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code:
            let error = connection.error(code)
            sqlite3_reset(handle)
            throw error
        }
    }

    /// Runs it for what it does, and makes it ready to be run again.
    public func run() throws(SQLiteError) {
        defer { reset() }
        while try step() {}
    }

    public func isNull(_ column: Int) -> Bool { sqlite3_column_type(handle, CInt(column)) == SQLITE_NULL }
    public func integer(_ column: Int) -> Int64 { sqlite3_column_int64(handle, CInt(column)) }
    public func double(_ column: Int) -> Double { sqlite3_column_double(handle, CInt(column)) }
    public func optionalInteger(_ column: Int) -> Int64? { isNull(column) ? nil : integer(column) }
    public func unsigned(_ column: Int) -> UInt64 { UInt64(max(0, integer(column))) }
    public func optionalUnsigned(_ column: Int) -> UInt64? { isNull(column) ? nil : unsigned(column) }

    /// Empty for NULL. What is no UTF-8 in a file that others wrote is replaced.
    public func text(_ column: Int) -> String {
        guard let bytes = sqlite3_column_text(handle, CInt(column)) else { return "" }
        let count = Int(sqlite3_column_bytes(handle, CInt(column)))
        return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    /// Empty for NULL.
    public func blob(_ column: Int) -> [UInt8] {
        guard let bytes = sqlite3_column_blob(handle, CInt(column)) else { return [] }
        return Array(UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(handle, CInt(column)))))
    }

    public func optionalText(_ column: Int) -> String? { isNull(column) ? nil : text(column) }
}
