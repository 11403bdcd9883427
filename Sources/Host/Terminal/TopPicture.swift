import JSON

/// What a running gateway tells of itself at one instant, as far as `nexus top` shows it. What is not known is nil.
public struct TopPicture: Sendable, Equatable {
    public struct Trouble: Sendable, Equatable {
        public var severity: String
        public var words: String
    }

    public struct Backend: Sendable, Equatable {
        public var name: String
        /// In a word, as the gateway tells it.
        public var state: String
        public var error: String?
        public var requests: Int64?
        public var pending: Int64?
        public var latency: Int64?
        public var models: Int
    }

    public struct Request: Sendable, Equatable {
        public var model: String
        public var backend: String?
        public var phase: String
        public var place: Int64?
        public var elapsed: Int64
        public var tokens: Int64?
        public var speed: Double?
        public var client: String?
    }

    public struct Record: Sendable, Equatable {
        public var time: Int64
        public var model: String
        public var backend: String
        public var duration: Int64
        public var isError: Bool
        public var message: String?
        public var attempts: Int64?
    }

    public var version: String?
    public var uptime: Int64?
    public var requests: Int64?
    public var errors: Int64?
    public var troubles: [Trouble] = []
    public var troublesOmitted: Int64 = 0
    public var backends: [Backend] = []
    public var active: [Request] = []
    public var activeTotal: Int64?
    /// The newest first.
    public var records: [Record] = []

    public init() {}

    /// - Parameters:
    ///   - health: the answer of `GET /health`, and so on.
    public init(
        health: JSONValue, statistics: JSONValue, trouble: JSONValue?, backends: JSONValue, active: JSONValue,
        history: JSONValue
    ) {
        version = health["version"]?.string
        uptime = statistics["uptime_seconds"]?.int
        requests = statistics["requests"]?["total"]?.int
        errors = statistics["requests"]?["errors"]?.int
        troubles = (trouble?["data"]?.array ?? []).map {
            Trouble(severity: $0["severity"]?.string ?? "", words: $0["words"]?.string ?? "")
        }
        troublesOmitted = trouble?["omitted"]?.int ?? 0
        self.backends = (backends["data"]?.array ?? []).map(Self.backend)
        self.active = (active["data"]?.array ?? []).map(Self.request)
        activeTotal = active["total"]?.int
        records = (history.array ?? []).reversed().map(Self.record)
    }

    private static func backend(_ value: JSONValue) -> Backend {
        Backend(
            name: value["name"]?.string ?? value["id"]?.string ?? "",
            state: value["state"]?.string ?? value["status"]?.string ?? "Unknown", error: value["last_error"]?.string,
            requests: value["total_requests"]?.int, pending: value["pending_requests"]?.int,
            latency: value["avg_latency_ms"]?.int,
            models: (value["models"]?.array?.count ?? 0) + Int(value["truncated"]?["models"]?.int ?? 0))
    }

    private static func request(_ value: JSONValue) -> Request {
        Request(
            model: value["model"]?.string ?? "", backend: value["backend"]?.string,
            phase: value["phase"]?.string ?? "", place: value["place"]?.int, elapsed: value["elapsed_ms"]?.int ?? 0,
            tokens: value["tokens"]?.int, speed: value["tokens_per_second"]?.double, client: value["client"]?.string)
    }

    private static func record(_ value: JSONValue) -> Record {
        Record(
            time: value["timestamp"]?.int ?? 0, model: value["model"]?.string ?? "",
            backend: value["backend_id"]?.string ?? "", duration: value["duration_ms"]?.int ?? 0,
            isError: value["status"]?.string != "Success", message: value["error_message"]?.string,
            attempts: value["attempts"]?.int)
    }
}
