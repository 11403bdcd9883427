import PluginAPI
typealias ThisAdapter = X
final class X: BackendAdapter { static let about = AdapterAbout(type: "ollama", displayName: "", version: "", optionsSchema: "", defaultURLs: [], kinds: 1)
 init(_ c: BackendConfiguration, host: Host, reports: Reports) throws(ConfigurationProblem) {}
 func probe(_ task: ProbeTask) {}
 func submit(_ e: ExchangeTask, _ r: nexus_request) -> nexus_status { NEXUS_UNSUPPORTED } }
