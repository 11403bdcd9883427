/// The terminal record of one exchange. `GET /v1/history` and `RequestComplete` updates are made of these.
public struct HistoryEntry: Sendable, Equatable {
    public enum Status: String, Sendable {
        case success = "Success"
        case error = "Error"
    }

    /// Unix seconds at which the exchange ended.
    public var timestamp: Int64
    /// What the client asked for; empty when the request named none.
    public var model: String
    /// `noBackend` when none could be chosen.
    public var backendID: String
    public var durationMilliseconds: UInt64
    public var status: Status
    /// Present exactly when `status` is `.error`.
    public var errorMessage: String?

    /// Position in the order of completion, from 1. Given by the ledger.
    public var sequence: UInt64 = 0
    /// Whose order that is. Given by the ledger.
    public var instance = GatewayInstance(id: "", startedAt: 0)
    public var requestID: String = ""
    /// Backends tried, 0 when none could be chosen.
    public var attempts: Int = 0
    /// HTTP status the client got; 499 when it went away before one was sent.
    public var statusCode: Int = 0
    public var stream: Bool = false
    /// From arrival of the request to the first token: the first piece of a stream, or what the server told of a whole
    /// answer; nil when neither is known.
    public var timeToFirstByteMilliseconds: UInt64?
    /// nil when the backend did not tell.
    public var promptTokens: UInt64?
    public var completionTokens: UInt64?
    public var cachedTokens: UInt64?
    /// `completionTokens` was counted from the pieces of a stream, since the backend did not tell.
    public var tokensEstimated = false
    /// Tokens of the answer a second, while it was generated; nil when unknown.
    public var tokensPerSecond: Double?
    /// The path the client asked for, e.g. "/v1/chat/completions".
    public var endpoint: String = ""

    /// The model's name at the backends, under which its figures are counted; nil: no backend has such a model, and the
    /// name is one that a client made up.
    public var knownModel: String?
    /// Tokens that the prompt was taken for by its bytes, to be compared with what the server counts; 0: nothing follows from it.
    /// Not shown.
    public var promptEstimate: UInt64 = 0

    /// Its attempts in their order, and why each went where it went. Empty where the only backend was asked once, at once, and
    /// nothing failed, or nobody was asked.
    public var route: [RouteStep] = []

    /// The address of its client; empty: unknown.
    public var client: String = ""
    /// The name of its client's key; nil: none.
    public var key: String?
    /// Of the request's body, and of the body that the client was sent; 0: none, or unknown.
    public var requestBytes: UInt64 = 0
    public var answerBytes: UInt64 = 0
    /// What happened and when; nil: it is not known any more.
    public var timeline: Timeline?
    /// Where it stands in a trace; nil: it is not traced. Not shown.
    public var trace: ExchangeTrace?

    /// In whose words its client spoke, by its path: "openai", "anthropic" or "ollama".
    public var api: String {
        if endpoint.hasPrefix("/v1/messages") { return "anthropic" }
        return endpoint.hasPrefix("/api/") ? "ollama" : "openai"
    }

    /// The `backend_id` of an exchange for which no backend could be chosen.
    public static let noBackend = "none"

    public init(
        timestamp: Int64, model: String, backendID: String, durationMilliseconds: UInt64, status: Status,
        errorMessage: String? = nil
    ) {
        self.timestamp = timestamp
        self.model = model
        self.backendID = backendID
        self.durationMilliseconds = durationMilliseconds
        self.status = status
        self.errorMessage = errorMessage
    }
}
