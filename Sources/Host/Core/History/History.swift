import Synchronization

/// The newest exchanges. A sink of the ledger; callable from any thread.
public final class History: LedgerSink {
    private let ring: Mutex<HistoryRing>

    public init(capacity: Int) { ring = Mutex(HistoryRing(capacity: capacity)) }

    /// Entries that it may hold; with fewer than there are, the newest stay.
    public var capacity: Int {
        get { ring.withLock { $0.capacity } }
        set { ring.withLock { if $0.capacity != max(1, newValue) { $0 = $0.resized(to: newValue) } } }
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
