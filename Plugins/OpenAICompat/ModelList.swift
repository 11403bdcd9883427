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
        tell(of: item, &model)
        if let state = item["status"]?["value"]?.string {
            model.state = state == "loaded" ? NEXUS_MODEL_LOADED : NEXUS_MODEL_UNLOADED
        }
        // vLLM: the model that an adapter of weights builds upon.
        if let parent = item["parent"]?.string { model.details.append(("parent_model", parent)) }
        return model
    }

    /// What an item of the list tells of the model's abilities. A list of them is complete: what is not in it the model lacks.
    private static func tell(of item: JSONValue, _ model: inout ReportedModel) {
        // llama.cpp and OpenRouter. llama.cpp's router (whose items have a status) says nothing true of a model whose files are
        // not there yet: from it only what a model has counts.
        if let inputs = words(item["architecture"]?["input_modalities"]),
            inputs.contains("image") || item["status"] == nil
        {
            model.tell(NEXUS_MODEL_VISION, inputs.contains("image"))
        }
        // Models that make images or sound are asked for them in chats as well.
        if let outputs = words(item["architecture"]?["output_modalities"]) {
            model.tell(NEXUS_MODEL_COMPLETION, !outputs.isDisjoint(with: ["text", "image", "audio"]))
        }
        // OpenRouter: what a request may say.
        if let members = words(item["supported_parameters"]) {
            model.tell(NEXUS_MODEL_TOOLS, members.contains("tools"))
            // Where a model does not hold to a format, the member is passed over.
            if members.contains("response_format") || members.contains("structured_outputs") {
                model.tell(NEXUS_MODEL_JSON_MODE, true)
            }
            model.tell(
                NEXUS_MODEL_THINKING, members.contains("reasoning") || members.contains("reasoning_effort"))
        }
    }

    /// A list of words that says something; nil: it is none, or an empty one.
    private static func words(_ value: JSONValue?) -> Set<String>? {
        guard let words = value?.array?.compactMap(\.string), !words.isEmpty else { return nil }
        return Set(words)
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
        // Its types are of models, not guesses. It has tools with any model, whether or not the model was made for them.
        switch item["type"]?.string {
        case "vlm", "llm":
            model.tell(NEXUS_MODEL_VISION, item["type"] == "vlm")
            model.tell(NEXUS_MODEL_JSON_MODE | NEXUS_MODEL_COMPLETION, true)
        case "embeddings":
            model.tell(NEXUS_MODEL_EMBEDDING, true)
            model.tell(
                NEXUS_MODEL_COMPLETION | NEXUS_MODEL_VISION | NEXUS_MODEL_TOOLS | NEXUS_MODEL_JSON_MODE
                    | NEXUS_MODEL_THINKING, false)
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

    /// One item of LM Studio's `GET /api/v1/models`, since 0.4.
    static func apply(newLMStudio item: JSONValue, to model: inout ReportedModel) {
        guard let told = item["capabilities"]?.object else { return }
        model.tell(NEXUS_MODEL_VISION, told["vision"]?.bool)
        if told["trained_for_tool_use"]?.bool == true { model.capabilities |= NEXUS_MODEL_TOOLS }
    }

    static func length(_ value: JSONValue?) -> UInt64? { value?.positiveCount }
}
