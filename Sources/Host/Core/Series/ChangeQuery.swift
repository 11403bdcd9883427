/// Which time is compared with what was before.
public struct ChangeQuery: Sendable, Equatable {
    /// Unix seconds.
    public var from: Int64
    public var to: Int64
    /// Only what a backend did, by its id.
    public var backend: String?
    /// Only what was asked of a model, by its name at the backends.
    public var model: String?
    /// Changes that are told.
    public var limit: Int

    /// Of `limit`.
    public static let mostChanges = 100
    /// Windows before that it is compared with, each as long.
    public static let windowsBefore = 4

    public init(from: Int64, to: Int64, backend: String? = nil, model: String? = nil, limit: Int = 20) {
        self.from = from
        self.to = to
        self.backend = backend
        self.model = model
        self.limit = limit
    }
}

/// What is other than it was.
public struct SeriesChanges: Sendable, Equatable {
    /// One figure of one backend, model at a backend, or of all.
    public struct Change: Sendable, Equatable {
        public var metric: ChangeMetric
        /// The backend's id; nil: all.
        public var backend: String?
        /// nil: all.
        public var model: String?
        /// In the metric's unit.
        public var now: Double
        /// The same in the windows before, the newest first; those of which it is known.
        public var before: [Double]
        /// How far it is out of the usual, times the share of requests that it is about: more is more.
        public var score: Double
        /// Requests in the window, for the metrics that are of requests.
        public var requests: UInt64
    }

    /// The time that was looked at, in whole steps; Unix seconds.
    public var from: Int64
    public var to: Int64
    /// Seconds of a step.
    public var step: Int64
    /// When each window before begins, the newest first; those of which something is known.
    public var before: [Int64] = []
    /// The most notable first.
    public var changes: [Change] = []
    /// Changes that are not told for want of room.
    public var leftOut = 0
    /// The share by which a quantile may be off.
    public var quantileError = 0.0
}

/// What may have changed. The names are part of `GET /v1/series/compare`.
public enum ChangeMetric: String, Sendable, CaseIterable {
    /// A second.
    case requests = "requests_per_second"
    /// Of the requests, 0...1.
    case errors = "error_rate"
    /// A second.
    case failedAttempts = "failed_attempts_per_second"
    case durationP50 = "duration_p50_ms"
    case durationP95 = "duration_p95_ms"
    case durationP99 = "duration_p99_ms"
    case firstTokenP50 = "ttft_p50_ms"
    case firstTokenP95 = "ttft_p95_ms"
    case tokensPerSecond = "tokens_per_second"
    case inFlight = "in_flight"
    case queued

    /// Figures of one thing: the one that changed most stands for all of them.
    var family: Int {
        switch self {
        case .durationP50, .durationP95, .durationP99: 1
        case .firstTokenP50, .firstTokenP95: 2
        case .requests: 3
        case .errors, .failedAttempts: 4
        case .tokensPerSecond: 5
        case .inFlight: 6
        case .queued: 7
        }
    }
}
