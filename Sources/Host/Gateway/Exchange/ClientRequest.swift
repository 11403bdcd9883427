import AdapterHost
import Core
import Dialects
import NIOCore

/// What a client asked for, before a backend is chosen.
struct ClientRequest {
    var kind: RequestKind
    /// Without the query.
    var path: String
    /// Of the body.
    var contentType: String
    var peek: RequestPeek
    /// The name at the backends; `peek.model` is the client's own.
    var model: String
    /// With `model` in it.
    var body: ByteBuffer
    /// The client wants the answer in pieces.
    var stream: Bool

    var dialect: Dialect { Dialect(kind) }

    static let json = "application/json"
}

extension RequestKind {
    /// Whether the client wants the answer in pieces.
    func streams(_ peek: RequestPeek, path: String) -> Bool {
        switch self {
        case .chat, .completions, .responses, .messages, .audio, .images: peek.stream
        case .embeddings, .rerank, .countTokens: false
        // Ollama streams unless it is told not to.
        case .ollama: path == "/api/chat" || path == "/api/generate" ? peek.stream || !peek.streamIsGiven : false
        }
    }
}

extension SubmittedRequest {
    /// A request that was translated.
    init(
        _ translation: Translation, model: String, requestID: String, stream: Bool, tools: Bool, images: Bool
    ) {
        let (kind, path): (RequestKind, String) =
            switch translation.target {
            case .chat: (.chat, "/v1/chat/completions")
            case .completions: (.completions, "/v1/completions")
            case .embeddings: (.embeddings, "/v1/embeddings")
            }
        self.init(
            kind: kind, model: model, requestID: requestID, path: path, stream: stream, includeUsage: stream,
            tools: tools, images: images)
    }
}

extension Dialect {
    init(_ kind: RequestKind) {
        switch kind {
        case .messages, .countTokens: self = .anthropic
        case .ollama: self = .ollama
        case .chat, .completions, .embeddings, .responses, .rerank, .audio, .images: self = .openAI
        }
    }

    /// The API that a path belongs to, also if nothing is there.
    init(path: String) {
        if path == "/v1/messages" || path.hasPrefix("/v1/messages/") {
            self = .anthropic
        } else {
            self = path.hasPrefix("/api/") ? .ollama : .openAI
        }
    }

    /// Of an answer in pieces.
    var streamType: AnswerType { self == .ollama ? .jsonLines : .eventStream }
}
