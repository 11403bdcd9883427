/// What a model can do, as far as its backend tells.
public struct Capabilities: OptionSet, Sendable, Hashable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let vision = Capabilities(rawValue: 1 << 0)
    public static let tools = Capabilities(rawValue: 1 << 1)
    public static let jsonMode = Capabilities(rawValue: 1 << 2)
    public static let thinking = Capabilities(rawValue: 1 << 3)
    public static let embedding = Capabilities(rawValue: 1 << 4)
    /// It answers chats and completes text.
    public static let completion = Capabilities(rawValue: 1 << 5)
}

/// One model of one backend, as the backend's adapter reported it, already cleaned and bounded.
public struct Model: Sendable, Hashable {
    /// An id that stands for every name which no backend lists: of a server without a list.
    public static let any = "*"

    /// What a client puts into `model`. Not empty, at most 256 bytes, no control characters.
    public var id: String
    /// For people; the id when the backend gave none.
    public var name: String
    /// Tokens; 0 when unknown.
    public var contextLength: UInt64
    /// Tokens; nil when unknown.
    public var maxOutputTokens: UInt64?
    public var capabilities: Capabilities
    /// What it is known to have or to lack; those that it has are among them.
    public var told: Capabilities
    /// Unix seconds; 0 when unknown.
    public var created: Int64
    /// nil when unknown.
    public var isLoaded: Bool?
    /// When a loaded model is unloaded if it is not used; nil: unknown.
    public var loadedUntil: LoadedUntil?
    /// Bytes of its file; nil when unknown.
    public var size: UInt64?
    /// Bytes it takes while loaded; nil when unknown.
    public var memory: UInt64?
    /// Of these, bytes on an accelerator; nil when unknown.
    public var deviceMemory: UInt64?
    /// More for people and clients, in the words of the server: family, format, parameter_size, quantization_level, digest.
    public var details: [String: String] = [:]

    public enum LoadedUntil: Sendable, Hashable {
        /// Unix seconds.
        case time(Int64)
        case forever
    }

    public init(
        id: String, name: String? = nil, contextLength: UInt64 = 0, maxOutputTokens: UInt64? = nil,
        capabilities: Capabilities = [], lacks: Capabilities = [], created: Int64 = 0
    ) {
        self.id = id
        self.name = name ?? id
        self.contextLength = contextLength
        self.maxOutputTokens = maxOutputTokens
        self.capabilities = capabilities
        told = capabilities.union(lacks)
        self.created = created
    }
}
