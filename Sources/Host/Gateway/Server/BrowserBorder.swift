import Core
import Glibc

/// What keeps pages of other sites out, whatever route they ask for.
///
/// * A name that somebody else controls may be made to lead here (DNS rebinding): its pages would then be of the same origin
///   as the gateway. So Host must be an address, a loopback name, a name without a dot, or one that is configured. A name
///   without a dot cannot be registered by anyone, and home networks use such names.
/// * A page of another origin may send requests without asking first (`text/plain` needs no preflight). Browsers then send
///   Origin (Fetch, "append a request Origin header"; RFC 6455, section 10.2), which must name this host or be configured.
struct BrowserBorder: Sendable, Equatable {
    /// In lower case. "*" admits every name, "*.example.org" all below that one.
    private let hostnames: [String]
    private let allowedOrigins: [String]

    init(hostnames: [String] = [], allowedOrigins: [String] = []) {
        self.hostnames = hostnames.map { $0.lowercased() }
        self.allowedOrigins = allowedOrigins
    }

    // MARK: Host

    /// - Parameter host: the value of the field, or the authority of the request target.
    func admits(host: String) -> Bool {
        guard let name = Self.name(of: host.lowercased()) else { return false }
        switch name {
        case .address: return true
        case .name(let name):
            return !name.contains(".") || name.hasSuffix(".localhost") || isConfigured(name)
        }
    }

    private func isConfigured(_ name: String) -> Bool {
        hostnames.contains { known in
            known == "*" || known == name || known.hasPrefix("*.") && name.hasSuffix(known.dropFirst())
        }
    }

    private enum Host {
        case address
        /// Without the dot that may end it.
        case name(String)
    }

    /// What stands before the port; nil for what is no host (RFC 3986, section 3.2.2).
    private static func name(of host: String) -> Host? {
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]"), isPort(host[host.index(after: end)...]) else { return nil }
            let inside = host[host.index(after: host.startIndex)..<end]
            guard inside.utf8.allSatisfy({ isNameByte($0) || $0 == UInt8(ascii: ":") }) else { return nil }
            // A zone belongs to the machine that wrote it.
            let address = inside.prefix { $0 != "%" }
            var parsed = in6_addr()
            return inet_pton(AF_INET6, String(address), &parsed) == 1 ? .address : nil
        }
        let colon = host.firstIndex(of: ":") ?? host.endIndex
        guard isPort(host[colon...]) else { return nil }
        var name = host[..<colon]
        var parsed = in_addr()
        if inet_pton(AF_INET, String(name), &parsed) == 1 { return .address }
        if name.hasSuffix(".") { name = name.dropLast() }
        return HostName.isValid(name) ? .name(String(name)) : nil
    }

    /// Whether it is a host and perhaps a port, of whomever, as RFC 9110 has them (section 7.2); an empty one is.
    static func isHost(_ text: String) -> Bool {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]"), isPort(text[text.index(after: end)...]) else { return false }
            return text[..<end].utf8.dropFirst().allSatisfy { isNameByte($0) || $0 == UInt8(ascii: ":") }
        }
        let colon = text.firstIndex(of: ":") ?? text.endIndex
        return isPort(text[colon...]) && text[..<colon].utf8.allSatisfy(isNameByte)
    }

    /// RFC 3986, section 3.2.2: unreserved characters, escapes and what delimits parts.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || "-._~%!$&'()*+,;=".utf8.contains(byte)
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.isEmpty
            || text.first == ":" && text.utf8.count <= 6 && text.utf8.dropFirst().allSatisfy { $0 &- 0x30 < 10 }
    }

    // MARK: Origin

    /// - Parameters:
    ///   - origin: nil: the field is not there, as with programs and a browser's own navigation.
    ///   - host: of the request.
    func admits(origin: String?, host: String?) -> Bool {
        guard let origin else { return true }
        return isListed(origin) || isOwn(origin, host: host)
    }

    /// Whether a page may have something changed by the operator's routes: only the gateway's own. Pages of listed origins use the
    /// clients' APIs.
    func admitsCommand(origin: String?, host: String?) -> Bool {
        guard let origin else { return true }
        return isOwn(origin, host: host)
    }

    private func isOwn(_ origin: String, host: String?) -> Bool {
        guard let host, let scheme = origin.firstRange(of: "://") else { return false }
        return origin[scheme.upperBound...].lowercased() == host.lowercased()
    }

    private func isListed(_ origin: String) -> Bool { allowedOrigins.contains("*") || allowedOrigins.contains(origin) }

    /// What the answer to an admitted request says to browsers.
    /// - Parameters:
    ///   - origin: of the request.
    ///   - isForClients: the path is one of the clients' APIs. Pages of other origins read nothing else.
    func crossOrigin(_ origin: String?, isForClients: Bool) -> CrossOrigin {
        guard isForClients, !allowedOrigins.isEmpty else { return .untold }
        guard let origin, isListed(origin) else { return .varies }
        return .granted(origin)
    }
}

extension ErrorBody {
    /// RFC 9112, section 3.2: whoever such a request is for, nobody serves it.
    static var malformedHost: ErrorBody { ErrorBody(status: 400, message: "Host is neither a name nor an address.") }

    static func unknownHost(_ host: String) -> ErrorBody {
        ErrorBody(
            status: 421,
            message: "This gateway does not serve the host '\(GatewayLog.cut(host, to: 200))'. Use its address, or add "
                + "the name to server.hostnames in the configuration.",
            code: "unknown_host")
    }

    static func foreignOrigin(_ origin: String) -> ErrorBody {
        ErrorBody(
            status: 403,
            message: "Pages of '\(GatewayLog.cut(origin, to: 200))' may not use this gateway. Add that origin to "
                + "server.allowed_origins in the configuration if they should.",
            type: "permission_error", code: "origin_not_allowed")
    }

    static func foreignCommand(_ origin: String) -> ErrorBody {
        ErrorBody(
            status: 403,
            message:
                "Pages of '\(GatewayLog.cut(origin, to: 200))' may not watch or change how the gateway runs; only its own page "
                + "may, and programs. server.allowed_origins is about the clients' APIs.",
            type: "permission_error", code: "origin_not_allowed")
    }
}
