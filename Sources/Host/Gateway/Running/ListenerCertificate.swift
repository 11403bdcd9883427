import AdapterHost
import Core
import Glibc
import NIOSSL
import Upstream

/// What the files hold that the listener's TLS is made of: read as a whole, or not at all.
struct ListenerCertificate: Sendable {
    /// Where they are.
    struct Files: Sendable, Equatable {
        let certificate: String
        let key: String
        /// Nil: no client is asked for a certificate.
        let authorities: String?

        /// Nil: the listener speaks no TLS.
        init?(_ server: Configuration.Server) {
            guard let certificate = server.tlsCertificate, let key = server.tlsKey else { return nil }
            self.certificate = certificate
            self.key = key
            authorities = server.tlsClientCA
        }

        /// What tells whether one of them has changed. Links are followed.
        var stamps: [FileStamp?] { [certificate, key, authorities].map { $0.flatMap(Self.stamp) } }

        /// Nil: it cannot be looked at, or is a pipe, which can be read only once.
        private static func stamp(_ path: String) -> FileStamp? {
            var status = stat()
            guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
            return FileStamp(status)
        }
    }

    let files: Files
    /// As they were before they were read.
    let stamps: [FileStamp?]
    let context: NIOSSLContext
    /// Different for what holds something else.
    let digest: [UInt8]
    /// The same of the authorities alone; nil: there are none.
    let authorities: [UInt8]?
    /// Whose certificate it is.
    let name: String
    /// When it ceases to count, in Unix seconds.
    let expires: Int64

    /// Blocks for as long as the disk takes.
    /// - Parameter patience: seconds for which pipes may keep the start waiting; 0: none is read.
    init(_ files: Files, patience: Int = 0) throws(PEMFile.Unusable) {
        self.files = files
        stamps = files.stamps
        let certificate = try PEMFile(files.certificate, key: "server.tls_certificate", patience: patience)
        let key = try PEMFile(files.key, key: "server.tls_key", patience: patience)
        let chain = try certificate.certificates()
        var settings = TLSContexts.serverSettings(chain, try key.privateKey())
        var parts = [certificate.digest, key.digest]
        if let path = files.authorities {
            let file = try PEMFile(path, key: "server.tls_client_ca", patience: patience)
            TLSContexts.askForCertificates(of: try file.certificates(), in: &settings)
            authorities = file.digest
            parts.append(file.digest)
        } else {
            authorities = nil
        }
        digest = parts.flatMap { $0 }
        do {
            context = try NIOSSLContext(configuration: settings)
        } catch {
            throw Self.unusable(files, error)
        }
        name = chain.first?.shownName ?? ""
        expires = Int64(chain.first?.notValidAfter ?? 0)
    }

    private static func unusable(_ files: Files, _ error: any Error) -> PEMFile.Unusable {
        let text = "\(error)"
        // Both were read: what is wrong with the key is that it is another's.
        guard text.contains("failedToLoadPrivateKey") || text.contains("MISMATCH") else {
            return PEMFile.Unusable(
                description:
                    "server.tls_certificate: \(files.certificate) cannot be used: \(ErrorWords.describe(error))")
        }
        return PEMFile.Unusable(
            description: "server.tls_key: \(files.key) is not the key of the certificate in \(files.certificate)")
    }
}

extension NIOSSLCertificate {
    /// The common name, or what else there is of the subject.
    var shownName: String {
        let subject = subjectName
        return (subject.last { $0.type == .commonName } ?? subject.last)?.value ?? ""
    }
}

extension ClientCertificate {
    /// - Parameter authorities: see `ListenerTLS.Terms`.
    init(_ certificate: NIOSSLCertificate, authorities: UInt64) {
        self.init(
            name: certificate.shownName, expires: Int64(certificate.notValidAfter), authorities: authorities)
    }
}
