import Glibc

/// A certificate that nobody has signed but its own key, for a network whose machines are told to trust it: what `openssl req` is
/// to make. Pure.
public struct SelfSigned: Sendable, Equatable {
    public enum Limits {
        public static let names = 100
        /// Days that it is good: the most that Apple's systems take (support article 103769).
        public static let days = 825
        public static let possibleDays = 1...36_500
        /// Bytes of a common name (RFC 5280, appendix A.1).
        static let commonName = 64
    }

    /// What is wrong with a name.
    public struct BadName: Error, Equatable, CustomStringConvertible {
        public let description: String
    }

    /// Without repetitions.
    public private(set) var hosts: [String] = []
    /// In their shortest form.
    public private(set) var addresses: [String] = []

    /// - Parameter names: host names, patterns as `*.example.org`, and addresses.
    public init(_ names: [String]) throws(BadName) {
        for name in names { try add(name) }
        guard hosts.count + addresses.count <= Limits.names else {
            throw BadName(
                description: "there are \(hosts.count + addresses.count) names; at most \(Limits.names) are possible")
        }
    }

    private mutating func add(_ name: String) throws(BadName) {
        if let address = Self.address(name) {
            if !addresses.contains(address) { addresses.append(address) }
            return
        }
        let host = name.lowercased()
        guard host != "*", HostName.isPattern(host) else {
            throw BadName(
                description:
                    "'\(EntryLimits.cut(name, to: 100))' is neither a host name nor an address; write it without "
                    + "scheme and port, like nexus.home")
        }
        if !hosts.contains(host) { hosts.append(host) }
    }

    /// Nil: it is none.
    private static func address(_ text: String) -> String? {
        var shown = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        var (four, six) = (in_addr(), in6_addr())
        let length = socklen_t(shown.count)
        if inet_pton(AF_INET, text, &four) == 1 {
            guard inet_ntop(AF_INET, &four, &shown, length) != nil else { return nil }
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            guard inet_ntop(AF_INET6, &six, &shown, length) != nil else { return nil }
        } else {
            return nil
        }
        return String(decoding: shown.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The first name that fits.
    var commonName: String { (hosts + addresses).first { $0.utf8.count <= Limits.commonName } ?? "nexus" }

    /// A configuration of `openssl req`: everything is in it, so that nothing depends on that of the system. The key can sign for
    /// nobody else, whoever gets hold of it (RFC 5280, section 4.2.1.9).
    public var configuration: String {
        var lines = [
            "[req]", "distinguished_name = subject", "x509_extensions = extensions", "prompt = no", "utf8 = yes",
            "string_mask = utf8only",
            "[subject]", "CN = \(commonName)",
            "[extensions]", "basicConstraints = critical, CA:FALSE", "extendedKeyUsage = serverAuth",
            "subjectKeyIdentifier = hash", "subjectAltName = @names",
            "[names]",
        ]
        for (index, host) in hosts.enumerated() { lines.append("DNS.\(index + 1) = \(host)") }
        for (index, address) in addresses.enumerated() { lines.append("IP.\(index + 1) = \(address)") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Arguments of `openssl` for a key on the curve P-256 and the certificate of it.
    /// - Parameters:
    ///   - configuration: path of a file with that.
    ///   - key: where the key is to be written.
    ///   - certificate: likewise.
    public static func arguments(configuration: String, key: String, certificate: String, days: Int) -> [String] {
        [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256", "-days",
            "\(days)", "-config", configuration, "-keyout", key, "-out", certificate,
        ]
    }
}
