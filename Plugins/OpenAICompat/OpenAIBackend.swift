import PluginAPI
import Synchronization

typealias ThisAdapter = OpenAIBackend

/// One server that speaks the OpenAI API.
final class OpenAIBackend: BackendAdapter {
    static let about = AdapterAbout(
        type: "openai", displayName: "OpenAI compatible", version: "0.1.0", optionsSchema: Options.schema,
        defaultURLs: [
            "http://127.0.0.1:8080", "http://127.0.0.1:1234", "http://127.0.0.1:8000", "http://127.0.0.1:30000",
        ],
        kinds: NEXUS_KIND_CHAT | NEXUS_KIND_COMPLETIONS | NEXUS_KIND_EMBEDDINGS)

    let host: Host
    let reports: Reports
    let options: Options
    /// For POST with a JSON body.
    let postHeaders: StaticHeaders
    let getHeaders: StaticHeaders
    /// What the last probe found; nil: the server does not let models be loaded.
    let management = Mutex<ModelManagement?>(nil)
    private let chatPath: LentText
    private let completionsPath: LentText
    private let embeddingsPath: LentText
    private let post = LentText("POST")

    init(_ configuration: BackendConfiguration, host: Host, reports: Reports) throws(ConfigurationProblem) {
        self.host = host
        self.reports = reports
        options = try Options(configuration.options, url: configuration.url)
        let common = options.headers + Self.authorization(configuration.apiKey, options.authHeader)
        postHeaders = StaticHeaders(common + [("content-type", "application/json"), ("accept", "*/*")])
        getHeaders = StaticHeaders(common + [("accept", "application/json")])
        chatPath = LentText(options.prefix + "/chat/completions")
        completionsPath = LentText(options.prefix + "/completions")
        embeddingsPath = LentText(options.prefix + "/embeddings")
    }

    private static func authorization(_ key: String, _ header: String) -> [(name: String, value: String)] {
        guard !key.isEmpty else { return [] }
        return [(header, header == "authorization" ? "Bearer \(key)" : key)]
    }

    func probe(_ task: ProbeTask) { HealthProbe(backend: self, task: task).start() }

    func submit(_ exchange: ExchangeTask, _ request: nexus_request) -> nexus_status {
        let path: nexus_str
        switch request.kind {
        case NEXUS_KIND_CHAT: path = chatPath.borrowed
        case NEXUS_KIND_COMPLETIONS: path = completionsPath.borrowed
        case NEXUS_KIND_EMBEDDINGS: path = embeddingsPath.borrowed
        default: return NEXUS_UNSUPPORTED
        }
        var upstream = nexus_http_request()
        upstream.struct_size = UInt32(MemoryLayout<nexus_http_request>.size)
        upstream.flags = NEXUS_HTTP_EXCHANGE_BODY
        upstream.method = post.borrowed
        upstream.path = path
        upstream.headers = postHeaders.pointer
        upstream.header_count = postHeaders.count
        return host.start(
            exchange.handle, &upstream, PassThrough(exchange, wantsStream: request.flags & NEXUS_REQUEST_STREAM != 0))
    }
}
