/// How often a backend that was well has ceased to be, of late and ever. Pure; instants are nanoseconds of the monotonic clock.
public struct FlapCount: Sendable, Equatable {
    /// Those within the last hour.
    public struct Recent: Sendable, Equatable {
        /// At most `limit`, however many there were.
        public var count = 0
        /// When the first and the last of them were; 0: there was none.
        public var first: UInt64 = 0
        public var last: UInt64 = 0

        public init(count: Int = 0, first: UInt64 = 0, last: UInt64 = 0) {
            self.count = count
            self.first = first
            self.last = last
        }
    }

    /// Instants that are kept.
    public static let limit = 100
    private static let hour: UInt64 = 3600 * 1_000_000_000

    /// Since the backend came.
    public private(set) var total: UInt64 = 0
    private var instants: [UInt64] = []

    public init() {}

    public mutating func note(at now: UInt64) {
        total += 1
        instants.removeAll { $0 &+ Self.hour <= now }
        if instants.count >= Self.limit { instants.removeFirst() }
        instants.append(now)
    }

    public func recent(now: UInt64) -> Recent {
        let recent = instants.filter { $0 &+ Self.hour > now }
        return Recent(count: recent.count, first: recent.first ?? 0, last: recent.last ?? 0)
    }
}
