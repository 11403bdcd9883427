/// What is remembered of how one backend was: since when it is what it is, how often it ceased to be well, its probes. A value.
public struct BackendPast: Sendable {
    /// How a backend stands.
    public struct Standing: Sendable, Equatable {
        public var status: BackendStatus
        public var state: BackendState

        public init(status: BackendStatus, state: BackendState) {
            self.status = status
            self.state = state
        }
    }

    /// In Unix seconds; nil: it is what it was when it came.
    public private(set) var stateSince: Double?
    public private(set) var statusSince: Double?
    /// When the first of the probes failed that have failed since it was well; Unix seconds, nil: it is well.
    public private(set) var failingSince: Double?
    public private(set) var flaps = FlapCount()
    public private(set) var probes = ProbeStrip()
    /// What its server told of its load, and when, in Unix seconds.
    public private(set) var load: (told: ServerLoad, at: Double)?

    public init() {}

    /// - Parameters:
    ///   - now: the wall clock in Unix seconds.
    ///   - instant: nanoseconds of the monotonic clock.
    mutating func noteStanding(_ standing: Standing, before: Standing, now: Double, instant: UInt64) {
        if standing.state != before.state { stateSince = now }
        guard standing.status != before.status else { return }
        statusSince = now
        if before.status == .healthy, standing.status == .unhealthy || standing.status == .degraded {
            flaps.note(at: instant)
        }
    }

    /// - Parameter counts: false: the server was only too busy to answer.
    mutating func note(_ report: HealthReport, counts: Bool, now: Double, instant: UInt64) {
        let outcome: ProbeStrip.Outcome =
            switch report.outcome {
            case .healthy: .good
            case .loading: .loading
            case .unhealthy: counts ? .failed : .busy
            }
        probes.note(
            outcome, latency: report.latencyMilliseconds,
            message: outcome == .good ? "" : EntryLimits.cut(report.reason, to: EntryLimits.errorMessage), at: instant)
        if counts, outcome != .good, failingSince == nil { failingSince = now }
    }

    mutating func note(_ load: ServerLoad, now: Double) { self.load = (load, now) }

    /// Its probes are as they should be.
    mutating func isWell() { failingSince = nil }
}

/// How one backend stands at one instant, with what is remembered of it. Its counters are live.
public struct BackendCondition: Sendable {
    public var identity: BackendIdentity
    public var driver: any BackendDriver
    public var status: BackendStatus
    public var state: BackendState
    /// Why it is not well; nil: it is.
    public var reason: String?
    /// As in `BackendView`.
    public var stateReason: String?
    public var models: [Model]
    public var counters: BackendCounters
    public var past: BackendPast
    /// When it came into the registry, in Unix seconds.
    public var addedAt: Double
}
