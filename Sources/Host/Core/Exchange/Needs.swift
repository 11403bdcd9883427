/// What a request needs of a model, as far as its body shows. Small, and looked at only where something is told of the models.
public struct Needs: Sendable, Equatable {
    /// Who certainly lacks one of these cannot serve the request; who tells that it has them is asked first.
    public var required: Capabilities
    /// Who tells that it has these is asked first; who lacks them serves the request without.
    public var wished: Capabilities
    /// What kind of model it takes: who certainly is another cannot serve the request, and all others are the same.
    public var kind: Capabilities
    /// Of the prompt, roughly and uncorrected (`TokenEstimate`): a quarter of the body's bytes without what is images and files.
    /// 0: it need not fit into one context, or the request says how long that is to be.
    public var tokens: UInt64
    /// That the answer may have, as far as the request says.
    public var answer: UInt64

    public init(
        required: Capabilities = [], wished: Capabilities = [], kind: Capabilities = [], tokens: UInt64 = 0,
        answer: UInt64 = 0
    ) {
        self.required = required
        self.wished = wished
        self.kind = kind
        self.tokens = tokens
        self.answer = answer
    }

    /// - Parameters:
    ///   - path: without the query; tells Ollama's kinds apart.
    ///   - bytes: of the body.
    public init(_ peek: RequestPeek, kind: RequestKind, path: String, bytes: Int) {
        self.init()
        switch kind {
        case .chat, .completions, .responses, .messages: self.kind = .completion
        // With an empty prompt they load and unload any model, and models that make images are asked there as well.
        case .ollama where path == "/api/chat" || path == "/api/generate": break
        // A list of texts, each of which has a context to itself.
        case .ollama, .embeddings:
            self.kind = .embedding
            return
        case .rerank, .audio, .images, .countTokens: return
        }
        if peek.images { required.insert(.vision) }
        if peek.tools, !peek.toolsOff { required.insert(.tools) }
        if peek.jsonMode { required.insert(.jsonMode) }
        if peek.thinking { wished = .thinking }
        guard !peek.setsContext else { return }
        tokens = UInt64(max(0, bytes - peek.dataBytes)) / 4
        answer = peek.answerTokens
    }

    /// More than the prompt and its answer take, however far the estimate is off.
    var most: UInt64 { tokens * UInt64(TokenEstimate.largestRatio) &+ answer }
}

/// What a backend tells of one of its models that decides who is asked.
public struct ToldModel: Sendable, Hashable {
    public var capabilities: Capabilities
    /// What it certainly has not.
    public var lacks: Capabilities
    /// Tokens; 0: not told.
    public var contextLength: UInt64

    /// Nothing is told.
    public static let nothing = ToldModel(Model(id: ""))

    public init(_ model: Model) {
        capabilities = model.capabilities
        lacks = model.told.subtracting(model.capabilities)
        contextLength = model.contextLength
    }

    var isNothing: Bool { self == Self.nothing }

    /// What of the needs it certainly lacks.
    public func missing(for needs: Needs) -> Capabilities { needs.required.union(needs.kind).intersection(lacks) }
}
