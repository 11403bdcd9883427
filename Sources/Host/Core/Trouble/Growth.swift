/// Watches a count that only grows: whether it has grown of late, by how much since that began, and when that was. Pure.
struct Growth: Sendable, Equatable {
    struct Spell: Sendable, Equatable {
        /// By how much it has grown since the spell began.
        var count: UInt64
        /// Unix seconds.
        var since: Double
    }

    private var total: UInt64 = 0
    private var before: UInt64 = 0
    private var last: UInt64?
    private var since = 0.0

    /// - Parameters:
    ///   - total: now; less than before counts as no growth.
    ///   - calm: nanoseconds without growth after which a spell is over.
    ///   - instant: nanoseconds of the monotonic clock.
    /// - Returns: the spell that goes on; nil: it is calm.
    mutating func see(_ total: UInt64, calm: UInt64, now: Double, instant: UInt64) -> Spell? {
        if let last, instant >= last &+ calm { self.last = nil }
        if total > self.total {
            if last == nil {
                before = self.total
                since = now
            }
            last = instant
        }
        self.total = max(self.total, total)
        return last == nil ? nil : Spell(count: self.total - before, since: since)
    }
}
