/// Where a backend's server listens, and what every request to it starts with.
/// An object, since every request passes it on.
public final class UpstreamTarget: Sendable {
    /// Name, IPv4 address, or IPv6 address without brackets.
    public let host: String
    public let port: Int
    public let isTLS: Bool
    /// Path of the backend's URL without a trailing slash; empty for the root.
    public let basePath: String
    /// Value of the Host field (RFC 9110, section 7.2).
    public let authority: String
    /// Host and port, for messages.
    public let endpoint: String

    public init(host: String, port: Int, isTLS: Bool, basePath: String) {
        self.host = host
        self.port = port
        self.isTLS = isTLS
        self.basePath = basePath
        let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        endpoint = "\(name):\(port)"
        authority = port == (isTLS ? 443 : 80) ? name : endpoint
    }
}
