/// How many exchanges may be under way at once, in total and by model, beside the limits of the backends. A value; the
/// places are shared by all that were made from one another.
public struct ConcurrencyLimits: Sendable {
    public struct Limit: Sendable {
        /// As configured; empty: of the total.
        public let pattern: String
        public let maximum: Int
        public let capacity: Capacity

        public var hasPlace: Bool { capacity.hasPlace(limit: maximum) }
    }

    public let total: Limit?
    /// Those that come first count: exact names, then the longer patterns.
    public let models: [Limit]

    /// - Parameter old: those until now, whose places stay taken. What began under no limit is not counted.
    public init(_ settings: Configuration.Queue = Configuration.Queue(), keeping old: ConcurrencyLimits? = nil) {
        total = settings.maxConcurrent.map { maximum in
            Limit(pattern: "", maximum: maximum, capacity: old?.total?.capacity ?? Capacity())
        }
        let sorted = settings.models.sorted { NamePattern.precedes($0.key, $1.key) }
        models = sorted.map { pattern, maximum in
            let capacity = old?.models.first { $0.pattern == pattern }?.capacity
            return Limit(pattern: pattern, maximum: maximum, capacity: capacity ?? Capacity())
        }
    }

    public var isEmpty: Bool { total == nil && models.isEmpty }

    /// The one limit of a model: all models that its pattern fits share the places.
    public func limit(of model: String) -> Limit? { models.first { NamePattern.matches($0.pattern, model) } }

    /// Whether there may be a place.
    /// - Parameter pattern: of the model's limit.
    public func hasPlace(pattern: String?) -> Bool {
        if let total, !total.hasPlace { return false }
        guard let pattern, let limit = models.first(where: { $0.pattern == pattern }) else { return true }
        return limit.hasPlace
    }

    /// Takes a place of each limit that the model is under; nil: one has none.
    public func lease(model: String) -> SharedPlaces? {
        if isEmpty { return SharedPlaces(total: nil, model: nil) }
        let limit = limit(of: model)
        if let limit, !limit.hasPlace { return nil }
        var ofTotal: Lease?
        if let total {
            guard let lease = total.capacity.lease(limit: total.maximum) else { return nil }
            ofTotal = consume lease
        }
        guard let limit else { return SharedPlaces(total: ofTotal.take(), model: nil) }
        guard let lease = limit.capacity.lease(limit: limit.maximum) else { return nil }
        return SharedPlaces(total: ofTotal.take(), model: consume lease)
    }
}

/// The places of an exchange that are none of a backend's. Given back when it is dropped.
public struct SharedPlaces: ~Copyable, Sendable {
    private let total: Lease?
    private let model: Lease?

    fileprivate init(total: consuming Lease?, model: consuming Lease?) {
        self.total = total
        self.model = model
    }
}

/// All places of an exchange, from the choice of its backend to the end of the attempt there. Given back when it is dropped.
public struct Places: ~Copyable, Sendable {
    private let backend: Lease
    private let shared: SharedPlaces

    public init(backend: consuming Lease, shared: consuming SharedPlaces) {
        self.backend = backend
        self.shared = shared
    }

    /// Gives them back.
    public consuming func end() {}
}

/// Names with `*` in them, which stands for any text, also none.
public enum NamePattern {
    /// Whether the first counts more than the second where both fit: exact names do, then the longer patterns.
    public static func precedes(_ left: String, _ right: String) -> Bool {
        let (leftRank, rightRank) = (rank(left), rank(right))
        return leftRank == rightRank ? left < right : leftRank > rightRank
    }

    private static func rank(_ pattern: String) -> Int {
        pattern.utf8.contains(UInt8(ascii: "*")) ? pattern.utf8.count : .max
    }

    public static func matches(_ pattern: String, _ name: String) -> Bool {
        let (pattern, name) = (Array(pattern.utf8), Array(name.utf8))
        var (at, index) = (0, 0)
        /// Where the last star stands, and where what follows it was tried last.
        var star: (at: Int, index: Int)?
        while index < name.count {
            if at < pattern.count, pattern[at] == UInt8(ascii: "*") {
                star = (at, index)
                at += 1
            } else if at < pattern.count, pattern[at] == name[index] {
                at += 1
                index += 1
            } else if let last = star {
                star = (last.at, last.index + 1)
                (at, index) = (last.at + 1, last.index + 1)
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
