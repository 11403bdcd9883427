import NIOCore

/// The exchange behind an attempt, as the adapter's calls reach it. All on the exchange's event loop.
public protocol AttemptSink: AnyObject {
    /// The request's body, alias resolved.
    var requestBody: ByteBuffer { get }
    /// False: not allowed now.
    func attemptBegan(_ head: AttemptHead) -> Bool
    /// More is waiting for the client than may be.
    var attemptIsOverfull: Bool { get }
    /// Asked after `attemptIsOverfull`: there is no memory left in which it could wait, which is not the adapter's doing.
    var attemptIsOutOfMemory: Bool { get }
    /// The bytes are sent with the next flush.
    func attemptWrote(_ bytes: ByteBuffer) -> AttemptReply
    func attemptFlush()
    /// Something was seen of the attempt's way to the server; perhaps already inside `submit`.
    func attemptSaw(_ sign: AttemptSign)
    func attemptFinished(_ outcome: ExchangeOutcome) -> AttemptReply
    func attemptFailed(_ failure: ExchangeFailure)
}

extension AttemptSink {
    public var attemptIsOutOfMemory: Bool { false }
    public func attemptSaw(_ sign: AttemptSign) {}
}

/// What an exchange says to a call of the adapter.
public enum AttemptReply: Sendable, Equatable {
    case taken
    /// Not allowed now.
    case refused
    /// The answer cannot be used: the attempt is to end so.
    case failed(ExchangeFailure)
}

/// What an attempt says its answer will be.
public struct AttemptHead: Sendable, Equatable {
    /// 200...299.
    public var status: Int
    /// Nil: the one that fits what the client asked for.
    public var contentType: AnswerType?
    /// The type in the server's words, with its parameters; nil: `contentType` says all.
    public var exactType: String?
    /// Which parts of the request were left out, for the client; empty: none.
    public var warning: String
    /// The server's, for the client.
    public var headers: [HeaderField]

    public init(
        status: Int, contentType: AnswerType? = nil, exactType: String? = nil, warning: String = "",
        headers: [HeaderField] = []
    ) {
        self.exactType = exactType
        self.status = status
        self.contentType = contentType
        self.warning = warning
        self.headers = headers
    }
}

/// Content type of an answer; the common ones without a string.
public enum AnswerType: Sendable, Equatable {
    case json
    case eventStream
    /// Lines of JSON, as Ollama streams.
    case jsonLines
    case other(String)

    /// Clients read it line by line.
    public var isLines: Bool {
        switch self {
        case .json: false
        case .eventStream, .jsonLines: true
        case .other(let text): Self.lines.contains { text.lowercased().hasPrefix($0) }
        }
    }

    private static let lines = ["text/event-stream", "application/x-ndjson", "application/jsonl"]
}
