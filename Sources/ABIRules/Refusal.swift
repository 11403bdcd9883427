import PluginAPI

/// Why the host does not do what it was asked for.
public struct Refusal: Error, Equatable, Sendable {
    /// What the call returns.
    public let status: nexus_status
    /// For whoever writes the adapter.
    public let reason: String

    public init(_ status: nexus_status, _ reason: String) {
        self.status = status
        self.reason = reason
    }
}
