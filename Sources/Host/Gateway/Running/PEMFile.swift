import Core
import NIOSSL

/// A file of certificates or of a key, which the configuration names. The bytes are read here and not by the library, which
/// would wait for a pipe as long as it takes.
struct PEMFile {
    /// It cannot be read, or holds something else.
    struct Unusable: Error, CustomStringConvertible {
        let description: String
    }

    /// All the authorities of a system have less than 1 MiB.
    static let sizeLimit = 16 * 1024 * 1024

    private let key: String
    private let path: String
    private let bytes: [UInt8]

    /// - Parameters:
    ///   - key: where the configuration names it.
    ///   - patience: seconds for which a pipe may keep the start waiting; 0: no pipe is read.
    init(_ path: String, key: String, patience: Int = 0) throws(Unusable) {
        self.key = key
        self.path = path
        do throws(FileBytes.Failure) {
            bytes = try FileBytes.read(path, limit: Self.sizeLimit, patience: patience)
        } catch {
            throw Unusable(description: "\(key): \(path) cannot be read: \(error)")
        }
    }

    /// Different for what holds something else.
    var digest: [UInt8] { SHA256.hash(bytes) }

    func certificates() throws(Unusable) -> [NIOSSLCertificate] {
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            throw unusable("certificates")
        }
        return certificates
    }

    func privateKey() throws(Unusable) -> NIOSSLPrivateKey {
        guard let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
            throw unusable("a private key without a passphrase")
        }
        return key
    }

    private func unusable(_ wanted: String) -> Unusable {
        Unusable(description: "\(key): \(path) does not hold \(wanted) in PEM")
    }
}
