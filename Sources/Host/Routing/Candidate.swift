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
    /// Milliseconds until an answer of the kind that is asked for began, of late; 0: not known.
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
    ///   - standings: of the model; nil: no two backends have it.
    ///   - isWhole: a whole answer is asked for, not a stream.
    ///   - now: nanoseconds of the monotonic clock.
    init(
        _ index: Int, in snapshot: RegistrySnapshot, of model: String, _ standings: ModelStandings?, isWhole: Bool,
        now: UInt64
    ) {
        let backend = snapshot.backends[index].gauge(for: model, now: now)
        let known = standings?.gauge(at: index, isWhole: isWhole, now: now) ?? .unknown
        self.init(
            index: index, priority: backend.priority, work: backend.work, slots: backend.slots,
            firstToken: known.answerTime, readiness: known.readiness, failures: backend.failures,
            errorRate: known.errorRate, asideUntil: backend.asideUntil)
    }
}
