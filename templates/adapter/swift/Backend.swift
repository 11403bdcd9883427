import PluginAPI

typealias ThisAdapter = Backend

/// One configured backend. Event loops call it at the same time for different tasks, so nothing of it changes after
/// `init`.
final class Backend: BackendAdapter {
    static let about = AdapterAbout(
        type: "{{name}}", displayName: "{{name}}", version: "0.1.0", optionsSchema: Options.schema,
        // Where the gateway looks for such servers when nothing is configured.
        defaultURLs: [],
        kinds: NEXUS_KIND_CHAT)

    let host: Host
    let reports: Reports
    let apiKey: String
    private let options: Options
    private let headers: StaticHeaders

    init(_ configuration: BackendConfiguration, host: Host, reports: Reports) throws(ConfigurationProblem) {
        self.host = host
        self.reports = reports
        apiKey = configuration.apiKey
        options = try Options(configuration.options)
        let authorization = apiKey.isEmpty ? [] : [(name: "authorization", value: "Bearer \(apiKey)")]
        headers = StaticHeaders(
            authorization + [("content-type", "application/json"), ("accept", "application/json, text/event-stream")])
    }

    var modelsPath: String { options.pathPrefix + "/models" }

    func probe(_ task: ProbeTask) {
        // The probe object lives as long as its request does.
        let probe = Probe(backend: self)
        let status = host.start(
            task.handle, method: "GET", path: modelsPath, headers: headers,
            handler: CollectingHandler { probe.conclude($0) })
        if status != NEXUS_OK {
            reports.health(NEXUS_UNHEALTHY, message: "the host did not send GET \(modelsPath) (status \(status))")
        }
    }

    func submit(_ exchange: ExchangeTask, _ request: nexus_request) -> nexus_status {
        guard request.kind == NEXUS_KIND_CHAT else { return NEXUS_UNSUPPORTED }
        // The client's body goes on as it is, with the model's name as this backend knows it, and so do those of the
        // client's headers that servers may see.
        return host.start(
            exchange.handle, method: "POST", path: options.pathPrefix + "/chat/completions", headers: headers,
            extra: [("x-request-id", request.request_id.text)] + request.passedHeaders, sendsExchangeBody: true,
            handler: Answer(
                exchange, apiKey: apiKey, wantsStream: request.flags & NEXUS_REQUEST_STREAM != 0))
    }
}
