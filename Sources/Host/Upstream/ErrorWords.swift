import Glibc
import NIOCore
import NIOPosix
import NIOSSL

/// Words for errors of the libraries, for people: none of them is shown by the name that it has in a program.
package enum ErrorWords {
    /// Of what cannot be told better.
    package static let unforeseen = "it failed for a reason that nobody has foreseen"

    package static func describe(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let first = error.connectionErrors.first { return describe(first.error) }
            if error.dnsAError != nil || error.dnsAAAAError != nil { return unresolved }
            return "could not connect"
        case is SocketAddressError.UnknownHost: return unresolved
        case SocketAddressError.unixDomainSocketPathTooLong: return "the path is too long"
        case is SocketAddressError: return "it is no address that can be used here"
        case let error as IOError: return system(error.errnoCode)
        case is ChannelError: return "the connection was closed"
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: return tls(error)
        default: return unforeseen
        }
    }

    private static let unresolved = "the host name could not be resolved"

    package static func system(_ code: CInt) -> String {
        switch code {
        case ECONNREFUSED: "connection refused: nothing listens there"
        case EHOSTUNREACH, ENETUNREACH: "the host cannot be reached"
        case ETIMEDOUT: "the host does not answer"
        case ECONNRESET: "the connection was reset"
        case EMFILE, ENFILE: "this process has too many open files; raise its limit (ulimit -n)"
        default: String(cString: strerror(code))
        }
    }

    private static func tls(_ error: any Error) -> String {
        switch error {
        case NIOSSLError.uncleanShutdown: return "the connection ended without the end of TLS"
        case NIOSSLError.failedToLoadCertificate: return "the certificate cannot be used"
        case NIOSSLError.failedToLoadPrivateKey: return "the key cannot be used, or is not that of the certificate"
        case NIOSSLError.noSuchFilesystemObject: return "a file of certificates is not there"
        case NIOSSLError.noCertificateToValidate: return "no certificate was shown"
        case NIOSSLError.unableToValidateCertificate: return "the certificate is not trusted"
        default: return reason(in: "\(error)") ?? "TLS could not be agreed on"
        }
    }

    /// The TLS library's own words within its report ("...:OPENSSL_internal:SSLV3_ALERT_HANDSHAKE_FAILURE"); nil: there are none.
    private static func reason(in report: String) -> String? {
        let mark = "OPENSSL_internal:"
        let bytes = Array(report.utf8)
        guard let start = bytes.indices.first(where: { bytes[$0...].starts(with: mark.utf8) }) else { return nil }
        let name = bytes[(start + mark.utf8.count)...].prefix { byte in
            byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
        }
        guard !name.isEmpty else { return nil }
        let words = String(decoding: name, as: UTF8.self).lowercased().split(separator: "_").joined(separator: " ")
        return "the handshake ended with \"\(words)\""
    }
}
