import Synchronization

/// What is shown over time of the last five minutes, hour and day. A sink of the ledger, so that no request waits for it;
/// callable from any thread.
public final class SeriesFigures: LedgerSink {
    /// The most bytes that it takes, for any fleet.
    public static let memoryLimit = 16_000_000

    private let book = Mutex(SeriesBook())

    public init() {}

    public func take(_ entries: [HistoryEntry]) {
        book.withLock { book in
            entries.withUnsafeBufferPointer { entries in
                guard let first = entries.baseAddress else { return }
                for index in entries.indices { book.add(first + index) }
            }
        }
    }

    /// Takes what gauges show; to be called about once a second: seconds in which nobody looked count as such in which the
    /// gateway did not run.
    /// - Parameters:
    ///   - second: now, in Unix seconds.
    ///   - queued: requests that wait for a place.
    ///   - inFlight: attempts under way, by the backend's id.
    public func sample(at second: Int64, queued: Int, inFlight: [(backend: String, count: Int)]) {
        book.withLock { $0.sample(at: second, queued: queued, inFlight: inFlight) }
    }

    /// The series that are asked for. Takes some milliseconds where there are many.
    /// - Parameter now: Unix seconds.
    public func list(_ query: SeriesQuery, now: Int64) -> SeriesList {
        SeriesReader(book: book.withLock { $0 }, now: now).list(query)
    }

    /// What is other than in the windows before. Takes some milliseconds where there are many.
    /// - Parameter now: Unix seconds.
    public func changes(_ query: ChangeQuery, now: Int64) -> SeriesChanges {
        ChangeReader(book: book.withLock { $0 }, now: now).changes(query)
    }

    /// Whether anything is known of a model, at any backend.
    public func knows(model: String) -> Bool {
        book.withLock { $0.pairs }.contains { $0.key.model == model }
    }

    /// Whether anything is known of a backend.
    public func knows(backend: String) -> Bool { book.withLock { $0.backends }.contains { $0.id == backend } }

    /// Models at backends that are kept apart.
    public var pairCount: Int { book.withLock { $0.pairs.count } }

    /// Bytes that it takes now.
    public var bytes: Int { book.withLock { $0 }.bytes }
}
