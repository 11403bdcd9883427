import PluginAPI

/// Reads the model lists of the different servers.
enum ModelList {
    struct List {
        var models: [ReportedModel]
        /// What the list says about the server.
        var flavor: Flavor?
        /// Every model has a state: llama.cpp loads and unloads them.
        var hasStates = false
    }

    /// `GET /v1/models`: `{"data":[{"id",…}]}`; nil if it is something else, also a list without a readable item: that is
    /// not an empty list.
    static func parse(_ value: JSONValue) -> List? {
        guard let data = value["data"]?.array ?? value.array else { return nil }
        var models: [ReportedModel] = []
        var flavor: Flavor?
        for item in data {
            guard let id = item["id"]?.string, !id.isEmpty else { continue }
            models.append(model(id, item))
            flavor = flavor ?? Flavor.of(owner: item["owned_by"]?.string ?? "")
        }
        guard !models.isEmpty || data.isEmpty else { return nil }
        let hasStates = !data.isEmpty && data.allSatisfy { $0["status"]?["value"]?.string != nil }
        return List(models: models, flavor: flavor, hasStates: hasStates)
    }

    private static func model(_ id: String, _ item: JSONValue) -> ReportedModel {
        var model = ReportedModel(id: id)
        model.created = item["created"]?.unixSeconds ?? 0
        let meta = item["meta"]
        model.contextLength =
            length(item["max_model_len"]) ?? length(item["context_length"]) ?? length(meta?["n_ctx"])
            ?? length(meta?["n_ctx_train"]) ?? 0
        model.maxOutputTokens = length(item["max_output_tokens"]) ?? 0
        model.size = length(meta?["size"]) ?? 0
        let inputs = item["architecture"]?["input_modalities"]?.array ?? []
        if inputs.contains("image") { model.capabilities |= NEXUS_MODEL_VISION }
        if let state = item["status"]?["value"]?.string {
            model.state = state == "loaded" ? NEXUS_MODEL_LOADED : NEXUS_MODEL_UNLOADED
        }
        // vLLM: the model that an adapter of weights builds upon.
        if let parent = item["parent"]?.string { model.details.append(("parent_model", parent)) }
        return model
    }

    /// TGI's `GET /info`, for versions that have no list.
    static func parse(tgi info: JSONValue) -> List? {
        guard let id = info["model_id"]?.string, Flavor.of({ $0 == "/info" ? info : nil }) == .tgi else { return nil }
        return List(models: [ReportedModel(id: id)], flavor: .tgi)
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
        switch item["state"]?.string {
        case "loaded": model.state = NEXUS_MODEL_LOADED
        case "not-loaded": model.state = NEXUS_MODEL_UNLOADED
        default: break
        }
        for (name, member) in [
            ("family", "arch"), ("format", "compatibility_type"), ("quantization_level", "quantization"),
            ("publisher", "publisher"),
        ] {
            if let text = item[member]?.string, !text.isEmpty { model.details.append((name, text)) }
        }
    }

    static func length(_ value: JSONValue?) -> UInt64? { value?.positiveCount }
}
