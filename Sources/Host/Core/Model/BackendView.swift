/// How a backend stands.
public enum BackendStatus: String, Sendable, Hashable {
    case healthy = "Healthy"
    /// Its probes are well, and its requests fail: it is asked only where no other can serve.
    case degraded = "Degraded"
    case unhealthy = "Unhealthy"
    /// Not probed yet.
    case unknown = "Unknown"
    /// Takes no new exchanges; ends when the running ones have.
    case draining = "Draining"

    /// It may be given requests.
    public var serves: Bool { self == .healthy || self == .degraded }

    /// In the words of the dashboard's contract, which has none for `degraded`: no page may show that as healthy.
    public var contractWord: String { self == .degraded ? Self.unhealthy.rawValue : rawValue }
}

/// How a backend stands and which way it is going: more than the four words of the dashboard's contract say.
public enum BackendState: String, Sendable, Hashable, CaseIterable {
    case healthy = "Healthy"
    /// It serves, and its last probes have failed.
    case goingDown = "GoingDown"
    case degraded = "Degraded"
    case unhealthy = "Unhealthy"
    /// It does not serve yet, and its last probes were well.
    case goingUp = "GoingUp"
    case unknown = "Unknown"
    case draining = "Draining"

    init(_ status: BackendStatus, _ heading: HealthTracker.Heading) {
        self =
            switch (status, heading) {
            case (.healthy, .down): .goingDown
            case (.unhealthy, .up): .goingUp
            case (.healthy, _): .healthy
            case (.degraded, _): .degraded
            case (.unhealthy, _): .unhealthy
            case (.unknown, _): .unknown
            case (.draining, _): .draining
            }
    }
}

/// How the gateway came to know a backend, in the words of the dashboard's contract.
public enum DiscoverySource {
    /// It stands in the configuration file.
    public static let configured = "static"
    /// An operator added it while the gateway ran.
    public static let manual = "manual"
    /// Nothing is configured, and it answered at the default address of its kind of server. Such a backend is neither
    /// `static`, since no file names it, nor `manual`, since nobody added it.
    public static let defaultAddress = "discovered"
}

/// Everything that is shown of one backend at one instant: the value behind `BackendStatus` updates,
/// the dashboard's cards and `nexus backends list`.
public struct BackendView: Sendable, Equatable {
    public var id: String
    public var name: String
    public var url: String
    /// As the operator has written it: an adapter's type, e.g. "ollama", or the name of a kind of server, e.g. "llamacpp".
    public var backendType: String
    /// The adapter's type, where `backendType` is another word.
    public var adapter: String?
    public var status: BackendStatus
    /// Unix seconds with fraction; nil before the first probe has ended.
    public var lastHealthCheck: Double?
    /// When it came into the registry, in Unix seconds: shown as the last check before there was one.
    public var addedAt: Double
    public var lastError: String?
    public var models: [Model]
    /// Lower wins.
    public var priority: Int
    public var pendingRequests: Int
    public var totalRequests: UInt64
    /// Of successful exchanges; 0 before the first.
    public var averageLatencyMilliseconds: Double
    /// As in `DiscoverySource`.
    public var discoverySource: String
    /// Sorted by key when written.
    public var metadata: [String: String]
    /// Which way its probes are going.
    public var heading = HealthTracker.Heading.steady
    /// Since when its `state` is what it is, in Unix seconds; nil: since it came.
    public var stateSince: Double?
    /// What is to be said of its state besides `lastError`, e.g. that an operator has drained it; at most some 100 bytes.
    public var stateReason: String?
    /// How often it ceased to be well within the last hour.
    public var flaps = 0

    public var state: BackendState { BackendState(status, heading) }

    public init(
        id: String, name: String, url: String, backendType: String, status: BackendStatus = .unknown,
        lastHealthCheck: Double? = nil, addedAt: Double = 0, lastError: String? = nil, models: [Model] = [],
        priority: Int = 0,
        pendingRequests: Int = 0, totalRequests: UInt64 = 0, averageLatencyMilliseconds: Double = 0,
        discoverySource: String = DiscoverySource.configured, metadata: [String: String] = [:]
    ) {
        self.id = id
        self.name = name
        self.url = url
        self.backendType = backendType
        self.status = status
        self.lastHealthCheck = lastHealthCheck
        self.addedAt = addedAt
        self.lastError = lastError
        self.models = models
        self.priority = priority
        self.pendingRequests = pendingRequests
        self.totalRequests = totalRequests
        self.averageLatencyMilliseconds = averageLatencyMilliseconds
        self.discoverySource = discoverySource
        self.metadata = metadata
    }
}
