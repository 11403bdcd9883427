import PluginAPI

/// What an adapter's module defines under the name `ThisAdapter`: one instance stands for one backend. Calls come from
/// several event loops at once, for different tasks.
protocol BackendAdapter: AnyObject, Sendable {
    static var about: AdapterAbout { get }

    /// Checks the configuration; no network traffic. The thrown problem names the option and says what is allowed.
    init(_ configuration: BackendConfiguration, host: Host, reports: Reports) throws(ConfigurationProblem)

    /// Begins a probe; must lead to exactly one health report. Returns at once.
    func probe(_ task: ProbeTask)

    /// Begins to answer; returns at once.
    func submit(_ exchange: ExchangeTask, _ request: nexus_request) -> nexus_status

    /// What an operator can run on a backend; none if this is not defined.
    static var actions: [AdapterAction] { get }

    /// Whether this backend's server has the action. Returns at once; on any thread.
    func offers(_ action: String) -> Bool
}

/// What the adapter's table says of it.
struct AdapterAbout: Sendable {
    var type: String
    var displayName: String
    var version: String
    var optionsSchema: String
    var defaultURLs: [String]
    /// `NEXUS_KIND_...` bits.
    var kinds: UInt32
}

/// The configuration of one backend.
struct BackendConfiguration: Sendable {
    var name: String
    var url: String
    /// Empty: none. Never goes into a message.
    var apiKey: String
    var options: JSONObject
}

/// Why an instance cannot be made, for the operator.
struct ConfigurationProblem: Error, Sendable {
    var message: String
    init(_ message: String) { self.message = message }
}
