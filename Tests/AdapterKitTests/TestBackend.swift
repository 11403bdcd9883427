import PluginAPI
import Synchronization

typealias ThisAdapter = TestBackend

/// An adapter as an author writes it, with the least that the kit asks for.
final class TestBackend: BackendAdapter {
    static let about = AdapterAbout(
        type: "test", displayName: "Test", version: "1.2", optionsSchema: #"{"type":"object"}"#,
        defaultURLs: ["http://127.0.0.1:1", "http://127.0.0.1:2"], kinds: NEXUS_KIND_CHAT)

    let host: Host
    let reports: Reports
    let name: String
    /// Tasks that were cancelled, of all instances.
    static let cancelled = Mutex<[nexus_task]>([])

    init(_ configuration: BackendConfiguration, host: Host, reports: Reports) throws(ConfigurationProblem) {
        guard configuration.options["refuse"] == nil else {
            throw ConfigurationProblem("options.refuse: é not allowed")
        }
        self.host = host
        self.reports = reports
        name = configuration.name
    }

    func probe(_ task: ProbeTask) { reports.health(NEXUS_HEALTHY, server: name) }

    func submit(_ exchange: ExchangeTask, _ request: nexus_request) -> nexus_status {
        exchange.begin(status: 200)
        exchange.write(Array(request.body.bytes))
        exchange.finish(TokenUsage(prompt: 1))
        return NEXUS_OK
    }

    func cancelled(_ task: nexus_task) { Self.cancelled.withLock { $0.append(task) } }
}
