import PluginAPI

/// One probe: the model list first, since a server that lists its models is up; then what the flavour knows better. Exactly
/// one health report ends it.
final class HealthProbe {
    /// Milliseconds for what the probe can do without.
    private static let optionalTimeout: UInt32 = 1000

    private let backend: OpenAIBackend
    private let task: ProbeTask
    private var models: [ReportedModel] = []
    private var flavor: Flavor?
    private var server = ""
    private var management: ModelManagement?

    init(backend: OpenAIBackend, task: ProbeTask) {
        self.backend = backend
        self.task = task
    }

    func start() {
        get(backend.options.modelsPath) { self.listed($0) }
    }

    /// - Parameter path: below the backend's URL, or with `fromRoot` below its host alone.
    private func get(
        _ path: String, fromRoot: Bool = false, timeout: UInt32 = 0,
        then: @escaping (CollectingHandler.Answer) -> Void
    ) {
        let status = backend.host.start(
            task.handle, method: "GET", path: path, headers: backend.getHeaders, fromRoot: fromRoot,
            timeoutMilliseconds: timeout, handler: CollectingHandler(completion: then))
        if status == NEXUS_BAD_STATE {
            unhealthy("the time for a probe was over before GET \(path)")
        } else if status != NEXUS_OK {
            unhealthy("the host did not send GET \(path) (status \(status))")
        }
    }

    /// Asks for a path of the server's own, outside OpenAI's API.
    /// - Parameter isOptional: it may be missing, and is not worth waiting for.
    private func getOwn(_ path: String, isOptional: Bool = false, then: @escaping (CollectingHandler.Answer) -> Void) {
        let timeout = isOptional ? Self.optionalTimeout : 0
        if let root = backend.options.root {
            get(root + path, fromRoot: true, timeout: timeout, then: then)
        } else {
            get(path, timeout: timeout, then: then)
        }
    }

    private func unhealthy(_ message: String) {
        backend.reports.health(NEXUS_UNHEALTHY, message: message, server: server)
    }

    // MARK: Steps

    private func listed(_ answer: CollectingHandler.Answer) {
        let path = backend.options.modelsPath
        guard let value = checked(answer, path) else { return }
        guard let list = ModelList.parse(value) else {
            return unhealthy(
                "GET \(path) did not answer with a list of models; is this an OpenAI-compatible server, and is models_path right?"
            )
        }
        server = answer.server
        models = list.models
        if list.hasStates { management = .llamaRouter }
        flavor = backend.options.flavor ?? list.flavor ?? Flavor.of(server: answer.server)
        if let flavor, flavor.hasToolsAndSchemas {
            for index in models.indices { models[index].capabilities |= NEXUS_MODEL_TOOLS | NEXUS_MODEL_JSON_MODE }
        }
        switch flavor {
        case .llamacpp: getOwn("/props", isOptional: true) { self.properties($0) }
        case .lmstudio, nil: getOwn("/api/v0/models", isOptional: true) { self.detailed($0) }
        default: checkHealth()
        }
    }

    /// The answer as JSON; nil when the probe has ended.
    private func checked(_ answer: CollectingHandler.Answer, _ path: String) -> JSONValue? {
        switch answer.end {
        case .complete: break
        case .cancelled: return nil
        case .refused(let message), .timedOut(let message), .closed(let message), .garbage(let message):
            unhealthy("GET \(path): \(message)")
            return nil
        }
        let value = try? JSONValue.parse(answer.body)
        let told = value.flatMap { UpstreamError.insideStream($0)?.message }
        switch answer.status {
        case 200...299 where told == nil: break
        case 401, 403:
            unhealthy(
                "GET \(path): the server refuses the API key (status \(answer.status)); set api_key_env to the variable that holds it"
            )
            return nil
        case 503 where told?.lowercased().contains("loading") == true:
            backend.reports.health(NEXUS_LOADING, message: told ?? "", server: answer.server)
            return nil
        default:
            unhealthy("GET \(path) answered with status \(answer.status)" + (told.map { ": \($0)" } ?? ""))
            return nil
        }
        guard let value else {
            unhealthy("GET \(path) did not answer with JSON; is this an OpenAI-compatible server?")
            return nil
        }
        return value
    }

    /// llama.cpp: the context it runs with, and what its model takes. Where it may not be asked, the list has to do.
    private func properties(_ answer: CollectingHandler.Answer) {
        if answer.end == .complete, answer.status == 200, let value = try? JSONValue.parse(answer.body) {
            for index in models.indices {
                if let context = value["default_generation_settings"]?["n_ctx"]?.int, context > 0 {
                    models[index].contextLength = UInt64(context)
                }
                if value["modalities"]?["vision"]?.bool == true { models[index].capabilities |= NEXUS_MODEL_VISION }
            }
            if let build = value["build_info"]?.string { server = "llama.cpp \(build)" }
            if value["role"]?.string == "router" { management = .llamaRouter }
        }
        if server.isEmpty { server = "llama.cpp" }
        checkHealth()
    }

    /// LM Studio: types and context lengths. Another server does not know the path, and that is fine.
    private func detailed(_ answer: CollectingHandler.Answer) {
        if answer.end == .complete, answer.status == 200, let value = try? JSONValue.parse(answer.body),
            let details = value["data"]?.array, !details.isEmpty, details.allSatisfy({ $0["state"]?.string != nil })
        {
            flavor = .lmstudio
            server = "LM Studio"
            for detail in details {
                guard let index = models.firstIndex(where: { $0.id == detail["id"]?.string }) else { continue }
                ModelList.apply(lmStudio: detail, to: &models[index])
            }
        }
        guard flavor == .lmstudio else { return checkHealth() }
        getOwn("/api/v1/models", isOptional: true) { self.manages($0) }
    }

    /// LM Studio since 0.4: models can be loaded and unloaded.
    private func manages(_ answer: CollectingHandler.Answer) {
        if answer.end == .complete, answer.status == 200, let value = try? JSONValue.parse(answer.body),
            value["models"]?.array != nil
        {
            management = .lmStudio
        }
        checkHealth()
    }

    private func checkHealth() {
        if let path = backend.options.healthPath {
            get(path) { self.answered($0, path) }
        } else if let path = flavor?.healthPath {
            getOwn(path) { self.answered($0, path) }
        } else {
            healthy()
        }
    }

    private func answered(_ answer: CollectingHandler.Answer, _ path: String) {
        switch answer.end {
        case .cancelled: return
        case .complete where (200...299).contains(answer.status): healthy()
        // The list was answered; a server without this path is no worse for it.
        case .complete where answer.status == 404 && backend.options.healthPath == nil: healthy()
        case .complete:
            let told = (try? JSONValue.parse(answer.body)).flatMap { UpstreamError.insideStream($0)?.message }
            if answer.status == 503, told?.lowercased().contains("loading") == true {
                backend.reports.health(NEXUS_LOADING, message: told ?? "", server: server)
            } else {
                unhealthy("GET \(path) answered with status \(answer.status)" + (told.map { ": \($0)" } ?? ""))
            }
        case .refused(let message), .timedOut(let message), .closed(let message), .garbage(let message):
            unhealthy("GET \(path): \(message)")
        }
    }

    private func healthy() {
        let found = flavor == .llamacpp || flavor == .lmstudio ? management : nil
        backend.management.withLock { $0 = found }
        backend.reports.models(models)
        backend.reports.health(NEXUS_HEALTHY, server: server)
    }
}
