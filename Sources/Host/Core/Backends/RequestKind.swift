/// What a client asks for, as backends know it.
public enum RequestKind: Sendable, Equatable, CaseIterable {
    case chat, completions, embeddings, responses, rerank, audio, images, messages, countTokens, ollama

    /// The kind as a bit of a set, as the ABI counts them (`NEXUS_KIND_...`; a test compares the two).
    public var bit: UInt32 {
        switch self {
        case .chat: 1 << 0
        case .completions: 1 << 1
        case .embeddings: 1 << 2
        case .responses: 1 << 3
        case .rerank: 1 << 4
        case .audio: 1 << 5
        case .images: 1 << 6
        case .messages: 1 << 7
        case .countTokens: 1 << 8
        case .ollama: 1 << 9
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
