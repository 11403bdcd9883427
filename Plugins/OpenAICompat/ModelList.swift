import PluginAPI

/// Reads the model lists of the different servers.
enum ModelList {
    struct List {
        var models: [ReportedModel]
        /// What the list tells of the server.
        var flavor: Flavor?
        /// Every model has a state: llama.cpp loads and unloads them.
        var hasStates = false
    }

    /// `GET /v1/models`: `{"data":[{"id",…}]}`; nil if it is something else.
    static func parse(_ value: JSONValue) -> List? {
        guard let data = value["data"]?.array ?? value.array else { return nil }
        var models: [ReportedModel] = []
        var flavor: Flavor?
        for item in data {
            guard let id = item["id"]?.string else { continue }
            var model = ReportedModel(id: id)
            model.created = item["created"]?.int ?? 0
            model.contextLength =
                length(item["max_model_len"]) ?? length(item["context_length"])
                ?? length(item["meta"]?["n_ctx"]) ?? length(item["meta"]?["n_ctx_train"]) ?? 0
            model.maxOutputTokens = length(item["max_output_tokens"]) ?? 0
            let inputs = item["architecture"]?["input_modalities"]?.array ?? []
            if inputs.contains("image") { model.capabilities |= NEXUS_MODEL_VISION }
            models.append(model)
            flavor = flavor ?? Flavor.of(owner: item["owned_by"]?.string ?? "")
        }
        let hasStates = !data.isEmpty && data.allSatisfy { $0["status"]?["value"]?.string != nil }
        return List(models: models, flavor: flavor, hasStates: hasStates)
    }

    /// One item of LM Studio's `GET /api/v0/models`.
    static func apply(lmStudio item: JSONValue, to model: inout ReportedModel) {
        if let context = length(item["loaded_context_length"]) ?? length(item["max_context_length"]) {
            model.contextLength = context
        }
        switch item["type"]?.string {
        case "vlm": model.capabilities |= NEXUS_MODEL_VISION | NEXUS_MODEL_JSON_MODE
        case "embeddings": model.capabilities |= NEXUS_MODEL_EMBEDDING
        default: model.capabilities |= NEXUS_MODEL_JSON_MODE
        }
        if item["capabilities"]?.array?.contains("tool_use") == true { model.capabilities |= NEXUS_MODEL_TOOLS }
    }

    private static func length(_ value: JSONValue?) -> UInt64? {
        value?.int.flatMap { $0 > 0 ? UInt64($0) : nil }
    }
}

extension Flavor {
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
}
