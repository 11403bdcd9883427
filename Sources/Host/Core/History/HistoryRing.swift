/// The newest `capacity` entries, oldest first. Push and eviction are O(1); nothing is shifted.
public struct HistoryRing: Sendable {
    public static let defaultCapacity = 100

    public let capacity: Int
    private var slots: ContiguousArray<HistoryEntry> = []
    private var head = 0

    /// A capacity below 1 counts as 1.
    public init(capacity: Int = HistoryRing.defaultCapacity) {
        self.capacity = max(1, capacity)
    }

    public var count: Int { slots.count }

    public mutating func push(_ entry: HistoryEntry) {
        if slots.count < capacity {
            slots.append(entry)
        } else {
            slots[head] = entry
            head = head + 1 == capacity ? 0 : head + 1
        }
    }

    /// The same with room for another number, of which the newest stay.
    public func resized(to capacity: Int) -> HistoryRing {
        var ring = HistoryRing(capacity: capacity)
        for entry in entries.suffix(ring.capacity) { ring.push(entry) }
        return ring
    }

    /// All entries in the order they were pushed. O(count).
    public var entries: [HistoryEntry] {
        Array(slots[head...]) + Array(slots[..<head])
    }
}
