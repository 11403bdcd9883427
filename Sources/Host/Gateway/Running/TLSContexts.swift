import Adapters
import Core
import Glibc
import NIOSSL
import Synchronization

/// TLS settings: towards backends with the system's certificates, the operator's own and full
/// verification; for clients with the operator's.
final class TLSContexts: Sendable {
    /// What is older is broken (RFC 8996).
    static let oldestVersion = TLSVersion.tlsv12

    private let trusted: [NIOSSLCertificate]
    private let cached = Mutex<NIOSSLContext?>(nil)

    /// - Throws: `UnusableCertificates`.
    init(_ configuration: Configuration.Upstream) throws {
        guard let path = configuration.caFile else {
            trusted = []
            return
        }
        do {
            trusted = try NIOSSLCertificate.fromPEMFile(path)
        } catch {
            throw UnusableCertificates(path: path)
        }
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
                // What is wrong is told to whoever asks for it.
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
    /// - Throws: `UnusableServerFile`.
    static func server(_ configuration: Configuration.Server) throws -> NIOSSLContext? {
        guard let certificate = configuration.tlsCertificate, let key = configuration.tlsKey else { return nil }
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMFile(certificate)
        } catch {
            throw UnusableServerFile(key: "server.tls_certificate", path: certificate, holds: "certificates")
        }
        guard let privateKey = try? NIOSSLPrivateKey(file: key, format: .pem) else {
            throw UnusableServerFile(key: "server.tls_key", path: key, holds: "a private key without a passphrase")
        }
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

/// A file for TLS with clients that cannot be read, or holds something else.
struct UnusableServerFile: Error, CustomStringConvertible {
    let key: String
    let path: String
    let holds: String

    var description: String {
        let isReadable = access(path, R_OK) == 0
        let reason =
            isReadable ? "does not hold \(holds) in PEM" : "cannot be read: \(String(cString: strerror(errno)))"
        return "\(key): \(path) \(reason)"
    }
}

/// The file of `upstream.ca_file` holds something that is no certificate.
struct UnusableCertificates: Error, CustomStringConvertible {
    let path: String

    var description: String { "upstream.ca_file: \(path) does not hold valid certificates in PEM" }
}
