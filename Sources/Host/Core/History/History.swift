import Synchronization

/// The newest exchanges. A sink of the ledger; callable from any thread.
public final class History: LedgerSink {
    private let ring: Mutex<HistoryRing>

    /// Entries that it may hold.
    public let capacity: Int

    public init(capacity: Int) {
        self.capacity = max(1, capacity)
        ring = Mutex(HistoryRing(capacity: capacity))
    }

    public func take(_ entries: [HistoryEntry]) {
        ring.withLock { ring in
            for entry in entries { ring.push(entry) }
        }
    }

    /// Oldest first.
    public var entries: [HistoryEntry] { ring.withLock { $0.entries } }

    /// Entries after the given sequence number, oldest first.
    public func entries(after sequence: UInt64) -> [HistoryEntry] {
        entries.filter { $0.sequence > sequence }
    }
}
