import Synchronization

/// Places for exchanges, such as those of one backend: how many may be under way at once. Callable from any thread, without a
/// lock. Who waits for one is `Admission`'s.
public final class Capacity: Sendable {
    private let taken = Atomic<Int>(0)

    public init() {}

    /// Places that are taken.
    public var inUse: Int { taken.load(ordering: .relaxed) }

    /// Whether fewer than `limit` places are taken now.
    public func hasPlace(limit: Int?) -> Bool {
        // In one order with the count of those that wait, or a place might become free unseen by both.
        limit.map { taken.load(ordering: .sequentiallyConsistent) < $0 } ?? true
    }

    /// Takes a place if fewer than `limit` are taken.
    /// - Parameters:
    ///   - limit: nil: there is none.
    ///   - trial: that the lease carries, and gives back when it ends.
    public func lease(limit: Int?, trial: BreakerGate.Trial? = nil) -> Lease? {
        guard let limit else {
            taken.add(1, ordering: .sequentiallyConsistent)
            return Lease(self, trial)
        }
        // Never one too many, not even for a moment: that would cost somebody else a place that is free.
        var now = taken.load(ordering: .sequentiallyConsistent)
        while now < limit {
            let (exchanged, original) = taken.weakCompareExchange(
                expected: now, desired: now + 1, ordering: .sequentiallyConsistent)
            if exchanged { return Lease(self, trial) }
            now = original
        }
        return nil
    }

    fileprivate func giveBack() {
        let left = taken.subtract(1, ordering: .sequentiallyConsistent).newValue
        assert(left >= 0, "a place was given back twice")
    }
}

/// A place, such as one at a backend. It is given back when it is dropped: exactly once, since it cannot be copied.
public struct Lease: ~Copyable, Sendable {
    private let capacity: Capacity
    /// The attempt is a trial of the backend's breaker; it ends with the lease, so that none is lost.
    public let trial: BreakerGate.Trial?

    fileprivate init(_ capacity: Capacity, _ trial: BreakerGate.Trial?) {
        self.capacity = capacity
        self.trial = trial
    }

    deinit {
        trial?.giveBack()
        capacity.giveBack()
    }

    /// Gives the place back.
    public consuming func end() {}
}
