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

/// Answers what needs no backend: lists, figures, health, and the page's files.
struct LocalAnswers {
    let state: GatewayState

    /// - Parameter query: `models=0` leaves out the lists of models.
    func backends(_ query: String) -> LocalAnswer {
        let withModels = !query.split(separator: "&").contains { $0 == "models=0" || $0 == "models=false" }
        return LocalAnswer(body: ContractEncoder.backends(state.registry.views, withModels: withModels))
    }
    var statistics: LocalAnswer { LocalAnswer(body: ContractEncoder.statistics(state.statistics)) }
    var adapters: LocalAnswer { LocalAnswer(body: AdapterList.json(state.library)) }
    var trouble: LocalAnswer {
        LocalAnswer(body: ContractEncoder.troubles(state.trouble, now: Clock.preciseWallSeconds()))
    }
    var metrics: LocalAnswer {
        LocalAnswer(contentType: "text/plain; version=0.0.4; charset=utf-8", body: Metrics.text(state))
    }

    /// The process lives, and an event loop of it gets its turn.
    static let live = LocalAnswer(
        fields: [("cache-control", "no-store")], body: Array(#"{"status":"live"}"#.utf8))

    /// 200 if requests should come here, else 503 and why.
    var ready: LocalAnswer {
        let problem = state.readiness.problem(state.registry.snapshot)
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("status")
        writer.string(problem == nil ? "ready" : "not_ready")
        if let problem {
            writer.key("reason")
            writer.string(problem)
        }
        writer.endObject()
        return LocalAnswer(
            status: problem == nil ? 200 : 503, fields: [("cache-control", "no-store")], body: writer.bytes)
    }

    /// Reads configuration and adapters again; 400 with everything that is wrong if the file is not valid.
    /// - Parameter allowsEmpty: also if the file names no backend any more.
    func reload(allowsEmpty: Bool) async -> LocalAnswer {
        guard let outcome = await state.reload(allowsEmpty: allowsEmpty) else {
            return .error(.starting)
        }
        guard let problem = outcome.problem else { return LocalAnswer(body: outcome.json) }
        return .error(
            ErrorBody(
                status: 400, message: "The configuration before stays in use. \(problem)", code: outcome.code))
    }

    /// 200 while requests can be served by somebody, else 503, so that a load balancer can rely on the status alone.
    /// Who may not see how the gateway runs is told no more than that.
    func health(_ context: RequestContext) -> LocalAnswer {
        let isWhole = AccessGate.refusal(.view, context, state.settings) == nil
        let views = state.registry.views
        let healthy = views.count { $0.status == .healthy }
        let degraded = views.count { $0.status == .degraded }
        let serving = healthy + degraded
        let models = Set(views.filter { $0.status.serves }.flatMap { $0.models.map(\.id) }).count
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("status")
        let problem = state.stateProblem
        let trouble = state.trouble
        let isWell = healthy == views.count && problem == nil && !trouble.isSerious
        writer.string(serving == 0 ? "unhealthy" : isWell ? "healthy" : "degraded")
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
        writer.key("degraded")
        writer.integer(degraded)
        writer.key("unhealthy")
        writer.integer(views.count - serving)
        writer.endObject()
        if isWhole, degraded > 0 { writeReasons(views, to: &writer) }
        if isWhole, !trouble.isEmpty { write(trouble, to: &writer) }
        if isWhole, let problem {
            writer.key("problem")
            writer.string(problem)
        }
        writer.key("models")
        writer.beginObject()
        writer.key("total")
        writer.integer(models)
        writer.endObject()
        writer.endObject()
        return LocalAnswer(status: serving == 0 ? 503 : 200, body: writer.bytes)
    }

    /// Why backends are degraded.
    private func writeReasons(_ views: [BackendView], to writer: inout JSONWriter) {
        writer.key("degraded_backends")
        writer.beginArray()
        for view in views.lazy.filter({ $0.status == .degraded }).prefix(Self.reasonLimit) {
            writer.beginObject()
            writer.key("id")
            writer.string(view.id)
            writer.key("reason")
            writer.string(view.lastError ?? "")
            writer.endObject()
        }
        writer.endArray()
    }

    /// What is wrong, in words.
    private func write(_ trouble: TroubleList, to writer: inout JSONWriter) {
        let now = Clock.preciseWallSeconds()
        writer.key("trouble")
        writer.beginArray()
        for item in trouble.items.prefix(Self.reasonLimit) {
            writer.beginObject()
            writer.key("kind")
            writer.string(item.kind.rawValue)
            writer.key("severity")
            writer.string(item.severity.name)
            writer.key("words")
            writer.string(item.words(now: now))
            writer.endObject()
        }
        writer.endArray()
    }

    /// Degraded backends, and troubles, that `/health` names.
    private static let reasonLimit = 20

    /// A file of the page: for good under the name of this version's folder.
    static func asset(_ name: String, _ wishes: FetchWishes) -> LocalAnswer {
        if let asset = AssetStore.shared.permanentAsset(named: name) {
            return answer(asset, wishes, caching: "public, max-age=31536000, immutable")
        }
        return answer(AssetStore.shared.asset(named: name), wishes, caching: "no-cache")
    }

    static func rootFile(_ name: String, _ wishes: FetchWishes) -> LocalAnswer {
        answer(AssetStore.shared.rootFile(named: name), wishes, caching: "public, max-age=86400")
    }

    private static func answer(_ asset: AssetStore.Asset?, _ wishes: FetchWishes, caching: String) -> LocalAnswer {
        guard let asset else {
            return .error(ErrorBody(status: 404, message: "There is no such file.", code: "unknown_path"))
        }
        let gzip = wishes.takesGzip ? asset.gzip : nil
        var answer = LocalAnswer(
            contentType: asset.mimeType,
            fields: [
                ("etag", gzip == nil ? asset.etag : asset.gzipETag), ("cache-control", caching),
                ("x-content-type-options", "nosniff"), ("vary", "Accept-Encoding"),
            ],
            body: gzip ?? asset.bytes)
        if wishes.has(asset.etag) || wishes.has(asset.gzipETag) {
            (answer.status, answer.body) = (304, [])
        } else if gzip != nil {
            answer.fields.append(("content-encoding", "gzip"))
        }
        return answer
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
            if let hash = image.hash {
                writer.key("sha256")
                writer.string(hash.text)
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
        writeUnused(library, to: &writer)
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }

    /// Files and directories of which nothing is used, or not what is there now, and why.
    static func writeUnused(_ library: AdapterLibrary, to writer: inout JSONWriter) {
        let unused =
            library.rejected.map { ($0.path, $0.problem.description, $0.keepsOlder, Self.refusal($0.problem)) }
            + library.unread.map { ($0.path, $0.reason, true, nil) }
        for (path, problem, keepsOlder, refusal) in unused {
            writer.beginObject()
            writer.key("path")
            writer.string(path)
            writer.key("problem")
            writer.string(problem)
            writer.key("keeps_older")
            writer.bool(keepsOlder)
            if let refusal {
                writer.key("refused_by")
                writer.string(refusal)
            }
            writer.endObject()
        }
    }

    /// Which rule refuses it; nil: none does, it cannot be used.
    private static func refusal(_ problem: LoadProblem) -> String? {
        problem.refusal.map { $0.isByList ? "allow" : "quarantine" }
    }
}
