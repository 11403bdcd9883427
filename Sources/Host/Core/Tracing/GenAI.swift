/// Names of OpenTelemetry's semantic conventions for generative AI.
public enum GenAI {
    /// `gen_ai.operation.name` of an exchange: one of the conventions where they have one.
    /// - Parameter endpoint: the path that its client asked for.
    public static func operation(endpoint: String) -> String {
        switch endpoint {
        case "/v1/chat/completions", "/v1/messages", "/v1/responses", "/api/chat": "chat"
        case "/v1/completions", "/api/generate": "text_completion"
        case "/v1/embeddings", "/api/embed", "/api/embeddings": "embeddings"
        case "/v1/rerank": "rerank"
        case "/v1/messages/count_tokens": "count_tokens"
        case "/v1/audio/speech": "text_to_speech"
        case "/v1/audio/transcriptions", "/v1/audio/translations": "speech_to_text"
        case "/v1/images/generations", "/v1/images/edits", "/v1/images/variations": "image_generation"
        default: other
        }
    }

    /// What has no name of its own, or is not told apart.
    public static let other = "_OTHER"
}

extension ExchangeFailure.Kind {
    /// `error.type` of an attempt.
    public var name: String {
        switch self {
        case .connect: "connect"
        case .timeout: "timeout"
        case .upstream: "upstream"
        case .busy: "busy"
        case .rejected: "rejected"
        case .auth: "auth"
        case .unsupported: "unsupported"
        case .adapter: "adapter"
        }
    }
}
