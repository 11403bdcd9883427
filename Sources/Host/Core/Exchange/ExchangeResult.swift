/// How an exchange went well. Counts are nil when the backend did not tell.
public struct ExchangeOutcome: Sendable, Equatable {
    public var promptTokens: UInt64?
    public var completionTokens: UInt64?
    public var cachedTokens: UInt64?
    /// `completionTokens` was counted from the pieces of a stream.
    public var isEstimated: Bool
    /// How long the server worked on the prompt, and how long it generated; nil when it did not tell.
    public var promptMicroseconds: UInt64?
    public var completionMicroseconds: UInt64?

    public init(
        promptTokens: UInt64? = nil, completionTokens: UInt64? = nil, cachedTokens: UInt64? = nil,
        isEstimated: Bool = false, promptMicroseconds: UInt64? = nil, completionMicroseconds: UInt64? = nil
    ) {
        self.promptTokens = promptTokens
        self.completionTokens = completionTokens
        self.cachedTokens = cachedTokens
        self.isEstimated = isEstimated
        self.promptMicroseconds = promptMicroseconds
        self.completionMicroseconds = completionMicroseconds
    }
}

/// Why an attempt failed.
public struct ExchangeFailure: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        /// The server could not be reached.
        case connect
        case timeout
        /// The server failed: 5xx, broken answer, closed too early.
        case upstream
        /// The server has no capacity now; not an illness.
        case busy
        /// The caller's fault.
        case rejected
        /// The server refuses the gateway's key.
        case auth
        /// This backend cannot do that.
        case unsupported
        /// The adapter's own fault.
        case adapter
    }

    public var kind: Kind
    /// The server's HTTP status; 0: none.
    public var status: Int
    public var retryAfterMilliseconds: UInt64
    /// For people.
    public var message: String
    /// The server's own error answer as JSON; may be empty.
    public var body: [UInt8]
    /// What is known of the work that was done until then.
    public var outcome: ExchangeOutcome
    /// The limit of time that was over; nil: something else failed.
    public var deadline: DeadlineKind?
    /// The server's, for the client.
    public var headers: [HeaderField]
    /// It says nothing of the backend, which had too little time.
    public var isBlameless = false

    public init(
        kind: Kind, status: Int = 0, retryAfterMilliseconds: UInt64 = 0, message: String, body: [UInt8] = [],
        outcome: ExchangeOutcome = ExchangeOutcome(), deadline: DeadlineKind? = nil, headers: [HeaderField] = []
    ) {
        self.kind = kind
        self.status = status
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.message = message
        self.body = body
        self.outcome = outcome
        self.deadline = deadline
        self.headers = headers
    }

    /// There is no room for the answer in the memory of all; nobody's fault.
    public static let outOfMemory = ExchangeFailure(
        kind: .busy,
        message: "The gateway has no memory left for this answer; the operator can raise server.max_memory_bytes.")

    /// The account that the gateway uses at the server has nothing left to pay with, whatever the adapter makes of that.
    public var isUnpaid: Bool { status == 402 && (kind == .busy || kind == .rejected) }
}
