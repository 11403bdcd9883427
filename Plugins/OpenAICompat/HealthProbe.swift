import PluginAPI

/// One probe: the model list first, since a server that lists its models is up; then what the flavour knows better, all at
/// once. Exactly one health report ends it.
final class HealthProbe {
    private let backend: OpenAIBackend
    private let task: ProbeTask
    private var flavor: Flavor?
    private var details = ServerDetails(models: [], server: "")
    private var triedKeys: Set<Int> = []

    init(backend: OpenAIBackend, task: ProbeTask) {
        self.backend = backend
        self.task = task
    }

    private var options: Options { backend.options }

    func start() {
        let path = options.modelsPath
        let key = backend.keys.current()
        let status = backend.host.start(
            task.handle, method: "GET", path: options.place(path), headers: backend.headers(key).get,
            fromRoot: options.isFromRoot, handler: CollectingHandler { self.listed($0, key) })
        if status == NEXUS_BAD_STATE {
            unhealthy("the time for a probe was over before GET \(path)")
        } else if status != NEXUS_OK {
            unhealthy("the host did not send GET \(path) (status \(status))")
        }
    }

    // MARK: The list

    private func listed(_ answer: CollectingHandler.Answer, _ key: Int) {
        if !task.parse(answer.body, done: { self.listed(answer, key, $0) }) { listed(answer, key, nil) }
    }

    private func listed(_ answer: CollectingHandler.Answer, _ key: Int, _ value: JSONValue?) {
        let path = options.modelsPath
        switch answer.end {
        case .complete: break
        case .cancelled: return
        case .refused(let message), .timedOut(let message), .closed(let message), .garbage(let message):
            return unhealthy("GET \(path): \(message)")
        }
        let inside = value.flatMap { UpstreamError.insideStream($0)?.message }
        let error = answer.status == 200 ? nil : ToldError.body(answer.body.prefix(64 * 1024))
        let told = inside ?? error?.message
        switch answer.status {
        // A part of a list, or none, is no list.
        case 200 where inside == nil: break
        case 401, 403: return refused(answer, error, key)
        case 503 where Self.isLoading(told): return loading(told ?? "")
        case let status where options.models != nil && Self.isWell(status):
            // It answers, and nothing else is needed of it.
            return take(ModelList.List(models: []), server: answer.server)
        case 404 where options.flavor == nil || options.flavor == .tgi: return askTGI(instead: answer, told)
        case 404, 405, 501: return takeUnlisted(answer, told)
        default:
            return unhealthy(
                answer.location.map { "GET \(path): \(Refusals.redirect(answer.status, $0))" }
                    ?? Self.words(path, answer.status, told))
        }
        guard let value else {
            if options.models != nil { return take(ModelList.List(models: []), server: answer.server) }
            return unhealthy("GET \(path) did not answer with JSON; is this an OpenAI-compatible server?")
        }
        guard let list = ModelList.parse(value) else {
            if options.models != nil { return take(ModelList.List(models: []), server: answer.server) }
            return unhealthy(
                "GET \(path) did not answer with a list of models; is this an OpenAI-compatible server, and is models_path right?"
            )
        }
        // Words beside an empty list say why it is empty.
        if list.models.isEmpty, let told = UpstreamError.insteadOfAnswer(value)?.message {
            return unhealthy(Self.words(path, answer.status, told))
        }
        take(list, server: answer.server)
    }

    /// The key is refused, or may be: tries the next one, if there is one.
    private func refused(_ answer: CollectingHandler.Answer, _ told: ToldError?, _ key: Int) {
        triedKeys.insert(key)
        let says = KeyAnswer(status: answer.status, told: told, retryAfterMilliseconds: 0)
        if backend.keys.next(after: key, tried: triedKeys, answer: says) != nil { return start() }
        guard says == .refused else {
            // The list is not for everybody; the models may be.
            if options.models != nil { return take(ModelList.List(models: []), server: answer.server) }
            return unhealthy(Self.words(options.modelsPath, answer.status, told?.message))
        }
        unhealthy(
            "GET \(options.modelsPath): the server refuses the API key (status \(answer.status)); set api_key_env to the variable that holds it"
        )
    }

