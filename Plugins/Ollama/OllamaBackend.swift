import PluginAPI

typealias ThisAdapter = OllamaBackend

/// One Ollama server, spoken to by its own API: its OpenAI-compatible one loses errors inside streams and options such
/// as `num_ctx` and `keep_alive`. For the same reason its `/v1/messages` and `/v1/responses` are not offered: the host
/// translates those.
final class OllamaBackend: BackendAdapter {
    static let about = AdapterAbout(
        type: "ollama", displayName: "Ollama", version: "0.2.0", optionsSchema: Options.schema,
        defaultURLs: ["http://127.0.0.1:11434"],
        kinds: NEXUS_KIND_CHAT | NEXUS_KIND_COMPLETIONS | NEXUS_KIND_EMBEDDINGS | NEXUS_KIND_OLLAMA)

    let host: Host
    let reports: Reports
    let options: Options
    let keys: SharedKeys
    /// For each key.
    private let headers: [StaticHeaders]
    /// What `/api/show` told of a model, by digest: it never changes.
    let details = ModelDetails()
    /// Which models the last list said cannot think.
    let thoughtless = ThoughtlessModels()

    init(_ configuration: BackendConfiguration, host: Host, reports: Reports) throws(ConfigurationProblem) {
        self.host = host
        self.reports = reports
        options = try Options(configuration.options)
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
        case NEXUS_KIND_OLLAMA: return passOn(exchange, request)
        case NEXUS_KIND_CHAT, NEXUS_KIND_COMPLETIONS, NEXUS_KIND_EMBEDDINGS: break
        default: return NEXUS_UNSUPPORTED
        }
        do throws(Failure) {
            let call = try translated(exchange, request)
            return call.handler.send(
                Outgoing(backend: self, path: call.path, extra: Self.own(request), body: call.body))
        } catch {
            exchange.fail(error)
            return NEXUS_OK
        }
    }

    /// What goes to Ollama for a request of OpenAI's API, and who takes the answer.
    private struct Call {
        var path: String
        var body: [UInt8]
        var handler: AnswerHandler
    }

    private func translated(_ exchange: ExchangeTask, _ request: nexus_request) throws(Failure) -> Call {
        guard let body = try? JSONValue.parse(request.body.bytes) else {
            throw ChatRequest.rejected("body", "The body cannot be translated for Ollama.")
        }
        let isStream = request.flags & NEXUS_REQUEST_STREAM != 0
        let model = request.model.text
        let thinks = !thoughtless.contains(model)
        func reply(_ prefix: String, echo: String = "") -> Reply {
            Reply(
                id: prefix + request.request_id.text, model: model, reasoningField: options.reasoningField,
                includesUsage: request.flags & NEXUS_REQUEST_INCLUDE_USAGE != 0, echo: echo)
        }
        func call(
            _ path: String, _ sent: TranslatedRequest, _ translate: @escaping (JSONValue) -> (JSONValue, TokenUsage)?
        ) -> Call {
            let handler = UnaryHandler(exchange, warning: sent.warning) { answer, _ in
                translate(answer).map { (bytes: $0.0.bytes, usage: $0.1) }
            }
            return Call(path: path, body: sent.body.bytes, handler: handler)
        }

        switch request.kind {
        case NEXUS_KIND_CHAT:
            let sent = try ChatRequest.translate(body, model: model, options: options, thinks: thinks)
            let reply = reply("chatcmpl-")
            var chat = call("/api/chat", sent) { ChatAnswer.translate($0, reply) }
            if isStream { chat.handler = StreamHandler(exchange, ChatChunks(reply), warning: sent.warning) }
            return chat
        case NEXUS_KIND_COMPLETIONS:
            let sent = try CompletionRequest.translate(body, model: model, options: options, thinks: thinks)
            let reply = reply("cmpl-", echo: CompletionRequest.echo(body))
            var completion = call("/api/generate", sent) { CompletionAnswer.translate($0, reply) }
            if isStream { completion.handler = StreamHandler(exchange, CompletionChunks(reply), warning: sent.warning) }
            return completion
        default:
            let base64 = body["encoding_format"]?.string == "base64"
            let count = Embeddings.inputs(body).count
            return call("/api/embed", try Embeddings.request(body, model: model, options: options)) {
                Embeddings.answer($0, count: count, model: model, base64: base64)
            }
        }
    }

    /// A client that speaks Ollama's API: request and answer go through as they are.
    private func passOn(_ exchange: ExchangeTask, _ request: nexus_request) -> nexus_status {
        let path = request.path.text
        let isStream = request.flags & NEXUS_REQUEST_STREAM != 0 && NativeRequest.generates(path)
        let completed = NativeRequest.completed(request.body.bytes, path: path, options: options)
        let handler: AnswerHandler =
            isStream ? NativeStreamHandler(exchange) : NativeRequest.unary(exchange, path: path)
        return handler.send(Outgoing(backend: self, path: path, extra: Self.own(request), body: completed))
    }

    /// Header fields of one request: its id is found again in the logs of a proxy before the server.
    private static func own(_ request: nexus_request) -> [(name: String, value: String)] {
        request.request_id.len > 0 ? [("x-request-id", request.request_id.text)] : []
    }
}
