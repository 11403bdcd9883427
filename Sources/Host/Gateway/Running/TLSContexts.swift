import AdapterHost
import Core
import NIOSSL
import Synchronization

/// TLS settings: towards backends with the system's certificates, the operator's own and full
/// verification; for clients with the operator's.
final class TLSContexts: Sendable {
    /// What is older is broken (RFC 8996).
    static let oldestVersion = TLSVersion.tlsv12

    /// Whom connections to backends are to trust from now on.
    struct Trust: Sendable {
        fileprivate let certificates: [NIOSSLCertificate]
        /// Nil: none was needed by now.
        fileprivate var context: NIOSSLContext?
    }

    private let current: Mutex<Trust>

    /// - Throws: `PEMFile.Unusable`.
    init(_ configuration: Configuration.Upstream) throws {
        current = Mutex(Trust(certificates: try Self.certificates(configuration)))
    }

    /// Beside those of the system.
    private static func certificates(
        _ configuration: Configuration.Upstream
    ) throws(PEMFile.Unusable) -> [NIOSSLCertificate] {
        guard let path = configuration.caFile else { return [] }
        // Read once with the configuration, and now again: nothing that can be read only once.
        return try PEMFile(path, key: "upstream.ca_file").certificates()
    }

    /// For connections to backends; made when first asked for, since reading the system's certificates takes a while.
    var client: @Sendable () throws -> NIOSSLContext {
        { [self] in
            try current.withLock { current in
                if let context = current.context { return context }
                let context = try NIOSSLContext(configuration: Self.settings(current.certificates))
                current.context = context
                return context
            }
        }
    }

    /// Returns when the one for backends is made, which takes longer than a loop should be held up.
    func prepare() async {
        guard current.withLock({ $0.context == nil }) else { return }
        await withCheckedContinuation { continuation in
            DetachedThread.run("nexus-tls") { [self] in
                // The error goes to whoever asks for the context.
                _ = try? client()
                continuation.resume()
            }
        }
    }

    /// What a configuration says, and its file holds now. Blocks for as long as the disk takes.
    /// - Returns: nil: the same as before.
    /// - Throws: `PEMFile.Unusable`, or what keeps a context from being made.
    func change(to configuration: Configuration.Upstream) throws -> Trust? {
        let certificates = try Self.certificates(configuration)
        let before = current.withLock { $0 }
        guard certificates != before.certificates else { return nil }
        guard before.context != nil else { return Trust(certificates: certificates) }
        // Before it is in force: no loop is to make it.
        return Trust(
            certificates: certificates, context: try NIOSSLContext(configuration: Self.settings(certificates)))
    }

    /// Puts it in force: for connections that are made from now on.
    func apply(_ trust: Trust) { current.withLock { $0 = trust } }

    var clientSettings: TLSConfiguration { Self.settings(current.withLock { $0.certificates }) }

    private static func settings(_ trusted: [NIOSSLCertificate]) -> TLSConfiguration {
        var settings = TLSConfiguration.makeClientConfiguration()
        settings.minimumTLSVersion = oldestVersion
        settings.applicationProtocols = ["http/1.1"]
        if !trusted.isEmpty { settings.additionalTrustRoots = [.certificates(trusted)] }
        return settings
    }

    static func serverSettings(_ chain: [NIOSSLCertificate], _ key: NIOSSLPrivateKey) -> TLSConfiguration {
        var settings = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        settings.minimumTLSVersion = oldestVersion
        settings.applicationProtocols = ["http/1.1"]
        return settings
    }

    /// Has clients asked for a certificate, which they need not show; one that is shown has to be of these authorities, or of
    /// those below them. Nobody else is trusted, least of all those whom the system trusts.
    static func askForCertificates(of authorities: [NIOSSLCertificate], in settings: inout TLSConfiguration) {
        settings.certificateVerification = .optionalVerification
        settings.trustRoots = .certificates(authorities)
        // Browsers ask their user only where he has one of them.
        settings.sendCANameList = true
    }
}
