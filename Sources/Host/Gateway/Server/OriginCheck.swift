/// Guards the WebSocket and the operator's commands against pages of other sites: a browser always sends Origin with an
/// upgrade (RFC 6455, section 10.2) and with POST or DELETE to another site (Fetch, "append a request Origin header"), and
/// it must name this host or one that is configured.
enum OriginCheck {
    static func allows(origin: String?, host: String?, configured: [String]) -> Bool {
        guard let origin else { return true }
        if configured.contains("*") || configured.contains(origin) { return true }
        guard let host, let scheme = origin.firstRange(of: "://") else { return false }
        return origin[scheme.upperBound...].lowercased() == host.lowercased()
    }
}

extension ErrorBody {
    /// - Parameter what: e.g. "open a WebSocket".
    static func foreignOrigin(_ what: String) -> ErrorBody {
        ErrorBody(
            status: 403, message: "This origin may not \(what) here; add it to server.allowed_origins.",
            type: "permission_error", code: "origin_not_allowed")
    }
}
