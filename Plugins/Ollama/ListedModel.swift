import PluginAPI

/// One model of `/api/tags`, completed by `/api/show` where an older server leaves things out.
struct ListedModel {
    let name: String
    let digest: String
    private var capabilities: [String]?
    private var contextLength: UInt64 = 0

    /// Nil for an item without a name.
    init?(_ item: JSONValue) {
        guard let name = item["name"]?.string ?? item["model"]?.string, !name.isEmpty else { return nil }
        self.name = name
        digest = item["digest"]?.string ?? ""
        capabilities = item["capabilities"]?.array?.compactMap(\.string)
        contextLength = Self.length(item["details"]?["context_length"]) ?? 0
    }

    /// The list told all that is needed.
    var isComplete: Bool { capabilities != nil && contextLength > 0 }

    mutating func apply(show: JSONValue) {
        if capabilities == nil { capabilities = show["capabilities"]?.array?.compactMap(\.string) }
        if contextLength == 0 {
            // The key is "<architecture>.context_length".
            let member = show["model_info"]?.object?.members.first { $0.name.hasSuffix(".context_length") }
            contextLength = Self.length(member?.value) ?? 0
        }
    }

    /// The small part of an answer of `/api/show` that is worth remembering.
    static func kept(of show: JSONValue) -> JSONValue {
        let lengths = show["model_info"]?.object?.members.filter { $0.name.hasSuffix(".context_length") } ?? []
        return ["capabilities": show["capabilities"] ?? .null, "model_info": .object(JSONObject(lengths))]
    }

    var reported: ReportedModel {
        var bits: UInt32 = 0
        for capability in capabilities ?? [] {
            switch capability {
            case "vision": bits |= NEXUS_MODEL_VISION
            case "tools": bits |= NEXUS_MODEL_TOOLS
            case "thinking": bits |= NEXUS_MODEL_THINKING
            case "embedding": bits |= NEXUS_MODEL_EMBEDDING
            // Every model that completes text can be held to a schema.
            case "completion": bits |= NEXUS_MODEL_JSON_MODE
            default: break
            }
        }
        return ReportedModel(id: name, capabilities: bits, contextLength: contextLength)
    }

    private static func length(_ value: JSONValue?) -> UInt64? { value?.int.flatMap { $0 > 0 ? UInt64($0) : nil } }
}
