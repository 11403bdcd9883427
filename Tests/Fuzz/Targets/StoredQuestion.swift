import Core
import SQLite
import Synchronization

@testable import Store

/// Asks an empty history, as pages and commands do.
enum StoredQuestion {
    private final class Memory {
        let connection: SQLiteConnection

        init() throws {
            connection = try SQLiteConnection(path: ":memory:", mode: .writing, patience: 0)
            try StoreSchema.prepare(connection)
        }
    }

    /// Invariant behind the unchecked Sendable: used within the lock alone.
    private struct Shared: @unchecked Sendable { let memory: Memory? }

    private static let shared = Mutex(Shared(memory: try? Memory()))

    /// The question is one that SQLite understands, whatever was asked for.
    static func ask(_ filter: HistoryFilter) throws(Broken) {
        try shared.withLock { shared throws(Broken) in
            guard let memory = shared.memory else { throw Broken("SQLite makes no tables") }
            let query = StoredQuery(filter)
            do throws(SQLiteError) {
                let statement = try memory.connection.prepare(query.sql)
                query.bind(to: statement, low: 0, end: 9, limit: 9)
                while try statement.step() {}
            } catch {
                throw Broken("SQLite says \(error) of \(query.sql)")
            }
        }
    }
}
