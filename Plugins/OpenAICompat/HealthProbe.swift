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
            task.handle, method: "GET", path: path, headers: backend.headers(key).get,
            handler: CollectingHandler { self.listed($0, key) })
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
        let told = value.flatMap { UpstreamError.insideStream($0)?.message }
        switch answer.status {
        // A part of a list does not count as a list.
        case 200 where told == nil: break
        case 401, 403: return refused(answer.status, key)
        case 503 where Self.isLoading(told): return loading(told ?? "")
        case 404 where options.flavor == nil || options.flavor == .tgi: return askTGI(instead: answer, told)
        default: return unhealthy(Self.words(path, answer.status, told))
        }
        guard let value else {
            return unhealthy("GET \(path) did not answer with JSON; is this an OpenAI-compatible server?")
        }
        guard let list = ModelList.parse(value) else {
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

    /// The key is refused: tries the next one, if there is one.
    private func refused(_ status: UInt32, _ key: Int) {
        triedKeys.insert(key)
        if backend.keys.next(after: key, tried: triedKeys, status: status, retryAfterMilliseconds: 0) != nil {
            return start()
        }
        unhealthy(
            "GET \(options.modelsPath): the server refuses the API key (status \(status)); set api_key_env to the variable that holds it"
        )
    }

    /// Older versions of TGI have no list.
    private func askTGI(instead answer: CollectingHandler.Answer, _ told: String?) {
        ask([Question(own: "/info", options)]) { answers in
            if let list = answers.json("/info").flatMap(ModelList.parse(tgi:)) {
                self.take(list, server: answer.server)
            } else {
                self.unhealthy(Self.words(self.options.modelsPath, answer.status, told))
            }
        }
    }

    private func take(_ list: ModelList.List, server: String) {
        details = ServerDetails(models: list.models, server: server)
        if list.hasStates { details.management = .llamaRouter }
        let known = backend.knowledge.withLock { knowledge in
            knowledge.see(server: server)
            return knowledge
        }
        flavor = options.flavor ?? list.flavor ?? Flavor.of(server: server) ?? known.flavor
        guard flavor == nil, !known.isFlavorAsked else { return askDetails(known) }
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
            questions.append(Question(path, timeout: 0))
        } else if let path = flavor?.healthPath {
            questions.append(Question(own: path, options))
        }
        if let path = options.metricsPath {
            if !path.isEmpty { questions.append(Question(path)) }
        } else if let path = flavor?.metricsPath, !known.absent.contains(path) {
            questions.append(Question(own: path, options))
        }
        var endpoints: [Endpoint] = []
        if options.kinds == nil, flavor != .openai { endpoints = known.open }
        questions += endpoints.flatMap(\.paths).map { Question(endpoint: $0, options) }
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
        let told = answers.value(path).flatMap { UpstreamError.insideStream($0)?.message }
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
            knowledge.endRound()
            for endpoint in endpoints {
                let found = endpoint.paths.map { answers[options.prefix + $0].flatMap(Endpoint.isThere) }
                if found.contains(true) {
                    knowledge.note(endpoint, isThere: true)
                } else if !found.contains(nil) {
                    knowledge.note(endpoint, isThere: false)
                }
            }
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
        if flavor == .openai { return Endpoint.openAI }
        return Endpoint.common | backend.knowledge.withLock { $0.kinds }
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

    private static func isLoading(_ told: String?) -> Bool { told?.lowercased().contains("loading") == true }

    private static func words(_ path: String, _ status: UInt32, _ told: String?) -> String {
        "GET \(path) answered with status \(status)" + (told.map { ": \($0)" } ?? "")
    }
}
