import PluginAPI

typealias ThisAdapter = Backend

/// One configured backend. Event loops call it at the same time for different tasks, so nothing of it changes after
/// `init`, but for the key in use, which has a lock of its own.
final class Backend: BackendAdapter {
    static let about = AdapterAbout(
        type: "{{name}}", displayName: "{{name}}", version: "0.1.0", optionsSchema: Options.schema,
        // Where the gateway looks for such servers when nothing is configured.
        defaultURLs: [],
        // Chats alone: clients of Anthropic's and Ollama's APIs are translated to these before they come here.
        kinds: NEXUS_KIND_CHAT)

    let host: Host
    let reports: Reports
    /// Which of the operator's keys is used: the next one when the server refuses it or has enough of it.
    let keys: SharedKeys
    private let apiKeys: [String]
    private let options: Options
    /// For each key.
    private let headers: [StaticHeaders]

    init(_ configuration: BackendConfiguration, host: Host, reports: Reports) throws(ConfigurationProblem) {
        let options = try Options(configuration.options)
        var headers: [StaticHeaders] = []
        for key in configuration.apiKeys.isEmpty ? [""] : configuration.apiKeys {
            var fields = [
                (name: "content-type", value: "application/json"),
                (name: "accept", value: "*/*"),
            ]
            if !key.isEmpty { fields.append((name: "authorization", value: "Bearer \(key)")) }
            if !options.accessToken.isEmpty { fields.append((name: "x-access-token", value: options.accessToken)) }
            headers.append(StaticHeaders(fields))
        }
        self.host = host
        self.reports = reports
        self.options = options
        self.headers = headers
        apiKeys = configuration.apiKeys
        keys = SharedKeys(count: headers.count)
    }

    func probe(_ task: ProbeTask) {
        let status = ask(Probe(backend: self, task: task, key: keys.current()))
        if status != NEXUS_OK {
            reports.health(
                NEXUS_UNHEALTHY, message: "the host did not send GET \(ServerProtocol.modelsPath) (status \(status))")
        }
    }

    /// Asks for the models. The probe lives as long as its request does.
    func ask(_ probe: Probe) -> nexus_status {
        host.start(
            probe.task.handle, method: "GET", path: ServerProtocol.modelsPath, headers: headers[probe.key],
            handler: CollectingHandler { probe.conclude($0) })
    }

    func submit(_ exchange: ExchangeTask, _ request: nexus_request) -> nexus_status {
        // The gateway never asks for another one.
        guard request.kind == NEXUS_KIND_CHAT else { return NEXUS_UNSUPPORTED }
        let wantsStream = request.flags & NEXUS_REQUEST_STREAM != 0
        do throws(ServerProtocol.Refusal) {
            let body = (try? JSONValue.parse(request.body.bytes)) ?? .null
            let sent = try ServerProtocol.translate(body, stream: wantsStream && options.streams)
            return ask(Order(exchange, request, sent, wantsStream: wantsStream, key: keys.current()))
        } catch {
            return exchange.refuse(error.kind, error.words)
        }
    }

    /// Sends the request to the server, the first time or with another key.
    func ask(_ order: Order) -> nexus_status {
        host.start(
            order.exchange.handle, method: "POST", path: ServerProtocol.answerPath, headers: headers[order.key],
            extra: order.headers, body: order.sent.body, handler: Answer(order, backend: self))
    }

    /// Servers like to repeat a key that they refuse: a text that holds a secret goes nowhere.
    func showsSecret(_ text: String) -> Bool {
        (apiKeys + [options.accessToken]).contains { !$0.isEmpty && text.contains($0) }
    }
}

/// What is asked of the server for one exchange; kept, for the case that the server refuses a key and another one is left.
struct Order {
    let exchange: ExchangeTask
    let sent: ServerProtocol.Translation
    /// The client wants a stream, and the counts at its end.
    let wantsStream: Bool
    let wantsUsage: Bool
    let requestID: String
    /// Those of the client's headers that servers may see, and the request's id.
    let headers: [HeaderField]
    var key: Int
    var triedKeys: Set<Int>

    init(
        _ exchange: ExchangeTask, _ request: nexus_request, _ sent: ServerProtocol.Translation, wantsStream: Bool,
        key: Int
    ) {
        self.exchange = exchange
        self.sent = sent
        self.wantsStream = wantsStream
        wantsUsage = request.flags & NEXUS_REQUEST_INCLUDE_USAGE != 0
        requestID = request.request_id.text
        headers = [(name: "x-request-id", value: requestID)] + request.passedHeaders
        self.key = key
        triedKeys = [key]
    }
}
