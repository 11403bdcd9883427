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
    public struct Key: Sendable, Equatable {
        public var name: String
        public var role: KeyRole
        public var figures: KeyUsage.Figures
        public init(name: String, role: KeyRole, figures: KeyUsage.Figures) {
            self.name = name
            self.role = role
            self.figures = figures
        }
    }
    public struct Model: Sendable, Equatable {
        public var name: String
        public var requests: UInt64
        public var averageDurationMilliseconds: Double
        public var tokens: TokenFigures
        public init(
            name: String, requests: UInt64 = 0, averageDurationMilliseconds: Double = 0,
            tokens: TokenFigures = TokenFigures()
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
    /// Sorted by name; empty: none are configured.
    public var keys: [Key] = []
    /// Every model of a healthy backend, sorted by name, asked for or not: as many as are available.
    public var models: [Model]
    /// Models that were asked for while a backend had them, and that no healthy backend has now; sorted by name.
    public var formerModels: [Model]
    /// All requests that named no model, or one that no backend had.
    public var otherModels: Model

    /// How well attempts went, by backend and model: those with the most in a day.
    public var quality: [QualityFigures.Pair] = []
    /// Pairs of a backend and a model that are left out of it.
    public var qualityOmitted = 0
    /// Pairs in an answer.
    public static let qualityLimit = 200

    /// The name of what is counted together.
    public static let otherName = "(other)"

    public init(
        uptimeSeconds: UInt64 = 0, requests: Requests = Requests(), backends: [Backend] = [], models: [Model] = [],
        formerModels: [Model] = [], otherModels: Model = Model(name: otherName)
    ) {
        self.uptimeSeconds = uptimeSeconds
        self.requests = requests
        self.backends = backends
        self.models = models
        self.formerModels = formerModels
        self.otherModels = otherModels
    }

    /// The figures of an instant.
    public init(uptimeSeconds: UInt64, figures: ExchangeFigures, views: [BackendView]) {
        let backends = figures.backends
        let counted = figures.models
        var available: [String: Model] = [:]
        for view in views where view.status.serves {
            for model in view.models { available[model.id] = Model(name: model.id) }
        }
        var former: [Model] = []
        for model in counted {
            if available[model.name] == nil { former.append(model) } else { available[model.name] = model }
        }
        self.init(
            uptimeSeconds: uptimeSeconds, requests: figures.totals,
            backends: views.map {
                Backend(
                    id: $0.id, name: $0.name, requests: $0.totalRequests + (backends[$0.id]?.requestsBefore ?? 0),
                    averageLatencyMilliseconds: $0.averageLatencyMilliseconds, pending: $0.pendingRequests,
                    tokens: backends[$0.id]?.tokens ?? TokenFigures())
            },
            models: available.values.sorted { $0.name < $1.name }, formerModels: former,
            otherModels: figures.otherModels)
    }
}
