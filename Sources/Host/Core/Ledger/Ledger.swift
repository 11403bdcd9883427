import Synchronization

/// Takes something of every exchange that has ended: a list, sums, live updates. Entries come in order, each once, one batch
/// at a time. The ledger is locked meanwhile: a sink, and whatever it wakes, returns at once and settles nothing.
public protocol LedgerSink: AnyObject, Sendable {
    func take(_ entries: [HistoryEntry])
}

/// The record of every exchange, once each. Event loops put what has ended into pages of their own; the ledger settles them
/// later, off the way of requests: folds the events, numbers the entries, and gives them to its sinks. Whoever reads a sink
/// settles first, and so sees everything that had ended by then.
public final class Ledger: Sendable {
    /// What one event loop has written and the ledger has not settled. Written on that loop only, settled on any thread.
    public final class Page: Sendable {
        /// Records that may wait; the one that exceeds them settles.
        public static let limit = 4096

        private let ledger: Ledger
        private let records = Mutex<[ExchangeRecord]>([])

        fileprivate init(_ ledger: Ledger) { self.ledger = ledger }

        /// Takes the record of an exchange that has ended.
        /// - Returns: it is the first that waits, so that somebody is to settle soon.
        public func write(_ record: ExchangeRecord) -> Bool {
            assert(record.timeline.isEnded, "an exchange is recorded before its end")
            let count = records.withLock { records in
                records.append(record)
                return records.count
            }
            if count >= Self.limit { ledger.settle() }
            return count == 1
        }

        fileprivate func tear() -> [ExchangeRecord] {
            records.withLock { records in
                defer { records = [] }
                return records
            }
        }
    }

    private struct State {
        var pages: [Page] = []
        var sequence: UInt64 = 0
    }

    public let instance: GatewayInstance
    private let sinks: [any LedgerSink]
    /// Held while a batch is settled, so that sinks see the entries in their order.
    private let state = Mutex(State())

    public init(instance: GatewayInstance, sinks: [any LedgerSink]) {
        self.instance = instance
        self.sinks = sinks
    }

    /// A page for one more event loop.
    public func page() -> Page {
        let page = Page(self)
        state.withLock { $0.pages.append(page) }
        return page
    }

    /// Gives everything that has ended to the sinks, in the order of the ends. On any thread.
    public func settle() {
        state.withLock { state in
            var records = state.pages.flatMap { $0.tear() }
            guard !records.isEmpty else { return }
            if state.pages.count > 1 {
                records.sort { Self.end(of: $0) < Self.end(of: $1) }
            }
            let entries = records.map { record in
                state.sequence += 1
                var entry = EntryLimits.clean(HistoryEntry(record), now: record.endedAt)
                entry.sequence = state.sequence
                entry.instance = instance
                return entry
            }
            for sink in sinks { sink.take(entries) }
        }
    }

    private static func end(of record: ExchangeRecord) -> UInt64 {
        record.timeline.entries.last?.time.uptimeNanoseconds ?? 0
    }
}
