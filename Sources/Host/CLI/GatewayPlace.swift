import Core
import NIOSSL

/// Where the running gateway is, and by what it is known over TLS.
struct GatewayPlace: Sendable, CustomStringConvertible {
    enum Trust: Sendable {
        /// The certificate in the configuration, whatever name it is for.
        case exactly(NIOSSLCertificate)
        /// One for its name, from an authority of the system or one of these.
        case authorities([NIOSSLCertificate])
    }

    var url: BackendURL
    var trust = Trust.authorities([])
    /// Its configuration says that it speaks TLS, and has perhaps not been taken yet.
    var mayBePlain = false
    /// Whoever answers there has shown nothing by which it is known, and is shown no key.
    var isUnproven = false

    var description: String { "\(url)" }

    /// The same place, where it does not speak TLS.
    var plain: GatewayPlace? {
        guard mayBePlain, let url = try? BackendURL("http" + "\(url)".dropFirst("https".count)) else { return nil }
        return GatewayPlace(url: url, isUnproven: true)
    }

    /// Certificates of a file, or what is wrong with it.
    static func certificates(_ path: String) throws -> [NIOSSLCertificate] {
        let bytes: [UInt8]
        do throws(FileBytes.Failure) {
            bytes = try FileBytes.read(path, limit: 16 * 1024 * 1024)
        } catch {
            throw fail("\(path) cannot be read: \(error)")
        }
        guard let found = try? NIOSSLCertificate.fromPEMBytes(bytes), !found.isEmpty else {
            throw fail("\(path) does not hold certificates in PEM")
        }
        return found
    }
}
