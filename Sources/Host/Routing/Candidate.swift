import Core

/// What the strategies look at: one backend that may be asked for the model.
public struct Candidate: Sendable, Equatable {
    /// Place in the snapshot's list of backends.
    public var index: Int
    /// Lower wins.
    public var priority: Int
    /// Requests that the server has to do, those of other clients included as far as it tells.
    public var work: Int
    /// Requests that it works on at once; at least 1.
    public var slots: Int
    /// Milliseconds until an answer began, of late; 0: not known.
    public var firstToken: Double
    public var readiness: ModelReadiness
    /// Failures in a row, a few at most.
    public var failures: Int
    /// The share of failures in the last five minutes, 0...1.
    public var errorRate: Double
    /// Until when it is asked only if no other can be, in nanoseconds of the monotonic clock; 0: it is not.
    public var asideUntil: UInt64

    public init(
        index: Int, priority: Int = 50, work: Int = 0, slots: Int = 1, firstToken: Double = 0,
        readiness: ModelReadiness = .unknown, failures: Int = 0, errorRate: Double = 0, asideUntil: UInt64 = 0
    ) {
        self.index = index
        self.priority = priority
        self.work = work
        self.slots = max(1, slots)
        self.firstToken = firstToken
        self.readiness = readiness
        self.failures = failures
        self.errorRate = errorRate
        self.asideUntil = asideUntil
    }

    /// As it stands now.
    /// - Parameters:
    ///   - model: its name at the backends.
    ///   - standing: of the model there; nil: no other backend has it.
    ///   - now: nanoseconds of the monotonic clock.
    init(_ index: Int, _ backend: BackendSnapshot, of model: String, _ standing: ModelStanding?, now: UInt64) {
        let counters = backend.counters
        self.init(
            index: index, priority: backend.identity.priority, work: counters.load, slots: counters.slots ?? 1,
            firstToken: standing?.firstToken(now: now) ?? 0, readiness: standing?.readiness ?? .unknown,
            failures: counters.recentFailures(now: now), errorRate: standing?.errorRate ?? 0,
            asideUntil: counters.asideUntil(model, now: now))
    }
}
