/// Exchanges whose spans wait to be sent, within bounds, and what became of the others. A value.
public struct SpanQueue: Sendable {
    public struct Item: Sendable {
        public var entry: HistoryEntry
        /// Of the wall clock to the monotonic one when it came, in nanoseconds.
        public var offset: Int64

        public init(_ entry: HistoryEntry, offset: Int64) {
            self.entry = entry
            self.offset = offset
        }

        /// Spans that are made of it.
        public var spans: UInt64 { UInt64(1 + max(0, entry.attempts)) }
    }

    /// Exchanges that wait; about 1 KB each.
    public static let limit = 8192
    /// Exchanges whose spans are sent at once.
    public static let batch = 256

    private var items: [Item] = []
    /// Spans that a collector has taken.
    public private(set) var exported: UInt64 = 0
    /// Spans that nobody will see.
    public private(set) var dropped: UInt64 = 0

    public init() {}

    public var count: Int { items.count }
    public var isEmpty: Bool { items.isEmpty }
    /// There is enough for one request.
    public var isBatch: Bool { items.count >= Self.batch }

    /// What finds no room is dropped: the older ones are of the time when the trouble began.
    public mutating func add(_ item: Item) {
        guard items.count < Self.limit else { return drop(item.spans) }
        items.append(item)
    }

    /// What is to be sent next, in its order.
    public mutating func take() -> [Item] {
        let batch = Array(items.prefix(Self.batch))
        items.removeFirst(batch.count)
        return batch
    }

    /// They could not be sent, and are the next again.
    public mutating func giveBack(_ batch: [Item]) {
        let room = Self.limit - batch.count
        for item in items.dropFirst(room) { drop(item.spans) }
        items = batch + items.prefix(room)
    }

    /// Nobody wants what waits any more.
    public mutating func clear() {
        for item in items { drop(item.spans) }
        items = []
    }

    public mutating func export(_ spans: UInt64) { exported += spans }
    public mutating func drop(_ spans: UInt64) { dropped += spans }
}
