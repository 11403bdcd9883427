/// Address of a backend's server: `http(s)://host[:port][/path]`.
public struct BackendURL: Sendable, Hashable, CustomStringConvertible {
    /// What is wrong with a text that should be such an address.
    public struct Malformed: Error, Sendable, Equatable, CustomStringConvertible {
        public let description: String
    }

    public let isTLS: Bool
    /// Name, IPv4 address, or IPv6 address without brackets; in lower case.
    public let host: String
    public let port: Int
    /// Without a slash at its end; empty for the root.
    public let path: String

    public init(_ text: String) throws(Malformed) {
        let rest: Substring
        if text.lowercased().hasPrefix("http://") {
            isTLS = false
            rest = text.dropFirst(7)
        } else if text.lowercased().hasPrefix("https://") {
            isTLS = true
            rest = text.dropFirst(8)
        } else {
            // What is shown again must not hold a password.
            let isName = !text.contains("://") && !text.contains("@") && (try? BackendURL("http://" + text)) != nil
            throw Malformed(
                description: "it must start with http:// or https://" + (isName ? ", like http://\(text)" : ""))
        }
        guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw Malformed(description: "it must not have spaces, control characters or letters beyond ASCII")
        }
        guard !rest.contains("?"), !rest.contains("#") else {
            throw Malformed(description: "it must not have a query or a fragment")
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = rest[..<slash]
        guard !authority.contains("@") else {
            throw Malformed(description: "it must not hold a user or password; use api_key_env")
        }
        (host, port) = try Self.hostAndPort(authority, defaultPort: isTLS ? 443 : 80)
        var path = String(rest[slash...])
        while path.hasSuffix("/") { path.removeLast() }
        self.path = path
    }

    private static func hostAndPort(
        _ authority: Substring, defaultPort: Int
    ) throws(Malformed) -> (String, Int) {
        let host: Substring
        let after: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw Malformed(description: "its [ is not closed") }
            host = authority[authority.index(after: authority.startIndex)..<end]
            after = authority[authority.index(after: end)...]
            guard host.contains(":"), host.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else {
                throw Malformed(description: "what stands in brackets must be an IPv6 address")
            }
        } else {
            let colon = authority.firstIndex(of: ":") ?? authority.endIndex
            host = authority[..<colon]
            after = authority[colon...]
            guard host.utf8.allSatisfy(isNameByte) else {
                throw Malformed(description: "its host name has characters that are not allowed")
            }
        }
        guard !host.isEmpty else { throw Malformed(description: "it has no host") }
        guard !after.isEmpty else { return (host.lowercased(), defaultPort) }
        guard after.hasPrefix(":"), let port = Int(after.dropFirst()), (1...65535).contains(port) else {
            throw Malformed(description: "its port must be a number from 1 to 65535")
        }
        return (host.lowercased(), port)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        default: false
        }
    }

    public var description: String {
        let name = host.contains(":") ? "[\(host)]" : host
        let shown = port == (isTLS ? 443 : 80) ? name : "\(name):\(port)"
        return (isTLS ? "https://" : "http://") + shown + path
    }
}
