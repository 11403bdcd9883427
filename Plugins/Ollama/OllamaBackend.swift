import PluginAPI
import Product

typealias ThisAdapter = OllamaBackend

/// One Ollama server, spoken to by its own API: its OpenAI-compatible one loses errors inside streams and options such
/// as `num_ctx` and `keep_alive`. For the same reason its `/v1/messages` and `/v1/responses` are not offered: the host
/// translates those.
final class OllamaBackend: BackendAdapter {
    static let about = AdapterAbout(
        type: "ollama", displayName: "Ollama", version: "\(Product.version)", optionsSchema: Options.schema,
        defaultURLs: ["http://127.0.0.1:11434"],
        kinds: NEXUS_KIND_CHAT | NEXUS_KIND_COMPLETIONS | NEXUS_KIND_EMBEDDINGS | NEXUS_KIND_OLLAMA)

    let host: Host
    let reports: Reports
    let options: Options
    let address: Address
    let keys: SharedKeys
    /// For each key.
    private let headers: [StaticHeaders]
    /// The answers of `/api/show`, by digest: they never change.
    let details = ModelDetails()
    /// Which models the last list said cannot think.
    let thoughtless = ThoughtlessModels()

    init(_ configuration: BackendConfiguration, host: Host, reports: Reports) throws(ConfigurationProblem) {
        self.host = host
        self.reports = reports
        options = try Options(configuration.options)
        address = Address(configuration.url)
        let given = configuration.apiKeys.isEmpty ? [""] : configuration.apiKeys
        headers = given.map { key in
            let type = (name: "content-type", value: "application/json")
            return StaticHeaders(key.isEmpty ? [type] : [type, ("authorization", "Bearer \(key)")])
        }
        keys = SharedKeys(count: given.count)
    }

    /// The header fields with a key, by its place.
    func headers(_ key: Int) -> StaticHeaders { headers[key] }

    func probe(_ task: ProbeTask) { HealthProbe(backend: self, task: task).start() }

    func submit(_ exchange: ExchangeTask, _ request: nexus_request) -> nexus_status {
        switch request.kind {
        case NEXUS_KIND_OLLAMA, NEXUS_KIND_CHAT, NEXUS_KIND_COMPLETIONS, NEXUS_KIND_EMBEDDINGS: break
        default: return NEXUS_UNSUPPORTED
        }
        let asked = Asked(request)
        let body = request.body.bytes
        guard body.count > LargeWork.inlineLimit, request.kind != NEXUS_KIND_OLLAMA || !NativeRequest.isAsItIs(options)
        else { return send(plan(asked, body), asked, exchange) }
        let copy = Array(body)
        let status = exchange.runBlocking {
            copy.withUnsafeBytes { self.plan(asked, $0) }
        } done: { plan, state in
            guard state == .alive else { return }
            let status = self.send(plan, asked, exchange)
            if status != NEXUS_OK { exchange.fail(LargeRequest.notSent(status)) }
        }
        guard status == NEXUS_TOO_LARGE else { return status }
        exchange.fail(LargeRequest.tooMany)
        return NEXUS_OK
    }

    /// Makes what goes to Ollama. On any thread.
    private func plan(_ asked: Asked, _ body: UnsafeRawBufferPointer) -> Result<Plan, Failure> {
        Result { () throws(Failure) in
            // A client that speaks Ollama's API: request and answer go through as they are.
            if asked.kind == NEXUS_KIND_OLLAMA {
                return Plan(
                    path: asked.path, body: NativeRequest.completed(body, path: asked.path, options: options),
                    answer: .native)
            }
            return try translated(asked, body)
        }
    }

    private func translated(_ asked: Asked, _ body: UnsafeRawBufferPointer) throws(Failure) -> Plan {
        guard let body = try? JSONValue.parse(body, maximumValues: LargeWork.values) else {
            throw ChatRequest.rejected("body", "The body cannot be translated for Ollama, or has too many values.")
        }
        let model = asked.model
        let thinks = !thoughtless.contains(model)
        switch asked.kind {
        case NEXUS_KIND_CHAT:
            let sent = try ChatRequest.translate(body, model: model, options: options, thinks: thinks)
            return Plan("/api/chat", sent, .chat(asked.reply("chatcmpl-", options)))
        case NEXUS_KIND_COMPLETIONS:
            let sent = try CompletionRequest.translate(body, model: model, options: options, thinks: thinks)
            let echo = CompletionRequest.echo(body)
            return Plan("/api/generate", sent, .completion(asked.reply("cmpl-", options, echo: echo)))
        default:
            let base64 = body["encoding_format"]?.string == "base64"
            let count = Embeddings.inputs(body).count
            let sent = try Embeddings.request(body, model: model, options: options)
            return Plan("/api/embed", sent, .embeddings(count: count, model: model, base64: base64))
        }
    }

    private func send(_ plan: Result<Plan, Failure>, _ asked: Asked, _ exchange: ExchangeTask) -> nexus_status {
        do throws(Failure) {
            let plan = try plan.get()
            return plan.handler(exchange, asked).send(
                Outgoing(backend: self, path: plan.path, extra: asked.own, body: plan.body))
        } catch {
            exchange.fail(error)
            return NEXUS_OK
        }
    }
}
