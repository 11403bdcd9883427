import Core
import NIOSSL
import Synchronization

/// TLS settings: towards backends with the system's certificates, the operator's own and full
/// verification; for clients with the operator's.
final class TLSContexts: Sendable {
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
                var settings = TLSConfiguration.makeClientConfiguration()
                settings.applicationProtocols = ["http/1.1"]
                if !trusted.isEmpty { settings.additionalTrustRoots = [.certificates(trusted)] }
                let context = try NIOSSLContext(configuration: settings)
                cached = context
                return context
            }
        }
    }

    /// Nil if no certificate is configured.
    static func server(_ configuration: Configuration.Server) throws -> NIOSSLContext? {
        guard let certificate = configuration.tlsCertificate, let key = configuration.tlsKey else { return nil }
        var settings = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
        settings.applicationProtocols = ["http/1.1"]
        return try NIOSSLContext(configuration: settings)
    }
}

/// The file of `upstream.ca_file` holds something that is no certificate.
struct UnusableCertificates: Error, CustomStringConvertible {
    let path: String

    var description: String { "upstream.ca_file: \(path) does not hold valid certificates in PEM" }
}
