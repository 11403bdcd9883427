import Core

/// What the strategies look at: one healthy backend that has the model and was not tried yet.
public struct Candidate: Sendable, Equatable {
    /// Place in the snapshot's list of backends.
    public var index: Int
    /// Lower wins.
    public var priority: Int
    /// Requests the server has to do, those of other clients included as far as it tells, and what recent failures add.
    public var inFlight: Int
    /// Milliseconds; 0: not known yet.
    public var recentLatency: Double
    /// Until when it is asked only if no other can be, in nanoseconds of the monotonic clock; 0: it is not.
    public var asideUntil: UInt64

    public init(index: Int, priority: Int, inFlight: Int, recentLatency: Double, asideUntil: UInt64 = 0) {
        self.asideUntil = asideUntil
        self.index = index
        self.priority = priority
        self.inFlight = inFlight
        self.recentLatency = recentLatency
    }
}
