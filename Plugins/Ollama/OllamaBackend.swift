import PluginAPI

typealias ThisAdapter = OllamaBackend

/// One Ollama server, spoken to by its own API: its OpenAI-compatible one loses errors inside streams and options such as
/// `num_ctx` and `keep_alive`.
final class OllamaBackend: BackendAdapter {
    static let about = AdapterAbout(
        type: "ollama", displayName: "Ollama", version: "0.1.0", optionsSchema: Options.schema,
        defaultURLs: ["http://127.0.0.1:11434"], kinds: NEXUS_KIND_CHAT | NEXUS_KIND_EMBEDDINGS)

    let host: Host
    let reports: Reports
    let options: Options
    let headers: StaticHeaders
    /// What `/api/show` told of a model, by digest: it never changes.
    let details = ModelDetails()

    init(_ configuration: BackendConfiguration, host: Host, reports: Reports) throws(ConfigurationProblem) {
        self.host = host
        self.reports = reports
        options = try Options(configuration.options)
        var headers = [(name: "content-type", value: "application/json")]
        if !configuration.apiKey.isEmpty { headers.append(("authorization", "Bearer \(configuration.apiKey)")) }
        self.headers = StaticHeaders(headers)
    }

    func probe(_ task: ProbeTask) { HealthProbe(backend: self, task: task).start() }

    func submit(_ exchange: ExchangeTask, _ request: nexus_request) -> nexus_status {
        guard let body = try? JSONValue.parse(request.body.bytes) else {
            exchange.fail(ChatRequest.rejected("body", "The body cannot be translated for Ollama."))
            return NEXUS_OK
        }
        let path: String
        let translated: [UInt8]
        let handler: HTTPHandler
        do throws(Failure) {
            switch request.kind {
            case NEXUS_KIND_CHAT:
                path = "/api/chat"
                translated = try ChatRequest.translate(body, model: request.model.text, options: options).bytes
                let stream = request.flags & NEXUS_REQUEST_STREAM != 0
                let chunks = ChatChunks(
                    id: "chatcmpl-" + request.request_id.text, model: request.model.text,
                    includesUsage: request.flags & NEXUS_REQUEST_INCLUDE_USAGE != 0)
                handler =
                    stream
                    ? ChatStreamHandler(exchange, chunks)
                    : UnaryHandler(exchange) { value in
                        ChatAnswer.translate(value, id: chunks.id, model: chunks.model)
                    }
            case NEXUS_KIND_EMBEDDINGS:
                path = "/api/embed"
                let base64 = body["encoding_format"]?.string == "base64"
                translated = try Embeddings.request(body, model: request.model.text, options: options).bytes
                let model = request.model.text
                let count = Embeddings.inputs(body).count
                handler = UnaryHandler(exchange) {
                    Embeddings.answer($0, count: count, model: model, base64: base64)
                }
            default: return NEXUS_UNSUPPORTED
            }
        } catch {
            exchange.fail(error)
            return NEXUS_OK
        }
        return host.start(
            exchange.handle, method: "POST", path: path, headers: headers, body: translated, handler: handler)
    }
}
