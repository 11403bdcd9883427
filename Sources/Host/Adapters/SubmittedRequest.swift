import PluginAPI

/// What a client asks for.
public enum RequestKind: Sendable, Equatable {
    case chat, completions, embeddings

    var bit: UInt32 {
        switch self {
        case .chat: NEXUS_KIND_CHAT
        case .completions: NEXUS_KIND_COMPLETIONS
        case .embeddings: NEXUS_KIND_EMBEDDINGS
        }
    }

    /// For messages.
    public var name: String {
        switch self {
        case .chat: "chat completions"
        case .completions: "completions"
        case .embeddings: "embeddings"
        }
    }
}

/// What an adapter is told of a request, besides its body.
public struct SubmittedRequest: Sendable {
    public var kind: RequestKind
    public var model: String
    public var requestID: String
    var flags: UInt32

    public init(
        kind: RequestKind, model: String, requestID: String, stream: Bool, includeUsage: Bool, tools: Bool, images: Bool
    ) {
        self.kind = kind
        self.model = model
        self.requestID = requestID
        flags =
            (stream ? NEXUS_REQUEST_STREAM : 0) | (includeUsage ? NEXUS_REQUEST_INCLUDE_USAGE : 0)
            | (tools ? NEXUS_REQUEST_TOOLS : 0) | (images ? NEXUS_REQUEST_IMAGES : 0)
    }
}
