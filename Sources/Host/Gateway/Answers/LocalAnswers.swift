import AdapterHost
import Core
import Dashboard
import JSON

/// An answer of the gateway's own.
struct LocalAnswer {
    var status = 200
    var contentType = "application/json"
    var fields: [(StaticString, String)] = []
    var body: [UInt8]

    static func error(_ error: ErrorBody) -> LocalAnswer {
        var answer = LocalAnswer(status: error.status, body: error.json)
        if let seconds = error.retryAfter { answer.fields.append(("retry-after", "\(seconds)")) }
        return answer
    }
}

/// Answers what needs no backend: lists, figures, health, the page and its files.
struct LocalAnswers {
    private static let page = PageRenderer()
    let state: GatewayState

    func answer(_ route: Route, query: String) -> LocalAnswer {
        switch route {
        case .models: LocalAnswer(body: ContractEncoder.modelList(state.registry.views))
        case .model(let id): model(id)
        case .history: LocalAnswer(body: ContractEncoder.history(state.journal.entries))
        case .stats: LocalAnswer(body: ContractEncoder.statistics(state.statistics))
        case .backends: LocalAnswer(body: ContractEncoder.backends(state.registry.views))
        case .actionsOf(let backend): ActionAnswers(state: state).list(backend: backend)
        case .actions: ActionAnswers(state: state).running
        case .adapters: LocalAnswer(body: AdapterList.json(state.library))
        case .health: health
        case .metrics:
            LocalAnswer(contentType: "text/plain; version=0.0.4; charset=utf-8", body: Metrics.text(state))
        case .page: page(query)
        case .asset(let name): asset(AssetStore.shared.asset(named: name))
        case .rootFile(let name): asset(AssetStore.shared.rootFile(named: name), caching: "public, max-age=86400")
        case .ollama(let page): OllamaAnswers(state: state).page(page)
        case .ollamaShow, .ollamaManagement, .storedResponse, .exchange, .webSocket, .reload, .runAction, .action:
            .error(ErrorBody(status: 404, message: "Unknown path."))
        }
    }

    /// Bytes of an answer that is made on the event loop: some 5 ms of work.
    static let inlineLimit = 128 * 1024

    /// About how many bytes an answer has, or are read to make it. Cheap.
    func size(of route: Route) -> Int {
        switch route {
        case .models, .model, .backends, .ollama, .page, .health:
            let views = state.registry.views
            let own = route == .page ? historySize : 0
            return views.reduce(own) { $0 + 1024 + 256 * $1.models.count }
        case .metrics, .stats: return state.registry.views.reduce(0) { $0 + 2048 + 512 * $1.models.count }
        case .history: return historySize
        default: return 0
        }
    }

    /// 384 bytes an entry; there cannot be more entries than requests.
    private var historySize: Int {
        min(Int(clamping: state.journal.totals.total), state.journal.capacity) * 384
    }

    /// Reads configuration and adapters again; 400 with everything that is wrong if the file is not valid.
    /// - Parameter allowsEmpty: also if the file names no backend any more.
    func reload(allowsEmpty: Bool) async -> LocalAnswer {
        guard let outcome = await state.reload(allowsEmpty: allowsEmpty) else {
            return .error(
                ErrorBody(
                    status: 503, message: "The gateway is still starting.", type: "service_unavailable_error",
                    code: "starting", retryAfter: 1))
        }
        guard let problem = outcome.problem else { return LocalAnswer(body: outcome.json) }
        return .error(
            ErrorBody(
                status: 400, message: "The configuration before stays in use. \(problem)", code: outcome.code))
    }

    private func model(_ id: String) -> LocalAnswer {
        guard id.utf8.count <= RequestPeek.maximumName else {
            return .error(ErrorBody(RequestPeekError.modelTooLong(beginning: "")))
        }
        guard let json = ContractEncoder.model(id: id, in: state.registry.views) else {
            return .error(.unknownModel(id, among: state.registry.snapshot.candidates.keys))
        }
        return LocalAnswer(body: json)
    }

    /// 200 while requests can be served by somebody, else 503, so that a load balancer can rely on the status alone.
    private var health: LocalAnswer {
        let views = state.registry.views
        let healthy = views.count { $0.status == .healthy }
        let models = Set(views.filter { $0.status == .healthy }.flatMap { $0.models.map(\.id) }).count
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("status")
        writer.string(healthy == 0 ? "unhealthy" : healthy < views.count ? "degraded" : "healthy")
        writer.key("version")
        writer.string(GatewayState.version)
        writer.key("uptime_seconds")
        writer.integer(state.uptimeSeconds)
        writer.key("backends")
        writer.beginObject()
        writer.key("total")
        writer.integer(views.count)
        writer.key("healthy")
        writer.integer(healthy)
        writer.key("unhealthy")
        writer.integer(views.count - healthy)
        writer.endObject()
        writer.key("models")
        writer.beginObject()
        writer.key("total")
        writer.integer(models)
        writer.endObject()
        writer.endObject()
        return LocalAnswer(status: healthy == 0 ? 503 : 200, body: writer.bytes)
    }

    /// - Parameter query: may ask for parts of the page, which is what its script does.
    private func page(_ query: String) -> LocalAnswer {
        LocalAnswer(
            contentType: "text/html; charset=utf-8",
            fields: [
                ("content-security-policy", PageRenderer.contentSecurityPolicy), ("cache-control", "no-store"),
                ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"),
            ],
            body: Self.page.render(state.page, parts: PagePart.named(inQuery: query)))
    }

    private func asset(_ asset: AssetStore.Asset?, caching: String = "no-cache") -> LocalAnswer {
        guard let asset else {
            return .error(ErrorBody(status: 404, message: "There is no such file.", code: "unknown_path"))
        }
        return LocalAnswer(
            contentType: asset.mimeType,
            fields: [
                ("etag", asset.etag), ("cache-control", caching), ("x-content-type-options", "nosniff"),
            ],
            body: asset.bytes)
    }
}

/// `GET /v1/adapters`.
enum AdapterList {
    static func json(_ library: AdapterLibrary) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("data")
        writer.beginArray()
        for image in library.images {
            writer.beginObject()
            for (key, value) in [
                ("type", image.type), ("name", image.displayName), ("version", image.version),
                ("abi", "\(image.abiMajor).\(image.abiMinor)"), ("path", image.path),
            ] {
                writer.key(key)
                writer.string(value)
            }
            writer.key("default_urls")
            writer.beginArray()
            for url in image.defaultURLs { writer.string(url) }
            writer.endArray()
            writer.key("warnings")
            writer.beginArray()
            for warning in image.warnings { writer.string(warning) }
            writer.endArray()
            writer.endObject()
        }
        let unused =
            library.rejected.map { ($0.path, $0.problem.description, $0.keepsOlder) }
            + library.unread.map { ($0.path, $0.reason, true) }
        for (path, problem, keepsOlder) in unused {
            writer.beginObject()
            writer.key("path")
            writer.string(path)
            writer.key("problem")
            writer.string(problem)
            writer.key("keeps_older")
            writer.bool(keepsOlder)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }
}
