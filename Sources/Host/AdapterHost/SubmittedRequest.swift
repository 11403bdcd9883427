import Core
import NIOCore
import PluginAPI

/// What a client asks for, as adapters know it.
public enum RequestKind: Sendable, Equatable, CaseIterable {
    case chat, completions, embeddings, responses, rerank, audio, images, messages, countTokens, ollama

    public var bit: UInt32 {
        switch self {
        case .chat: NEXUS_KIND_CHAT
        case .completions: NEXUS_KIND_COMPLETIONS
        case .embeddings: NEXUS_KIND_EMBEDDINGS
        case .responses: NEXUS_KIND_RESPONSES
        case .rerank: NEXUS_KIND_RERANK
        case .audio: NEXUS_KIND_AUDIO
        case .images: NEXUS_KIND_IMAGES
        case .messages: NEXUS_KIND_MESSAGES
        case .countTokens: NEXUS_KIND_COUNT_TOKENS
        case .ollama: NEXUS_KIND_OLLAMA
        }
    }

    /// For messages.
    public var name: String {
        switch self {
        case .chat: "chat completions"
        case .completions: "completions"
        case .embeddings: "embeddings"
        case .responses: "responses"
        case .rerank: "rerank"
        case .audio: "audio"
        case .images: "images"
        case .messages: "messages"
        case .countTokens: "count_tokens"
        case .ollama: "Ollama's API"
        }
    }
}

/// What an adapter is told of a request, besides its body.
public struct SubmittedRequest: Sendable {
    public var kind: RequestKind
    public var model: String
    public var requestID: String
    /// What the client asked for, without a query.
    public var path: String
    /// Of the body.
    public var contentType: String
    /// Those of the client that a backend may pass on; what may not is left out before an adapter sees it.
    public var headers: [HeaderField]
    /// When the exchange ends at the latest; nil: the attempt's own deadline alone.
    public var deadline: NIODeadline?
    var flags: UInt32

    public init(
        kind: RequestKind, model: String, requestID: String, path: String, contentType: String = "application/json",
        stream: Bool, includeUsage: Bool, tools: Bool, images: Bool, headers: [HeaderField] = [],
        deadline: NIODeadline? = nil
    ) {
        self.kind = kind
        self.model = model
        self.requestID = requestID
        self.path = path
        self.contentType = contentType
        self.headers = headers
        self.deadline = deadline
        flags =
            (stream ? NEXUS_REQUEST_STREAM : 0) | (includeUsage ? NEXUS_REQUEST_INCLUDE_USAGE : 0)
            | (tools ? NEXUS_REQUEST_TOOLS : 0) | (images ? NEXUS_REQUEST_IMAGES : 0)
    }
}
