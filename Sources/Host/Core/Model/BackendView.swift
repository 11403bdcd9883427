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
    /// The adapter's type, e.g. "ollama".
    public var backendType: String
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