    /// A server that has no list. Where the operator has stated what it answers, it is the right server, and takes whatever
    /// name no other backend has; else the address may be wrong.
    private func takeUnlisted(_ answer: CollectingHandler.Answer, _ told: String?) {
        if options.kinds != nil {
            return take(ModelList.List(models: [ReportedModel(id: ReportedModel.any)]), server: answer.server)
        }
        unhealthy(
            Self.words(options.modelsPath, answer.status, told)
                + "; if the address is right and the server has no list, state its models: "
                + "options = { models = [\"...\"] }")
    }

    /// Older versions of TGI have no list.
    private func askTGI(instead answer: CollectingHandler.Answer, _ told: String?) {
        ask([Question(own: "/info", options)]) { answers in
            if let list = answers.json("/info").flatMap(ModelList.parse(tgi:)) {
                self.take(list, server: answer.server)
            } else {
                self.takeUnlisted(answer, told)
            }
        }
    }

    private func take(_ list: ModelList.List, server: String) {
        let isUnlisted = options.models != nil || list.models.contains { $0.id == ReportedModel.any }
        let models =
            options.models?.map { name in list.models.first { $0.id == name } ?? ReportedModel(id: name) }
            ?? list.models
        details = ServerDetails(models: models, server: server)
        if list.hasStates { details.management = .llamaRouter }
        let known = backend.knowledge.withLock { knowledge in
            knowledge.see(server: server)
            return knowledge
        }
        flavor = options.flavor ?? list.flavor ?? Flavor.of(server: server) ?? known.flavor
        // A server of which the operator has told what it is for is asked no more than it must.
        guard flavor == nil, !isUnlisted, !known.isFlavorAsked else { return askDetails(known) }
        ask(Flavor.telling.map { Question(own: $0, options) }) { self.recognise($0) }
    }

    /// Recognises a server that did not say what it is by the paths it has. One that was too busy is asked again.
    private func recognise(_ answers: Questions.Answers) {
        let found = Flavor.of { answers.json($0) }
        let hasAnswered = answers.all.values.allSatisfy { $0.end == .complete }
        flavor = found
        askDetails(
            backend.knowledge.withLock { knowledge in
                knowledge.flavor = found
                knowledge.isFlavorAsked = found != nil || hasAnswered
                return knowledge
            })
    }

    // MARK: Details, health, load, endpoints

    private func askDetails(_ known: Knowledge) {
        var questions = (flavor?.detailPaths ?? []).filter { !known.absent.contains($0) }
            .map { Question(own: $0, options) }
        if let path = options.healthPath {
            questions.append(Question(path, options, timeout: 0))
        } else if let path = flavor?.healthPath {
            questions.append(Question(own: path, options))
        }
        if let path = options.metricsPath {
            if !path.isEmpty { questions.append(Question(path, options)) }
        } else if let path = flavor?.metricsPath, !known.absent.contains(path) {
            questions.append(Question(own: path, options))
        }
        var endpoints: [Endpoint] = []
        if options.kinds == nil, options.models == nil, flavor == nil { endpoints = known.open }
        questions += endpoints.flatMap(\.paths).map { Question(options.prefix + $0, options) }
        ask(questions) { self.answered($0, endpoints) }
    }

    private func answered(_ answers: Questions.Answers, _ endpoints: [Endpoint]) {
        if let flavor {
            if flavor.hasToolsAndSchemas {
                for index in details.models.indices {
                    details.models[index].capabilities |= NEXUS_MODEL_TOOLS | NEXUS_MODEL_JSON_MODE
                }
            }
            details.take(flavor, answers)
        }
        guard checkHealth(answers) else { return }
        remember(answers, endpoints)
        guard let metrics = (options.metricsPath ?? flavor?.metricsPath).flatMap({ answers[$0] }),
            metrics.end == .complete, metrics.status == 200
        else { return report() }
        let (before, text) = (details.load, metrics.body)
        let isTaken = task.run(size: text.count) {
            var load = before
            LoadSignals.apply(metrics: text, to: &load)
            return load
        } done: { load, state in
            guard state == .alive else { return }
            self.details.load = load
            self.report()
        }
        if !isTaken { report() }
    }

