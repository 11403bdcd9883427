import PluginAPI

/// One model of `/api/tags`, completed by `/api/show` where an older server leaves things out, and by `/api/ps`.
struct ListedModel {
    let name: String
    let digest: String
    private let item: JSONValue
    private var capabilities: [String]?
    private var isGuessed = false
    private var contextLength: UInt64 = 0
    private var state = NEXUS_MODEL_STATE_UNKNOWN
    private var running: RunningModel?

    /// Nil for an item without a name.
    init?(_ item: JSONValue) {
        guard let name = item["name"]?.string ?? item["model"]?.string, !name.isEmpty else { return nil }
        self.name = name
        self.item = item
        digest = item["digest"]?.string ?? ""
        capabilities = Self.capabilities(item)
        contextLength = item["details"]?["context_length"]?.count ?? 0
    }

    /// The list says all that is needed.
    var isComplete: Bool { capabilities != nil && contextLength > 0 }

    /// Nil: unknown. Capabilities that were guessed say nothing about thinking.
    var thinks: Bool? { isGuessed ? nil : capabilities?.contains("thinking") }

    mutating func apply(show: JSONValue) {
        if capabilities == nil {
            capabilities = Self.capabilities(show)
            isGuessed = show["guessed"]?.bool == true
        }
        if contextLength == 0 {
            // The key is "<architecture>.context_length".
            let member = show["model_info"]?.object?.members.first { $0.name.hasSuffix(".context_length") }
            contextLength = member?.value.count ?? 0
        }
    }

    /// The small part of an answer of `/api/show` that is worth remembering.
    static func kept(of show: JSONValue) -> JSONValue {
        let lengths = show["model_info"]?.object?.members.filter { $0.name.hasSuffix(".context_length") } ?? []
        let told = capabilities(show)
        let found = told ?? guessed(show)
        return [
            "capabilities": .array(found.map { .string($0) }), "guessed": .bool(told == nil),
            "model_info": .object(JSONObject(lengths)),
        ]
    }

    /// Nil if the server gives none.
    private static func capabilities(_ item: JSONValue) -> [String]? {
        guard let told = item["capabilities"]?.array?.compactMap(\.string), !told.isEmpty else { return nil }
        return told
    }

    /// Servers older than 0.6.4 give no capabilities, but they show what these follow from.
    private static func guessed(_ show: JSONValue) -> [String] {
        let families = show["details"]?["families"]?.array?.compactMap(\.string) ?? []
        if families.contains(where: { $0.contains("bert") }) { return ["embedding"] }
        var found = ["completion"]
        if show["template"]?.string?.contains(".Tools") == true { found.append("tools") }
        let hasProjector = show["projector_info"]?.object?.isEmpty == false
        if hasProjector || families.contains("clip") || families.contains("mllama") { found.append("vision") }
        return found
    }

    /// - Parameter models: all that are loaded.
    mutating func apply(running models: [RunningModel]) {
        running = models.first { $0.isLoaded(name, digest: digest) }
        // A model that another server runs answers without being loaded here.
        if running != nil {
            state = NEXUS_MODEL_LOADED
        } else if item["remote_host"]?.string?.isEmpty ?? true {
            state = NEXUS_MODEL_UNLOADED
        }
    }

    /// - Parameter requested: the context length that the operator wants for every request.
    func reported(requested: Int64?) -> ReportedModel {
        ReportedModel(
            id: name, capabilities: bits, told: told, contextLength: length(requested: requested),
            created: max(0, CreatedAt.seconds(item["modified_at"]?.string)), state: state,
            loadedUntil: running?.until ?? 0, size: item["size"]?.count ?? 0, memory: running?.memory ?? 0,
            deviceMemory: running?.deviceMemory, details: details)
    }

    /// What a request really gets: the operator's length for every request, as far as the model goes; else what it was
    /// loaded with, which is often far below what it could; else what it could.
    private func length(requested: Int64?) -> UInt64 {
        if let requested = requested.map(UInt64.init) {
            return contextLength > 0 ? min(requested, contextLength) : requested
        }
        if let running, running.contextLength > 0 { return running.contextLength }
        return contextLength
    }

    private var bits: UInt32 {
        var bits: UInt32 = 0
        for capability in capabilities ?? [] {
            switch capability {
            case "vision": bits |= NEXUS_MODEL_VISION
            case "tools": bits |= NEXUS_MODEL_TOOLS
            case "thinking": bits |= NEXUS_MODEL_THINKING
            case "embedding": bits |= NEXUS_MODEL_EMBEDDING
            // Every model that completes text can be held to a schema.
            case "completion": bits |= NEXUS_MODEL_JSON_MODE | NEXUS_MODEL_COMPLETION
            default: break
            }
        }
        return bits
    }

    /// The server refuses what its own list of abilities does not have; but it takes any model's vectors. What was guessed from an
    /// older server's templates says nothing of what is not there, except for a model that only makes vectors.
    private var told: UInt32 {
        guard let capabilities else { return 0 }
        guard isGuessed else {
            return NEXUS_MODEL_VISION | NEXUS_MODEL_TOOLS | NEXUS_MODEL_THINKING | NEXUS_MODEL_COMPLETION
                | NEXUS_MODEL_JSON_MODE
        }
        return capabilities == ["embedding"] ? NEXUS_MODEL_COMPLETION : 0
    }

    private var details: [(name: String, value: String)] {
        var result: [(name: String, value: String)] = []
        for name in ["format", "family", "parameter_size", "quantization_level"] {
            if let text = item["details"]?[name]?.string, !text.isEmpty { result.append((name, text)) }
        }
        for name in ["digest", "remote_model", "remote_host"] {
            if let text = item[name]?.string, !text.isEmpty { result.append((name, text)) }
        }
        return result
    }
}
