/// What one probe (or an observation between probes) told of a backend.
public struct HealthReport: Sendable, Equatable {
    public enum Outcome: Sendable { case healthy, unhealthy, loading }
    public var outcome: Outcome
    public var latencyMilliseconds: Double?
    /// Why it is not healthy.
    public var message: String
    /// Name and version of the server's software; empty when unknown.
    public var server: String
    /// What the server answers, as bits of the ABI; 0: all that its adapter does.
    public var kinds: UInt32
    /// There was no answer within the time of the probe.
    public var isLate = false

    /// Why it is not healthy, in any case.
    var reason: String {
        if !message.isEmpty { return message }
        return outcome == .loading ? "The server is loading a model." : "The adapter gave no reason."
    }

    public init(
        outcome: Outcome, latencyMilliseconds: Double? = nil, message: String = "", server: String = "",
        kinds: UInt32 = 0
    ) {
        self.outcome = outcome
        self.latencyMilliseconds = latencyMilliseconds
        self.message = message
        self.server = server
        self.kinds = kinds
    }
}
