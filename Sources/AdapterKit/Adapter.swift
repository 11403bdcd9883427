import PluginAPI

/// What an adapter's module defines under the name `ThisAdapter`: one instance stands for one backend. Calls come from
/// several event loops at once, for different tasks.
protocol BackendAdapter: AnyObject, Sendable {
    static var about: AdapterAbout { get }

    /// Checks the configuration; no network traffic. The thrown problem names the option and says what is allowed.
    init(_ configuration: BackendConfiguration, host: Host, reports: Reports) throws(ConfigurationProblem)

    /// Begins a probe; must lead to exactly one health report. Returns at once.
    func probe(_ task: ProbeTask)

    /// Begins to answer; returns at once. `request` is valid during the call only.
    /// - Returns: NEXUS_OK: the exchange will be ended by `finish` or `fail`; anything else: the host ends it as failed.
    func submit(_ exchange: ExchangeTask, _ request: nexus_request) -> nexus_status

    /// A task is over because the client went away, its time is up or the host shuts down. Its handle is stale already, and
    /// its HTTP requests, timers and posts end by themselves: only an adapter that does something else for a task needs this.
    func cancelled(_ task: nexus_task)

    /// What an operator can run on a backend; none if this is not defined.
    static var actions: [AdapterAction] { get }

    /// Whether this backend's server has the action. Returns at once; on any thread.
    func offers(_ action: String) -> Bool
}

extension BackendAdapter {
    func cancelled(_ task: nexus_task) {}
}

/// What the adapter's table says of it.
struct AdapterAbout: Sendable {
    /// What configurations name; matches `[a-z][a-z0-9_-]{0,63}`.
    var type: String
    /// For people.
    var displayName: String
    /// Of the adapter.
    var version: String
    /// JSON Schema of an object; empty: no options are taken.
    var optionsSchema: String
    /// Where such a server listens by default; discovery looks there.
    var defaultURLs: [String]
    /// `NEXUS_KIND_...` bits.
    var kinds: UInt32
}

/// The configuration of one backend.
struct BackendConfiguration: Sendable {
    /// The operator's name for it.
    var name: String
    /// `http(s)://host[:port][/path]`, checked by the host.
    var url: String
    /// Empty: none. Never goes into a message.
    var apiKey: String { apiKeys.first ?? "" }
    /// All keys, for an adapter that goes to the next when the server refuses one.
    var apiKeys: [String]
    /// Already checked against the schema.
    var options: JSONObject
}

/// Why an instance cannot be made, for the operator.
struct ConfigurationProblem: Error, Sendable {
    var message: String
    init(_ message: String) { self.message = message }
}