    /// False: the server is not ready, and that was reported.
    private func checkHealth(_ answers: Questions.Answers) -> Bool {
        guard let path = options.healthPath ?? flavor?.healthPath else { return true }
        // The server has listed its models: it is not dead, though it may be too busy to answer this, or not know it.
        let isOptional = options.healthPath == nil
        guard let answer = answers[path] else { return true }
        switch answer.end {
        case .complete: break
        case .cancelled: return false
        case .timedOut where isOptional: return true
        case .refused(let message), .timedOut(let message), .closed(let message), .garbage(let message):
            unhealthy("GET \(path): \(message)")
            return false
        }
        let told =
            answers.value(path).flatMap { UpstreamError.insideStream($0)?.message }
            ?? ((200...299).contains(answer.status) ? nil : ToldError.body(answer.body.prefix(64 * 1024))?.message)
        switch answer.status {
        case 200...299 where told == nil: return true
        case 404 where isOptional: return true
        case 503 where Self.isLoading(told): loading(told ?? "")
        default: unhealthy(Self.words(path, answer.status, told))
        }
        return false
    }

    private func remember(_ answers: Questions.Answers, _ endpoints: [Endpoint]) {
        let paths = (flavor?.detailPaths ?? []) + (options.metricsPath == nil ? ["/metrics"] : [])
        let absent = paths.filter { path in
            guard let answer = answers[path], answer.end == .complete else { return false }
            return [404, 405, 501].contains(answer.status)
        }
        backend.knowledge.withLock { knowledge in
            knowledge.absent.formUnion(absent)
            guard !endpoints.isEmpty else { return }
            var isComplete = true
            for endpoint in endpoints {
                let found = endpoint.paths.compactMap { answers[options.prefix + $0] }
                if found.contains(where: { $0.end != .complete }) { isComplete = false }
                if found.contains(where: { Endpoint.isThere($0) == true }) { knowledge.note(endpoint) }
            }
            knowledge.endRound(isComplete: isComplete)
        }
    }

    // MARK: Reports

    private func report() {
        let management = flavor == .llamacpp || flavor == .lmstudio ? details.management : nil
        backend.management.withLock { $0 = management }
        backend.reports.models(details.models)
        if details.load != ReportedLoad() { backend.reports.load(details.load) }
        backend.reports.health(NEXUS_HEALTHY, server: details.server, kinds: kinds())
    }

    private func kinds() -> UInt32 {
        if let stated = options.kinds { return stated }
        return Endpoint.common | backend.knowledge.withLock { $0.kinds(flavor) }
    }

    private func unhealthy(_ message: String) {
        backend.knowledge.withLock { $0 = Knowledge() }
        backend.reports.health(NEXUS_UNHEALTHY, message: message, server: details.server)
    }

    private func loading(_ message: String) {
        backend.knowledge.withLock { $0 = Knowledge() }
        backend.reports.health(NEXUS_LOADING, message: message, server: details.server)
    }

    // MARK: Small things

    private func ask(_ questions: [Question], then: @escaping (Questions.Answers) -> Void) {
        Questions.ask(questions, of: backend, task) { answers in
            // The probe is over; there is no one left to tell.
            if !answers.isCancelled { then(answers) }
        }
    }

    /// An answer of a server that serves, though it has no list, or not for us, or not now.
    private static func isWell(_ status: UInt32) -> Bool {
        (status < 500 || status == 501) && !Refusals.isRedirect(status)
    }

    private static func isLoading(_ told: String?) -> Bool { told?.lowercased().contains("loading") == true }

    private static func words(_ path: String, _ status: UInt32, _ told: String?) -> String {
        "GET \(path) answered with status \(status)" + (told.map { ": \($0)" } ?? "")
    }
}
