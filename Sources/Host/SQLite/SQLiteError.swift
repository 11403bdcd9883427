import CSQLite

/// What SQLite says went wrong.
public struct SQLiteError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The extended result code.
    public var code: CInt
    public var message: String

    public init(code: CInt, message: String) {
        self.code = code
        self.message = message
    }

    /// The part of the code that says what kind of error it is.
    public var kind: CInt { code & 0xFF }

    public var isFull: Bool { kind == SQLITE_FULL }
    /// Another process has the lock.
    public var isBusy: Bool { kind == SQLITE_BUSY || kind == SQLITE_LOCKED }
    public var isReadOnly: Bool { kind == SQLITE_READONLY }
    public var cannotOpen: Bool { kind == SQLITE_CANTOPEN }
    /// It was ended at its deadline.
    public var isInterrupted: Bool { kind == SQLITE_INTERRUPT }
    /// The file is damaged, or no database.
    public var isBroken: Bool { kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB }

    public var description: String { message }
}
