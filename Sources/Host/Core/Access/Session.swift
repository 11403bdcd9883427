/// A sign-in on the page, kept by the browser in a cookie that only this run of the gateway can make. Nothing is kept here, but of
/// those who have signed out.
public struct Session: Sendable, Equatable {
    public enum Limits {
        /// Seconds that a sign-in lasts.
        public static let lifetime: Int64 = 12 * 3600
        /// Bytes of a cookie's value that are looked at.
        static let token = 1024
    }

    /// By whose key.
    public var key: String
    /// Of that key's hash: a key that was made anew ends its sessions.
    public var fingerprint: String
    /// Unix seconds.
    public var ends: Int64
    /// So that no two are the same.
    public var number: UInt64
}

/// Makes and checks the cookies of sessions. The secret is drawn when the gateway starts: a restart ends all sessions.
public struct SessionSeal: Sendable {
    private let secret: [UInt8]
    private let ended = EndedSessions()

    public init() {
        var random = SystemRandomNumberGenerator()
        self.init(secret: (0..<4).flatMap { _ in Self.bytes(random.next()) })
    }

    init(secret: [UInt8]) { self.secret = secret }

    private static func bytes(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
    }

    /// - Parameter wall: Unix seconds.
    public func session(of key: AccessKey, wall: Int64) -> Session {
        let end = wall + Session.Limits.lifetime
        return Session(
            key: key.name, fingerprint: key.rule.hash.fingerprint, ends: min(end, key.rule.expires ?? end),
            number: .random(in: .min ... .max))
    }

    /// The cookie's value.
    public func token(_ session: Session) -> String {
        let payload = Hexadecimal.text(
            Array("\(session.ends) \(session.fingerprint) \(session.number) \(session.key)".utf8))
        return payload + "." + code("session", payload)
    }

    /// What shows that a command comes from the page: its script reads it from a cookie of its own, which no other page can.
    public func confirmation(of token: String) -> String { code("confirm", token) }

    private func code(_ use: String, _ text: String) -> String {
        Hexadecimal.text(HMAC.code(of: Array((use + " " + text).utf8), key: secret))
    }

    /// - Parameter wall: Unix seconds.
    /// - Returns: nil: it was not made here, or is over.
    public func session(_ token: String, wall: Int64) -> Session? {
        guard token.utf8.count <= Session.Limits.token, let dot = token.firstIndex(of: ".") else { return nil }
        let payload = String(token[..<dot])
        guard ConstantTime.equal(token[token.index(after: dot)...].utf8, code("session", payload).utf8),
            let bytes = Hexadecimal.bytes(payload)
        else { return nil }
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: " ", maxSplits: 3)
        guard parts.count == 4, let ends = Int64(parts[0]), let number = UInt64(parts[2]), ends > wall else {
            return nil
        }
        return Session(key: String(parts[3]), fingerprint: String(parts[1]), ends: ends, number: number)
    }

    /// A sign-in that counts, and the key it was made by.
    public struct SignIn: Sendable {
        public var session: Session
        public var key: AccessKey
    }

    /// Nil: nobody has signed in with this token, or he has signed out, or his key counts no more.
    public func signIn(_ token: String, in keys: Keyring, wall: Int64) -> SignIn? {
        guard let session = session(token, wall: wall), let key = keys.key(named: session.key), key.isOperator,
            key.rule.hash.fingerprint == session.fingerprint, !key.rule.isExpired(at: wall), !isOver(session.number)
        else { return nil }
        return SignIn(session: session, key: key)
    }

    /// Its operator signs out: whoever else has the cookie is signed out, too.
    /// - Parameter wall: Unix seconds.
    public func end(_ session: Session, wall: Int64) { ended.add(session, wall: wall) }

    /// Whether its operator has signed out.
    public func isOver(_ number: UInt64) -> Bool { ended.contains(number) }

    /// Whether the request shows what only the page's script knows.
    public func confirms(_ shown: some Collection<UInt8>, token: String) -> Bool {
        ConstantTime.equal(shown, Array(confirmation(of: token).utf8))
    }
}
