/// Guards the WebSocket against pages of other sites (cross-site WebSocket hijacking): a browser always sends Origin
/// with an upgrade (RFC 6455, section 10.2), and it must name this host or one that is configured.
enum OriginCheck {
    static func allows(origin: String?, host: String?, configured: [String]) -> Bool {
        guard let origin else { return true }
        if configured.contains("*") || configured.contains(origin) { return true }
        guard let host, let scheme = origin.firstRange(of: "://") else { return false }
        return origin[scheme.upperBound...].lowercased() == host.lowercased()
    }
}
