import PluginAPI
import Synchronization

/// One probe: the list of models, what is not known of them yet, which are loaded, the version. Exactly one health
/// report ends it. Nothing here makes Ollama load a model, let alone generate.
final class HealthProbe {
    /// `/api/show` requests under way at once, below the host's limit for a task.
    private static let parallel = 8
    /// Milliseconds for the optional part of a probe.
    private static let optionalTimeout: UInt32 = 1000

    private let backend: OllamaBackend
    private let task: ProbeTask
    private var models: [ListedModel] = []
    private var waiting: [Int] = []
    private var underWay = 0
    private var isOver = false
    private var triedKeys: Set<Int> = []
    private var key: Int

    init(backend: OllamaBackend, task: ProbeTask) {
        self.backend = backend
        self.task = task
        key = backend.keys.current()
    }

    func start() { send("GET", "/api/tags", []) { self.listed($0, $1) } }

    /// - Parameter then: given the answer, and the JSON in it.
    private func send(
        _ method: StaticString, _ path: String, _ body: [UInt8], timeout: UInt32 = 0,
        _ then: @escaping (CollectingHandler.Answer, JSONValue?) -> Void
    ) {
        guard !isOver else { return }
        let status = backend.host.start(
            task.handle, method: method, path: backend.address.place(path), headers: backend.headers(key),
            fromRoot: backend.address.isFromRoot, body: body,
            timeoutMilliseconds: timeout,
            handler: CollectingHandler { answer in
                if !self.task.parse(answer.body, done: { then(answer, $0) }) { then(answer, nil) }
            })
        if status == NEXUS_BAD_STATE {
            unhealthy("the time for a probe was over before \(method) \(path)")
        } else if status != NEXUS_OK {
            unhealthy("the host did not send \(method) \(path) (status \(status))")
        }
    }

    private func unhealthy(_ message: String) {
        guard !isOver else { return }
        isOver = true
        backend.reports.health(NEXUS_UNHEALTHY, message: message)
    }

    private func listed(_ answer: CollectingHandler.Answer, _ value: JSONValue?) {
        switch answer.end {
        case .complete: break
        case .cancelled: return
        case .refused(let message), .timedOut(let message), .closed(let message), .garbage(let message):
            return unhealthy("GET /api/tags: \(message)")
        }
        let error = answer.status == 200 ? nil : ToldError.body(answer.body.prefix(64 * 1024))
        if let says = KeyAnswer(status: answer.status, told: error, retryAfterMilliseconds: 0) {
            triedKeys.insert(key)
            if let next = backend.keys.next(after: key, tried: triedKeys, answer: says) {
                key = next
                return start()
            }
            // Nothing of the server's words: they may hold the key.
            if says == .refused {
                return unhealthy(
                    "GET /api/tags: the server refuses the API key (status \(answer.status)); "
                        + "set api_key_env to the variable that holds it")
            }
        }
        if let location = answer.location {
            return unhealthy("GET /api/tags: \(Refusals.redirect(answer.status, location))")
        }
        // An error beside a list is why the list is short.
        let told = value.flatMap(OllamaError.text) ?? error?.message
        guard answer.status == 200, told == nil else {
            let words = told.map { ": \($0)" } ?? ""
            return unhealthy("GET /api/tags answered with status \(answer.status)\(words)")
        }
        guard let list = value?["models"]?.array else {
            return unhealthy("GET /api/tags did not answer with a list of models; is this Ollama?")
        }
        models = list.compactMap(ListedModel.init)
        // A list without a readable item is not an empty list.
        guard !models.isEmpty || list.isEmpty else {
            return unhealthy("GET /api/tags answered with a list in which no model can be read; is this Ollama?")
        }
        for index in models.indices where !models[index].isComplete {
            if let known = backend.details[models[index].digest] {
                models[index].apply(show: known)
            } else {
                waiting.append(index)
            }
        }
        askForDetails()
    }

    private func askForDetails() {
        while underWay < Self.parallel, let index = waiting.popLast() {
            underWay += 1
            let body = JSONValue.object(JSONObject([(name: "model", value: .string(models[index].name))])).bytes
            send("POST", "/api/show", body, timeout: Self.optionalTimeout) { answer, value in
                self.underWay -= 1
                guard answer.end != .cancelled else { return }
                // A server that is too slow to describe one model would not describe all of them in time.
                if answer.end != .complete { self.waiting = [] }
                if answer.end == .complete, answer.status == 200, let value {
                    let kept = ListedModel.kept(of: value)
                    self.models[index].apply(show: kept)
                    self.backend.details.remember(kept, of: self.models[index].digest)
                }
                self.askForDetails()
            }
        }
        if underWay == 0, waiting.isEmpty, !isOver { askForTheRest() }
    }

    /// The optional part of the probe: both requests at once.
    private func askForTheRest() {
        var version: String?
        var remaining = 2
        func told(_ answer: CollectingHandler.Answer) {
            // A probe that was cancelled reports nothing.
            if answer.end != .cancelled { remaining -= 1 }
            if remaining == 0 { healthy(version) }
        }
        send("GET", "/api/ps", [], timeout: Self.optionalTimeout) { answer, value in
            if let running = Self.good(answer, value)?["models"]?.array?.map(RunningModel.init) {
                for index in self.models.indices { self.models[index].apply(running: running) }
            }
            told(answer)
        }
        send("GET", "/api/version", [], timeout: Self.optionalTimeout) { answer, value in
            version = Self.good(answer, value)?["version"]?.string
            told(answer)
        }
    }

    /// Nil unless it is a whole answer of JSON.
    private static func good(_ answer: CollectingHandler.Answer, _ value: JSONValue?) -> JSONValue? {
        answer.end == .complete && answer.status == 200 ? value : nil
    }

    private func healthy(_ version: String?) {
        guard !isOver else { return }
        isOver = true
        backend.thoughtless.learn(from: models)
        backend.reports.models(models.map { $0.reported(requested: backend.options.contextLength) })
        backend.reports.health(NEXUS_HEALTHY, server: "Ollama" + (version.map { " \($0)" } ?? ""))
    }
}

/// Details of models by digest. From any event loop.
final class ModelDetails: Sendable {
    /// At most this many models are remembered; then the memory starts again.
    private static let limit = 1000
    private let known = Mutex<[String: JSONValue]>([:])

    subscript(digest: String) -> JSONValue? { known.withLock { $0[digest] } }

    func remember(_ details: JSONValue, of digest: String) {
        guard !digest.isEmpty else { return }
        known.withLock { known in
            if known.count >= Self.limit { known.removeAll() }
            known[digest] = details
        }
    }
}
