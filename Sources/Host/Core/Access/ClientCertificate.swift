/// The certificate of an authority that the operator names (`server.tls_client_ca`), which a client has shown and proved to
/// have: whoever has one is an operator.
public struct ClientCertificate: Sendable, Hashable {
    /// Bytes of a name.
    static let nameLimit = 64

    /// Shown wherever the operator is meant: in one line, never empty.
    public let name: String
    /// Unix seconds from which on it counts no more.
    public let expires: Int64
    /// The authorities by which it was checked (`ListenerTLS.authorities`): where others are named now, it counts no more.
    public let authorities: UInt64

    /// - Parameter name: as the authority wrote it; may hold anything.
    public init(name: String, expires: Int64, authorities: UInt64) {
        let plain = TroubleWords.plain(EntryLimits.cutBytes(name, to: Self.nameLimit))
        self.name = plain.contains { $0 != " " } ? plain : "unnamed"
        self.expires = expires
        self.authorities = authorities
    }

    /// - Parameters:
    ///   - authorities: those that are named now; nil: none are.
    ///   - wall: Unix seconds.
    public func counts(under authorities: UInt64?, wall: Int64) -> Bool {
        authorities == self.authorities && wall < expires
    }
}
