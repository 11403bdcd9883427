import PluginAPI
import Product
import Synchronization

typealias ThisAdapter = OpenAIBackend

/// One server that speaks the OpenAI API.
final class OpenAIBackend: BackendAdapter {
    static let about = AdapterAbout(
        type: "openai", displayName: "OpenAI compatible", version: "\(Product.version)", optionsSchema: Options.schema,
        defaultURLs: [
            "http://127.0.0.1:8080", "http://127.0.0.1:1234", "http://127.0.0.1:8000", "http://127.0.0.1:30000",
        ],
        kinds: Endpoint.all.reduce(0) { $0 | $1.kind })

    let host: Host
    let reports: Reports
    let options: Options
    let keys: SharedKeys
    /// What the last probe found; nil: the server does not let models be loaded.
    let management = Mutex<ModelManagement?>(nil)
    /// What the server was found to be, until it changes.
    let knowledge = Mutex(Knowledge())
    /// For each key.
    private let headers: [RequestHeaders]
    private let chatPath: LentText
    private let completionsPath: LentText
    private let embeddingsPath: LentText
    private let post = LentText("POST")

    init(_ configuration: BackendConfiguration, host: Host, reports: Reports) throws(ConfigurationProblem) {
        self.host = host
        self.reports = reports
        let options = try Options(configuration.options, url: configuration.url)
        self.options = options
        let given = configuration.apiKeys.isEmpty ? [""] : configuration.apiKeys
        headers = given.map { RequestHeaders(options, key: $0) }
        keys = SharedKeys(count: given.count)
        chatPath = LentText(options.prefix + "/chat/completions")
        completionsPath = LentText(options.prefix + "/completions")
        embeddingsPath = LentText(options.prefix + "/embeddings")
    }

    /// The header fields with a key, by its place.
    func headers(_ key: Int) -> RequestHeaders { headers[key] }

    func probe(_ task: ProbeTask) { HealthProbe(backend: self, task: task).start() }

    func submit(_ exchange: ExchangeTask, _ request: nexus_request) -> nexus_status {
        guard let path = path(for: request) else { return NEXUS_UNSUPPORTED }
        let order = Order(
            kind: request.kind, wantsStream: request.flags & NEXUS_REQUEST_STREAM != 0,
            wantsUsage: request.flags & NEXUS_REQUEST_INCLUDE_USAGE != 0, path: path)
        if order.isMedia { order.contentType = request.content_type.text }
        // One name for the gateway's requests, which the host writes: probes and requests are the same client to the server.
        order.headers = request.passedHeaders.filter { $0.name != "user-agent" }
        if request.kind == NEXUS_KIND_CHAT { order.thinking = options.inlineThinking }
        let change = BodyChange(
            rules: MemberRule.of(options.flavor ?? knowledge.withLock { $0.flavor }, kind: request.kind),
            asksForUsage: options.asksForUsage && order.wantsStream && !order.wantsUsage
                && (request.kind == NEXUS_KIND_CHAT || request.kind == NEXUS_KIND_COMPLETIONS))
        switch change.apply(to: request.body.bytes, isInline: true) {
        case .body(let body, let warning): (order.body, order.warning) = (body, warning)
        case .tooLong: return submitLarge(exchange, order, change, Array(request.body.bytes))
        }
        return PassThrough(exchange, backend: self, order).send()
    }

    /// Changes the body away from the event loop.
    private func submitLarge(
        _ exchange: ExchangeTask, _ order: Order, _ change: BodyChange, _ body: [UInt8]
    ) -> nexus_status {
        let status = exchange.runBlocking {
            body.withUnsafeBytes { change.apply(to: $0, isInline: false) }
        } done: { outcome, state in
            guard state == .alive else { return }
            if case .body(let body, let warning) = outcome { (order.body, order.warning) = (body, warning) }
            let status = PassThrough(exchange, backend: self, order).send()
            if status != NEXUS_OK { exchange.fail(LargeRequest.notSent(status)) }
        }
        guard status == NEXUS_TOO_LARGE else { return status }
        exchange.fail(LargeRequest.tooMany)
        return NEXUS_OK
    }

    /// Starts the request that an order describes.
    func start(_ exchange: ExchangeTask, _ order: Order, key: Int, _ handler: PassThrough) -> nexus_status {
        let headers = headers[key]
        let own = headers.taken(of: order.headers)
        if let type = order.contentType, !type.isEmpty {
            return host.start(
                exchange.handle, method: "POST", path: order.path.borrowed.text, headers: headers.plain,
                extra: own + [("content-type", type)], fromRoot: options.isFromRoot, sendsExchangeBody: true,
                handler: handler)
        }
        return (order.isAnthropic ? headers.messages : headers.post).adding(own) { fields in
            var upstream = nexus_http_request()
            upstream.struct_size = UInt32(MemoryLayout<nexus_http_request>.size)
            upstream.method = post.borrowed
            upstream.path = order.path.borrowed
            upstream.headers = fields.baseAddress
            upstream.header_count = fields.count
            upstream.flags = options.isFromRoot ? NEXUS_HTTP_FROM_ROOT : 0
            guard let body = order.body else {
                upstream.flags |= NEXUS_HTTP_EXCHANGE_BODY
                return host.start(exchange.handle, &upstream, handler)
            }
            return body.withUnsafeBytes { body in
                upstream.body = nexus_str(body)
                return host.start(exchange.handle, &upstream, handler)
            }
        }
    }

    /// The prefix, and what the client asked for without its own; those of most requests are made once.
    private func path(for request: nexus_request) -> LentText? {
        switch request.kind {
        case NEXUS_KIND_CHAT: return chatPath
        case NEXUS_KIND_COMPLETIONS: return completionsPath
        case NEXUS_KIND_EMBEDDINGS: return embeddingsPath
        default: break
        }
        guard let endpoint = Endpoint.all.first(where: { $0.kind == request.kind }) else { return nil }
        let asked = request.path.text
        // A client may leave out the "/v1" of some paths, like that of rerank.
        let own = asked.hasPrefix("/v1/") ? String(asked.dropFirst(3)) : asked
        return LentText(options.prefix + (own.isEmpty ? endpoint.paths[0] : own))
    }
}
