import Core
import NIOSSL
import Synchronization

/// TLS settings: towards backends with the system's certificates and full verification; for clients with the operator's.
final class TLSContexts: Sendable {
    private let cached = Mutex<NIOSSLContext?>(nil)

    /// For connections to backends; made when first asked for, since reading the system's certificates takes a while.
    var client: @Sendable () throws -> NIOSSLContext {
        { [self] in
            try cached.withLock { cached in
                if let cached { return cached }
                var settings = TLSConfiguration.makeClientConfiguration()
                settings.applicationProtocols = ["http/1.1"]
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
