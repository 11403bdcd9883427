import Glibc
import NIOSSL

/// Words for what kept a TLS connection from being made.
enum TLSFailure {
    /// - Parameters:
    ///   - certificate: the server's, if it has shown one.
    ///   - host: what the certificate must be for.
    /// - Returns: nil if the handshake is not what failed.
    static func describe(_ error: any Error, certificate: NIOSSLCertificate?, host: String) -> String? {
        switch error {
        case NIOSSLError.uncleanShutdown: return nil
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            return "certificate verify failed: the certificate is not for \(host) (its subjectAltName lacks it)"
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: break
        default: return nil
        }
        let text = "\(error)"
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            return "certificate verify failed: \(certificate.map { fault($0, now: time(nil)) } ?? "it is not trusted")"
        }
        if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
            return "TLS failed: the server does not speak TLS; is its address http:// instead of https://?"
        }
        if text.contains("EOF during handshake") {
            return "TLS failed: the server closed the connection during the handshake"
        }
        return "TLS failed: \(ErrorWords.describe(error))"
    }

    /// The TLS library tells only that a certificate was not accepted; why, is seen from the certificate itself.
    private static func fault(_ certificate: NIOSSLCertificate, now: time_t) -> String {
        if certificate.notValidAfter < now { return "the certificate has expired" }
        if certificate.notValidBefore > now {
            return "the certificate is not valid yet; is this machine's clock right?"
        }
        let advice = "if it is to be trusted, name a file with it in upstream.ca_file"
        let issuer = certificate.issuerName
        if issuer == certificate.subjectName { return "self-signed certificate; \(advice)" }
        let name = issuer.first { $0.type == .commonName } ?? issuer.first { $0.type == .organization }
        return
            "its issuer \(name.map { "\"\(shown($0.value))\" " } ?? "")is not trusted, or the chain to it is broken; "
            + "if the issuer is to be trusted, name a file with its certificate in upstream.ca_file"
    }

    /// A name that anybody can have chosen.
    private static func shown(_ name: String) -> String {
        var text = String.UnicodeScalarView()
        for scalar in name.unicodeScalars.prefix(80) where scalar.properties.generalCategory != .control {
            text.append(scalar)
        }
        return String(text)
    }
}
