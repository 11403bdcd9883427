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
    /// The body is a form, not JSON.
    var isForm: Bool
    var peek: RequestPeek
    /// The name at the backends; `peek.model` is the client's own.
    var model: String
    /// With `model` in it.
    var body: ByteBuffer
    /// The client wants the answer in pieces.
    var stream: Bool
    /// Where other models may be tried, or the model only at one backend; nil: neither.
    var chain: ModelChain?
    /// As it came; nil: nobody wants that.
    var original: ByteBuffer?
    /// The client's key may use the model.
    var isAllowed = true

    /// The body with a model's name at the backends in it.
    /// - Parameter original: as it came.
    func named(_ model: String, in original: ByteBuffer) -> ByteBuffer {
        // Byte for byte: what Swift holds for the same text in another spelling is another name to a server.
        if model.utf8.elementsEqual(peek.model.utf8) { return original }
        return ModelSubstitution.replace(peek.modelSpan, by: model, in: original, isJSON: !isForm)
    }

    var dialect: Dialect { Dialect(kind) }

    static let json = "application/json"
}

/// The models that a name stands for, beside the body from which a request for each of them is made.
final class ModelChain: Sendable {
    /// In the order in which they are tried; not empty.
    let targets: [ModelTarget]
    /// The body as the client sent it.
    let original: ByteBuffer

    init(_ name: ModelName, original: ByteBuffer) {
        targets = [ModelTarget(name.resolved, backend: name.backend)] + name.others
        self.original = original
    }
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

    /// The API that a path belongs to, also if nothing is there, and if the client's base address has a part too many or lacks
    /// its "/v1".
    init(path: String) {
        let path = MeantPath.withoutRepeats(path)
        if path.hasPrefix("/v1/messages") || path.hasPrefix("/messages") {
            let rest = path.utf8.dropFirst(path.hasPrefix("/v1") ? 12 : 9)
            self = rest.isEmpty || rest.first == UInt8(ascii: "/") ? .anthropic : .openAI
        } else {
            self = path.hasPrefix("/api/") ? .ollama : .openAI
        }
    }

    /// Of an answer in pieces.
    var streamType: AnswerType { self == .ollama ? .jsonLines : .eventStream }
}
