import PluginAPI

/// The part of a request that is needed after `submit` has returned.
struct Asked: Sendable {
    let kind: UInt32
    let path: String
    let model: String
    let requestID: String
    let isStream: Bool
    let includesUsage: Bool
    private let client: [HeaderField]

    init(_ request: nexus_request) {
        kind = request.kind
        path = request.path.text
        model = request.model.text
        requestID = request.request_id.text
        isStream = request.flags & NEXUS_REQUEST_STREAM != 0
        includesUsage = request.flags & NEXUS_REQUEST_INCLUDE_USAGE != 0
        // What Anthropic's and OpenAI's services know means nothing to Ollama; and the host writes one name for all of the
        // gateway's requests.
        client = request.passedHeaders.filter {
            !$0.name.hasPrefix("anthropic-") && !$0.name.hasPrefix("openai-") && $0.name != "user-agent"
        }
    }

    /// Header fields of one request: its id, and what traces it, is found again in the logs of a proxy before the server.
    var own: [HeaderField] { (requestID.isEmpty ? [] : [("x-request-id", requestID)]) + client }

    func reply(_ prefix: String, _ options: Options, echo: String = "") -> Reply {
        Reply(
            id: prefix + requestID, model: model, reasoningField: options.reasoningField,
            inlineThinking: options.inlineThinking, includesUsage: includesUsage, echo: echo)
    }
}

/// What goes to Ollama for a request, and who takes the answer. Made on any thread.
struct Plan: Sendable {
    enum Answer: Sendable {
        case chat(Reply)
        case completion(Reply)
        case embeddings(count: Int, model: String, base64: Bool)
        /// As it is.
        case native
    }

    var path: String
    /// Nil: the client's own.
    var body: [UInt8]?
    var warning = ""
    var answer: Answer

    init(path: String, body: [UInt8]?, answer: Answer) {
        self.path = path
        self.body = body
        self.answer = answer
    }

    init(_ path: String, _ sent: TranslatedRequest, _ answer: Answer) {
        self.init(path: path, body: sent.body.bytes, answer: answer)
        warning = sent.warning
    }

    func handler(_ exchange: ExchangeTask, _ asked: Asked) -> AnswerHandler {
        func unary(
            _ translate: @escaping @Sendable (JSONValue) -> (JSONValue, TokenUsage)?
        ) -> AnswerHandler {
            UnaryHandler(exchange, warning: warning) { answer, _ in
                translate(answer).map { (bytes: $0.0.bytes, usage: $0.1) }
            }
        }
        switch answer {
        case .chat(let reply) where asked.isStream:
            return StreamHandler(exchange, ChatChunks(reply), warning: warning)
        case .chat(let reply): return unary { ChatAnswer.translate($0, reply) }
        case .completion(let reply) where asked.isStream:
            return StreamHandler(exchange, CompletionChunks(reply), warning: warning)
        case .completion(let reply): return unary { CompletionAnswer.translate($0, reply) }
        case .embeddings(let count, let model, let base64):
            return unary { Embeddings.answer($0, count: count, model: model, base64: base64) }
        case .native where asked.isStream && NativeRequest.generates(asked.path): return NativeStreamHandler(exchange)
        case .native: return NativeRequest.unary(exchange, path: asked.path)
        }
    }
}
