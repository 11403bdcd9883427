/// Which series are wanted.
public struct SeriesQuery: Sendable, Equatable {
    /// What each series is about.
    public enum Grouping: String, Sendable, CaseIterable {
        case total
        case backend
        case model
    }

    public var window: SeriesWindow
    public var grouping: Grouping
    /// Only what a backend did, by its id.
    public var backend: String?
    /// Only what was asked of a model, by its name at the backends.
    public var model: String?
    public var metrics: [SeriesMetric]
    /// Series in the answer; those with the most requests.
    public var limit: Int

    /// Of `limit`: bounds the answer to some 500 KB.
    public static let mostSeries = 100

    public init(
        window: SeriesWindow = .hour, grouping: Grouping = .total, backend: String? = nil, model: String? = nil,
        metrics: [SeriesMetric] = SeriesMetric.allCases, limit: Int = 50
    ) {
        self.window = window
        self.grouping = grouping
        self.backend = backend
        self.model = model
        self.metrics = metrics
        self.limit = limit
    }
}

/// The series that were wanted.
public struct SeriesList: Sendable, Equatable {
    public struct Row: Sendable, Equatable {
        /// The backend's id; nil: it is not of one alone.
        public var backend: String?
        /// nil: it is not of one alone.
        public var model: String?
        /// What there was no room for, or no name.
        public var isRest = false
        /// In the whole window.
        public var requests: UInt64 = 0
        /// By metric, in the order of the query; nil where it is not known.
        public var values: [[Double?]] = []
    }

    /// As programs ask for it.
    public var window: String
    /// Seconds of a step.
    public var step: Int64
    /// When the first step begins, in Unix seconds.
    public var from: Int64
    /// Now, in Unix seconds: the last step is under way.
    public var to: Int64
    /// For each step the seconds in which the gateway ran.
    public var awakeSeconds: [Int] = []
    public var metrics: [SeriesMetric]
    public var rows: [Row] = []
    /// Series that are not told for want of room.
    public var leftOut = 0
    /// The share by which a quantile may be off.
    public var quantileError = 0.0
    /// Backends and models at backends that made room for others.
    public var folded: UInt64 = 0
}
