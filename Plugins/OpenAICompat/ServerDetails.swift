import PluginAPI

/// What a probe has found out of a server and its models.
struct ServerDetails {
    var models: [ReportedModel]
    /// Name and version, for people.
    var server: String
    var load = ReportedLoad()
    var management: ModelManagement?

    /// Takes what a server of this flavour tells under its own paths; what it does not tell stays as it is.
    mutating func take(_ flavor: Flavor, _ answers: Questions.Answers) {
        switch flavor {
        case .llamacpp: takeLlamaCpp(answers.json("/props"), slots: answers.json("/slots"))
        case .vllm: name(flavor, version: answers.json("/version"))
        case .sglang: takeSGLang(answers.json("/get_model_info"), server: answers.json("/server_info"))
        case .lmstudio: takeLMStudio(answers.json("/api/v0/models"), manages: answers.json("/api/v1/models"))
        case .tgi: takeTGI(answers.json("/info"))
        case .localai: takeLocalAI(answers.json("/system"))
        case .openai: break
        }
        if server.isEmpty { server = flavor.displayName }
    }

    private mutating func name(_ flavor: Flavor, version: JSONValue?) {
        server = flavor.displayName + (version?["version"]?.string.map { " \($0)" } ?? "")
    }

    /// The context it runs with, and what its model takes; all of its one model, unless it is a router of several.
    private mutating func takeLlamaCpp(_ properties: JSONValue?, slots: JSONValue?) {
        let isRouter = management == .llamaRouter || properties?["role"]?.string == "router"
        if isRouter { management = .llamaRouter }
        if let properties, !isRouter {
            let state =
                properties["is_sleeping"]?.bool.map { $0 ? NEXUS_MODEL_UNLOADED : NEXUS_MODEL_LOADED }
                ?? NEXUS_MODEL_LOADED
            for index in models.indices {
                if let context = ModelList.length(properties["default_generation_settings"]?["n_ctx"]) {
                    models[index].contextLength = context
                }
                models[index].tell(NEXUS_MODEL_VISION, properties["modalities"]?["vision"]?.bool)
                models[index].state = state
            }
        }
        if let slots = ModelList.length(properties?["total_slots"]) { load.slots = UInt32(clamping: slots) }
        if let slots, !isRouter { LoadSignals.apply(slots: slots, to: &load) }
        server = Flavor.llamacpp.displayName + (properties?["build_info"]?.string.map { " \($0)" } ?? "")
    }

    private mutating func takeSGLang(_ info: JSONValue?, server told: JSONValue?) {
        name(.sglang, version: told)
        if let slots = ModelList.length(told?["max_running_requests"]) { load.slots = UInt32(clamping: slots) }
        for index in models.indices {
            if models[index].contextLength == 0, let length = ModelList.length(told?["context_length"]) {
                models[index].contextLength = length
            }
            models[index].tell(NEXUS_MODEL_VISION, info?["has_image_understanding"]?.bool)
            // A server runs one model, as one or the other.
            if let generates = info?["is_generation"]?.bool {
                models[index].tell(NEXUS_MODEL_COMPLETION, generates)
                models[index].tell(NEXUS_MODEL_EMBEDDING, !generates)
                if !generates {
                    models[index].tell(
                        NEXUS_MODEL_VISION | NEXUS_MODEL_TOOLS | NEXUS_MODEL_JSON_MODE | NEXUS_MODEL_THINKING, false)
                }
            }
        }
    }

    /// Types, states and context lengths; and, since 0.4, whether models can be loaded and unloaded.
    private mutating func takeLMStudio(_ list: JSONValue?, manages: JSONValue?) {
        for item in list?["data"]?.array ?? [] {
            guard let index = models.firstIndex(where: { $0.id == item["id"]?.string }) else { continue }
            ModelList.apply(lmStudio: item, to: &models[index])
        }
        if let newer = manages?["models"]?.array {
            management = .lmStudio
            for item in newer {
                let names = [item["key"]?.string, item["id"]?.string]
                guard let index = models.firstIndex(where: { names.contains($0.id) }) else { continue }
                ModelList.apply(newLMStudio: item, to: &models[index])
            }
        }
        server = Flavor.lmstudio.displayName
    }

    private mutating func takeTGI(_ info: JSONValue?) {
        name(.tgi, version: info)
        for index in models.indices {
            if let length = ModelList.length(info?["max_total_tokens"]) ?? ModelList.length(info?["max_input_tokens"]) {
                models[index].contextLength = length
            }
            models[index].state = NEXUS_MODEL_LOADED
        }
    }

    private mutating func takeLocalAI(_ system: JSONValue?) {
        server = Flavor.localai.displayName
        guard let loaded = system?["loaded_models"]?.array else { return }
        let ids = Set(loaded.compactMap { $0["id"]?.string })
        for index in models.indices {
            models[index].state = ids.contains(models[index].id) ? NEXUS_MODEL_LOADED : NEXUS_MODEL_UNLOADED
        }
    }
}
