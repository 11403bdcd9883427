import AdapterHost
import Core
import NIOSSL
import Synchronization

/// TLS settings: towards backends with the system's certificates, the operator's own and full
/// verification; for clients with the operator's.
final class TLSContexts: Sendable {
    /// What is older is broken (RFC 8996).
    static let oldestVersion = TLSVersion.tlsv12

    private let trusted: [NIOSSLCertificate]
    private let cached = Mutex<NIOSSLContext?>(nil)

    /// - Throws: `PEMFile.Unusable`.
    init(_ configuration: Configuration.Upstream) throws {
        guard let path = configuration.caFile else {
            trusted = []
            return
        }
        // Read once with the configuration, and now again: nothing that can be read only once.
        trusted = try PEMFile(path, key: "upstream.ca_file").certificates()
    }

    /// For connections to backends; made when first asked for, since reading the system's certificates takes a while.
    var client: @Sendable () throws -> NIOSSLContext {
        { [self] in
            try cached.withLock { cached in
                if let cached { return cached }
                let context = try NIOSSLContext(configuration: clientSettings)
                cached = context
                return context
            }
        }
    }

    /// Returns when the one for backends is made, which takes longer than a loop should be held up.
    func prepare() async {
        guard cached.withLock({ $0 == nil }) else { return }
        await withCheckedContinuation { continuation in
            DetachedThread.run("nexus-tls") { [self] in
                // The error goes to whoever asks for the context.
                _ = try? client()
                continuation.resume()
            }
        }
    }

    var clientSettings: TLSConfiguration {
        var settings = TLSConfiguration.makeClientConfiguration()
        settings.minimumTLSVersion = Self.oldestVersion
        settings.applicationProtocols = ["http/1.1"]
        if !trusted.isEmpty { settings.additionalTrustRoots = [.certificates(trusted)] }
        return settings
    }

    /// Nil if no certificate is configured.
    /// - Throws: `PEMFile.Unusable`.
    static func server(_ configuration: Configuration.Server) throws -> NIOSSLContext? {
        guard let certificate = configuration.tlsCertificate, let key = configuration.tlsKey else { return nil }
        let patience = FileBytes.pipePatience
        let chain = try PEMFile(certificate, key: "server.tls_certificate", patience: patience).certificates()
        let privateKey = try PEMFile(key, key: "server.tls_key", patience: patience).privateKey()
        return try NIOSSLContext(configuration: serverSettings(chain, privateKey))
    }

    static func serverSettings(_ chain: [NIOSSLCertificate], _ key: NIOSSLPrivateKey) -> TLSConfiguration {
        var settings = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        settings.minimumTLSVersion = oldestVersion
        settings.applicationProtocols = ["http/1.1"]
        return settings
    }
}
