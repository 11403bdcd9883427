import Synchronization

/// The figures of one backend that change with every request. Written from any event loop without a lock.
public final class BackendCounters: Sendable {
    /// Its places.
    public let capacity = Capacity()
    public let breaker: BreakerGate
    public let pulse = Pulse()
    private let totalCount = Atomic<UInt64>(0)
    private let failureCount = Atomic<UInt64>(0)
    private let successCount = Atomic<UInt64>(0)
    private let microsecondSum = Atomic<UInt64>(0)
    /// Bit pattern of a Double: an exponentially weighted mean, for routing.
    private let recentBits = Atomic<UInt64>(0)

    /// Requests of others at the server when it last told.
    private let foreignCount = Atomic<Int>(0)
    /// Requests that the server works on at once, when it last told; 0: it has not.
    private let slotCount = Atomic<Int>(0)

    /// Until when the server wants to be left alone.
    private let rests = Rests()
    /// No server is left alone for longer, whatever it says.
    public static let longestRest: UInt64 = 24 * 3600 * 1000

    /// Failures since the last success, and when the last one was.
    private let failureStreak = Atomic<Int>(0)
    private let lastFailure = Atomic<UInt64>(0)
    /// When the first of them was.
    private let firstFailure = Atomic<UInt64>(0)

    /// Share of the newest sample in the recent latency.
    private static let newestShare = 0.2

    public init(breaker rules: Configuration.Breaker = Configuration.Breaker()) { breaker = BreakerGate(rules) }

    public var inFlight: Int { capacity.inUse }
    /// Requests of other clients that the server works on or lets wait, as far as it tells.
    public var foreign: Int { foreignCount.load(ordering: .relaxed) }
    /// What the server has to do: for us, and for others.
    public var load: Int { inFlight + foreign }

    /// Requests that the server works on at once; nil: it has not told.
    public var slots: Int? {
        let count = slotCount.load(ordering: .relaxed)
        return count > 0 ? count : nil
    }

    /// Takes what the server told of its load, this gateway's requests included.
    func note(_ load: ServerLoad) {
        foreignCount.store(max(0, load.total - inFlight), ordering: .relaxed)
        if let slots = load.slots { slotCount.store(slots, ordering: .relaxed) }
    }

    /// Leaves the server alone for this long, where another can serve: it said so.
    /// - Parameters:
    ///   - model: it alone; nil: all of them.
    ///   - now: nanoseconds of the monotonic clock.
    public func rest(_ model: String? = nil, milliseconds: UInt64, now: UInt64) {
        rests.rest(model, until: now &+ min(milliseconds, Self.longestRest) * 1_000_000, now: now)
    }

    /// Until when the server wants to be left alone with this model; 0: it does not want that, or not any more.
    public func restEnd(for model: String, now: UInt64) -> UInt64 { rests.end(for: model, now: now) }

    /// Failures since the last success, and when the last one was, in nanoseconds of the monotonic clock.
    var failuresInARow: (count: Int, last: UInt64) {
        let count = failureStreak.load(ordering: .relaxed)
        return (count, count == 0 ? 0 : lastFailure.load(ordering: .relaxed))
    }

    /// Failures since the last success, and when the first of them was, in nanoseconds of the monotonic clock.
    public var failureRun: (count: Int, since: UInt64) {
        let count = failureStreak.load(ordering: .relaxed)
        return (count, count == 0 ? 0 : firstFailure.load(ordering: .relaxed))
    }

    /// What the server wants to be left alone with, and until when.
    public func restList(now: UInt64) -> [RestTable.Resting] { rests.all(now: now) }

    public var total: UInt64 { totalCount.load(ordering: .relaxed) }
    public var failures: UInt64 { failureCount.load(ordering: .relaxed) }
    public var successes: UInt64 { successCount.load(ordering: .relaxed) }

    /// Takes a place for an attempt if fewer than `limit` are taken, and a trial where the breaker wants one.
    /// - Parameters:
    ///   - now: nanoseconds of the monotonic clock.
    ///   - isLastResort: also where the breaker has no trial to give: nobody else can serve. It is none then.
    public func begin(limit: Int?, now: UInt64 = 0, isLastResort: Bool = true) -> Lease? {
        if breaker.isClosed { return begin(limit: limit, trial: nil) }
        switch breaker.ask(now: now) {
        case .free: return begin(limit: limit, trial: nil)
        case .no: return isLastResort ? begin(limit: limit, trial: nil) : nil
        case .trial(let trial):
            guard let lease = begin(limit: limit, trial: trial) else {
                trial.giveBack()
                return nil
            }
            return lease
        }
    }

    private func begin(limit: Int?, trial: BreakerGate.Trial?) -> Lease? {
        guard let lease = capacity.lease(limit: limit, trial: trial) else { return nil }
        totalCount.add(1, ordering: .relaxed)
        return lease
    }

    /// How an attempt ended, as far as the backend is to blame or to praise.
    public enum End: Sendable {
        case success(microseconds: UInt64)
        case failure
        /// The caller's fault, or no one's.
        case neutral

        public var isSuccess: Bool { if case .success = self { true } else { false } }
    }

    /// Tells the breaker how an attempt ended, and whether the server lives.
    /// - Parameters:
    ///   - trial: that the attempt's lease carried.
    ///   - message: why it failed.
    ///   - now: nanoseconds of the monotonic clock.
    /// - Returns: whether what is shown of the backend has changed.
    public func told(
        _ outcome: Breaker.Outcome, trial: BreakerGate.Trial?, message: @autoclosure () -> String = "", now: UInt64
    ) -> Bool {
        switch outcome {
        case .neutral: return false
        case .success:
            pulse.hear(at: now)
            if failureStreak.load(ordering: .relaxed) != 0 { failureStreak.store(0, ordering: .relaxed) }
        case .failure, .unreachable:
            if failureStreak.add(1, ordering: .relaxed).oldValue == 0 { firstFailure.store(now, ordering: .relaxed) }
            lastFailure.store(now, ordering: .relaxed)
        }
        return breaker.ended(outcome, trial: trial, successes: successes, message: message(), now: now)
    }

    /// Counts how an attempt ended. Its lease is the caller's to end.
    /// - Parameters:
    ///   - model: that was asked for.
    ///   - began: when the attempt did, in nanoseconds of the monotonic clock.
    public func ended(_ end: End, model: String = "", began: UInt64 = 0) {
        let microseconds: UInt64
        switch end {
        case .neutral: return
        case .failure:
            failureCount.add(1, ordering: .relaxed)
            return
        case .success(let duration): microseconds = duration
        }
        successCount.add(1, ordering: .relaxed)
        rests.served(model, began: began)
        microsecondSum.grow(by: microseconds)
        // Two writers at once may lose one sample of a mean that forgets anyway.
        let before = Double(bitPattern: recentBits.load(ordering: .relaxed))
        let sample = Double(microseconds) / 1000
        let after = before == 0 ? sample : before + Self.newestShare * (sample - before)
        recentBits.store(after.bitPattern, ordering: .relaxed)
    }

    /// Milliseconds over all successes; 0 before the first.
    public var averageLatencyMilliseconds: Double {
        let count = successes
        return count == 0 ? 0 : Double(microsecondSum.load(ordering: .relaxed)) / 1000 / Double(count)
    }

    /// Milliseconds, weighted towards the newest; 0 before the first.
    public var recentLatencyMilliseconds: Double { Double(bitPattern: recentBits.load(ordering: .relaxed)) }
}
