import NIOCore
import Synchronization

/// The places of one backend: how many exchanges it may be given at once, and who waits for one. Callable from any thread;
/// taking and giving back take no lock while no one waits.
public final class Capacity: Sendable {
    /// Exchanges that may wait for a place of one backend at once.
    public static let waiterLimit = 10_000

    private struct Waiting {
        /// In the order they came. Those that gave up are gone.
        var waiters: [(number: UInt64, waiter: Waiter)] = []
        var next: UInt64 = 0
    }

    private struct Waiter: Sendable {
        let loop: any EventLoop
        let wake: @Sendable () -> Void
    }

    private let taken = Atomic<Int>(0)
    /// How many wait: read without the lock when a place is given back.
    private let waiterCount = Atomic<Int>(0)
    private let waiting = Mutex(Waiting())

    public init() {}

    /// Places that are taken.
    public var inUse: Int { taken.load(ordering: .relaxed) }

    public var waiters: Int { waiterCount.load(ordering: .relaxed) }

    // MARK: Places

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
        wakeNext()
    }

    // MARK: Waiting

    /// Waits for a place. Afterwards the caller asks for a lease once more: one may have become free in between.
    /// - Parameters:
    ///   - loop: the waiter's own.
    ///   - wake: called at most once, on `loop`, when a place may be free. It may be taken again by then: whoever is woken
    ///     asks for a lease, and waits again if there is none. One that has no use for the place calls `wakeNext`.
    /// - Returns: nil if too many wait already.
    public func wait(on loop: any EventLoop, wake: @escaping @Sendable () -> Void) -> Ticket? {
        waiting.withLock { waiting in
            guard waiting.waiters.count < Self.waiterLimit else { return nil }
            let number = waiting.next
            waiting.next += 1
            waiting.waiters.append((number, Waiter(loop: loop, wake: wake)))
            waiterCount.store(waiting.waiters.count, ordering: .sequentiallyConsistent)
            return Ticket(capacity: self, number: number)
        }
    }

    /// One of those that wait, as it can give up.
    public struct Ticket: Sendable {
        fileprivate let capacity: Capacity
        fileprivate let number: UInt64

        /// Waits no longer. False: it was woken before, and its `wake` runs or has run.
        public func giveUp() -> Bool { capacity.remove(number) }
    }

    private func remove(_ number: UInt64) -> Bool {
        waiting.withLock { waiting in
            guard let index = waiting.waiters.firstIndex(where: { $0.number == number }) else { return false }
            waiting.waiters.remove(at: index)
            waiterCount.store(waiting.waiters.count, ordering: .sequentiallyConsistent)
            return true
        }
    }

    /// Wakes the one that has waited longest.
    public func wakeNext() {
        guard waiterCount.load(ordering: .sequentiallyConsistent) > 0 else { return }
        let waiter = waiting.withLock { waiting -> Waiter? in
            guard !waiting.waiters.isEmpty else { return nil }
            let first = waiting.waiters.removeFirst()
            waiterCount.store(waiting.waiters.count, ordering: .sequentiallyConsistent)
            return first.waiter
        }
        if let waiter { waiter.loop.execute(waiter.wake) }
    }

    /// Wakes all: the limit has been raised, or the backend takes no more requests.
    public func wakeAll() {
        for _ in 0..<waiters { wakeNext() }
    }
}

/// A place at a backend. It is given back when it is dropped: exactly once, since it cannot be copied.
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
