import Core
import HTTP1

/// Finds out who sends the requests of one connection.
struct KeyCheck {
    /// What was shown last, and whose it is: clients show the same with each request, and need not be hashed each time.
    private var last: (shown: [UInt8], keyring: Keyring, key: AccessKey?)?

    /// Costs nothing where no keys are configured.
    /// - Parameter certificate: that of the connection, where it counts. A key or a session that counts goes over it: whoever
    ///   shows one wants to be who that says.
    mutating func principal(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, _ keyring: Keyring, _ seal: SessionSeal,
        _ certificate: ClientCertificate?
    ) -> Principal {
        guard keyring.isRequired else { return certificate.map { .certificate($0) } ?? .anonymous }
        var stranger: Principal?
        // A client that shows two keys may have one of them from somewhere else.
        for span in [head.credential, head.otherCredential] {
            guard let span else { continue }
            let shown = Self.key(in: UnsafeRawBufferPointer(rebasing: bytes[span]))
            guard let key = find(shown, keyring) else {
                stranger = stranger ?? .stranger
                continue
            }
            guard let end = key.rule.expires, end <= Clock.wallSeconds() else { return .key(key) }
            stranger = .late(end)
        }
        if let span = head.cookie,
            let token = Self.session(in: UnsafeRawBufferPointer(rebasing: bytes[span])),
            let signIn = seal.signIn(token, in: keyring, wall: Clock.wallSeconds())
        {
            let isConfirmed = head.confirmation.map { seal.confirms(bytes[$0], token: token) } ?? false
            return .session(signIn, isConfirmed: isConfirmed)
        }
        // Clients of models show some key all the time.
        return certificate.map { .certificate($0) } ?? stranger ?? .anonymous
    }

    private mutating func find(_ shown: UnsafeRawBufferPointer, _ keyring: Keyring) -> AccessKey? {
        guard shown.count <= Keyring.Limits.shown else { return nil }
        // A connection may be a proxy's, and what was shown before somebody else's: nobody is to find that out byte by byte.
        if let last, last.keyring === keyring, ConstantTime.equal(last.shown, shown) { return last.key }
        let key = keyring.key(shown)
        last = (Array(shown), keyring, key)
        return key
    }

    /// What stands behind the scheme, if it is Authorization: "Bearer ...".
    private static func key(in value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let scheme = "bearer ".utf8
        guard value.count > scheme.count, zip(value, scheme).allSatisfy({ $0 | 0x20 == $1 | 0x20 }) else {
            return value
        }
        return UnsafeRawBufferPointer(rebasing: value[scheme.count...].drop { $0 == 0x20 })
    }

    /// The value of the session's cookie.
    private static func session(in value: UnsafeRawBufferPointer) -> String? {
        SessionCookie.value(of: SessionCookie.name, in: String(decoding: value, as: UTF8.self))
    }
}

/// The cookies of a sign-in.
enum SessionCookie {
    static let name = "nexus_session"
    /// Read by the page's script, which shows it with each command.
    static let confirmation = "nexus_csrf"

    static func value(of name: String, in cookies: String) -> String? {
        for pair in cookies.split(separator: ";") {
            let pair = pair.drop { $0 == " " }
            if pair.hasPrefix(name + "=") { return String(pair.dropFirst(name.utf8.count + 1)) }
        }
        return nil
    }

    /// The values of Set-Cookie. No other site can have the browser send them; over TLS they never go without it.
    static func set(_ token: String, _ confirmation: String, seconds: Int64, isTLS: Bool) -> [String] {
        let rest = "; Path=/; SameSite=Strict; Max-Age=\(seconds)" + (isTLS ? "; Secure" : "")
        return ["\(name)=\(token); HttpOnly\(rest)", "\(self.confirmation)=\(confirmation)\(rest)"]
    }
}
