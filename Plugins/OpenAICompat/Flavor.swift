import PluginAPI

/// Which server software answers.
enum Flavor: String, CaseIterable, Sendable {
    case llamacpp, vllm, sglang, lmstudio, tgi, localai, openai

    /// For people.
    var displayName: String {
        switch self {
        case .llamacpp: "llama.cpp"
        case .vllm: "vLLM"
        case .sglang: "SGLang"
        case .lmstudio: "LM Studio"
        case .tgi: "TGI"
        case .localai: "LocalAI"
        case .openai: "OpenAI"
        }
    }

    /// A path that answers 200 when the server is ready, if the model list does not say so.
    var healthPath: String? {
        switch self {
        case .llamacpp, .vllm, .sglang, .tgi: "/health"
        case .localai: "/readyz"
        case .lmstudio, .openai: nil
        }
    }

    /// The server's own paths that say more about it and its models.
    var detailPaths: [String] {
        switch self {
        case .llamacpp: ["/props", "/slots"]
        case .vllm: ["/version"]
        case .sglang: ["/get_model_info", "/server_info"]
        case .lmstudio: ["/api/v0/models", "/api/v1/models"]
        case .tgi: ["/info"]
        case .localai: ["/system"]
        case .openai: []
        }
    }

    /// The path of Prometheus metrics, if they may show the server's load.
    var metricsPath: String? {
        switch self {
        case .llamacpp, .vllm, .sglang, .tgi: "/metrics"
        case .localai, .lmstudio, .openai: nil
        }
    }

    /// The server translates JSON schemas and tools for every model it runs.
    var hasToolsAndSchemas: Bool {
        switch self {
        case .llamacpp, .vllm, .sglang, .openai: true
        case .lmstudio, .tgi, .localai: false
        }
    }

    /// Of what only some servers have, what this software has in its newer versions, `NEXUS_KIND_...` bits. An older one says no
    /// to the first request, which is then asked in other words or elsewhere.
    var kinds: UInt32 {
        switch self {
        case .llamacpp:
            NEXUS_KIND_RESPONSES | NEXUS_KIND_RERANK | NEXUS_KIND_MESSAGES | NEXUS_KIND_COUNT_TOKENS | NEXUS_KIND_AUDIO
        case .vllm: Endpoint.possible | NEXUS_KIND_MESSAGES
        case .sglang: Endpoint.possible | NEXUS_KIND_MESSAGES
        case .lmstudio: NEXUS_KIND_RESPONSES | NEXUS_KIND_MESSAGES
        case .tgi: 0
        case .localai: Endpoint.possible | NEXUS_KIND_MESSAGES
        case .openai: Endpoint.openAI
        }
    }

    // MARK: Finding out

    static func of(owner: String) -> Flavor? {
        switch owner {
        case "llamacpp": .llamacpp
        case "vllm": .vllm
        case "sglang": .sglang
        case "openai", "openai-internal", "system": .openai
        default: nil
        }
    }

    static func of(server: String) -> Flavor? {
        let name = server.lowercased()
        if name.contains("llama.cpp") { return .llamacpp }
        if name.contains("vllm") { return .vllm }
        return nil
    }

    /// Paths that a server which did not say what it is may know, one for each flavour.
    static let telling = ["/api/v0/models", "/props", "/get_model_info", "/info", "/system", "/version"]

    /// - Parameter answer: what a server answered under one of `telling`.
    static func of(_ answer: (String) -> JSONValue?) -> Flavor? {
        if let models = answer("/api/v0/models")?["data"]?.array, !models.isEmpty,
            models.allSatisfy({ $0["state"]?.string != nil })
        {
            return .lmstudio
        }
        if let value = answer("/props"), value["default_generation_settings"] != nil || value["total_slots"] != nil {
            return .llamacpp
        }
        if answer("/get_model_info")?["model_path"] != nil { return .sglang }
        if let value = answer("/info"), value["model_id"]?.string != nil,
            value["max_total_tokens"] != nil || value["max_input_tokens"] != nil || value["max_input_length"] != nil
        {
            return .tgi
        }
        if answer("/system")?["loaded_models"] != nil { return .localai }
        if let value = answer("/version")?.object, value.members.count == 1, value["version"]?.string != nil {
            return .vllm
        }
        return nil
    }
}
