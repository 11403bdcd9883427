/// The figures of `GET /v1/stats` at one instant.
public struct Statistics: Sendable, Equatable {
    public struct Requests: Sendable, Equatable {
        public var total: UInt64 = 0
        public var success: UInt64 = 0
        public var errors: UInt64 = 0
        public init() {}
    }
    public struct Backend: Sendable, Equatable {
        public var id: String
        public var name: String
        public var requests: UInt64
        public var averageLatencyMilliseconds: Double
        public var pending: Int
        public var tokens: TokenFigures
        public init(
            id: String, name: String, requests: UInt64, averageLatencyMilliseconds: Double, pending: Int,
            tokens: TokenFigures = TokenFigures()
        ) {
            self.id = id
            self.name = name
            self.requests = requests
            self.averageLatencyMilliseconds = averageLatencyMilliseconds
            self.pending = pending
            self.tokens = tokens
        }
    }
    public struct Model: Sendable, Equatable {
        public var name: String
        public var requests: UInt64
        public var averageDurationMilliseconds: Double
        public var tokens: TokenFigures
        public init(
            name: String, requests: UInt64, averageDurationMilliseconds: Double, tokens: TokenFigures = TokenFigures()
        ) {
            self.name = name
            self.requests = requests
            self.averageDurationMilliseconds = averageDurationMilliseconds
            self.tokens = tokens
        }
    }

    public var uptimeSeconds: UInt64
    public var requests: Requests
    public var backends: [Backend]
    public var models: [Model]

    public init(
        uptimeSeconds: UInt64 = 0, requests: Requests = Requests(), backends: [Backend] = [], models: [Model] = []
    ) {
        self.uptimeSeconds = uptimeSeconds
        self.requests = requests
        self.backends = backends
        self.models = models
    }
}
