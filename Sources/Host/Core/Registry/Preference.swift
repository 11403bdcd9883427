/// Which backends are asked behind others, whatever the strategy: at most three atomic loads where nothing is wrong.
extension BackendCounters {
    /// How many failures in a row count.
    private static let failuresCounted = 8
    /// How long failures in a row weigh.
    private static let failureMemory: UInt64 = 10_000_000_000

    /// Until when the backend is asked only if no other can be, in nanoseconds of the monotonic clock; 0: it is not.
    /// - Parameter model: for which it is asked.
    public func asideUntil(_ model: String = "", now: UInt64) -> UInt64 {
        var until = restEnd(for: model, now: now)
        let free = breaker.freeAt
        if free > now { until = max(until, free) }
        if pulse.isSuspect(now: now) { until = max(until, now &+ pulse.patience) }
        return until
    }

    /// Failures in a row of the last seconds that count against the backend: one whose attempts fail has less to do than the others,
    /// and would get the next one for it.
    public func recentFailures(now: UInt64) -> Int {
        let (count, last) = failuresInARow
        guard count > 0, now < last &+ Self.failureMemory else { return 0 }
        return min(count, Self.failuresCounted)
    }
}
