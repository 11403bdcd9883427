import Core
import Glibc
import NIOSSL
import Upstream

/// Looks at the files of certificates and keys, each by itself, and at whether they go together.
enum TLSCheck {
    /// Days before its end at which a certificate is told of.
    private static let days: Int64 = 14

    static func findings(_ configuration: Configuration) -> [Finding] {
        var findings: [Finding] = []
        if let path = configuration.upstream.caFile {
            findings += problem { try PEMFile(path, key: "upstream.ca_file").certificates() }.map { [$0] } ?? []
        }
        guard let files = ListenerCertificate.Files(configuration.server) else { return findings }
        let parts = [
            problem { try PEMFile(files.certificate, key: "server.tls_certificate").certificates() },
            problem { try PEMFile(files.key, key: "server.tls_key").privateKey() },
            files.authorities.flatMap { path in
                problem { try PEMFile(path, key: "server.tls_client_ca").certificates() }
            },
        ].compactMap { $0 }
        guard parts.isEmpty else { return findings + parts }
        do throws(PEMFile.Unusable) {
            findings += standing(try ListenerCertificate(files))
        } catch {
            findings.append(
                .wrong(
                    "server.tls_certificate", error.description, "name a certificate and the key that was made for it"))
        }
        if let finding = rights(files.key) { findings.append(finding) }
        return findings
    }

    private static func problem<Value>(_ read: () throws -> Value) -> Finding? {
        do {
            _ = try read()
            return nil
        } catch {
            // The key of the configuration stands first in its words.
            let words = (error as? PEMFile.Unusable)?.description ?? "TLS: \(ErrorWords.describe(error))"
            let parts = words.split(separator: ":", maxSplits: 1).map(String.init)
            return .wrong(
                parts[0], parts.count > 1 ? String(parts[1].drop { $0 == " " }) : words,
                "name a file that is there and holds it in PEM; 'nexus cert self-signed' makes a pair to begin with")
        }
    }

    private static func standing(_ certificate: ListenerCertificate) -> [Finding] {
        let left = (certificate.expires - Clock.wallSeconds()) / 86_400
        let until = Timestamp.text(seconds: Double(certificate.expires))
        let words = "\(certificate.files.certificate) is good until \(until)"
        guard certificate.expires > Clock.wallSeconds() else {
            return [
                .wrong(
                    "server.tls_certificate", "\(certificate.files.certificate) has expired at \(until)",
                    "put a new one in its place")
            ]
        }
        return [
            left < days
                ? .note("server.tls_certificate", words, "put a new one in its place soon")
                : .well("server.tls_certificate", words)
        ]
    }

    private static func rights(_ key: String) -> Finding? {
        var status = stat()
        guard stat(key, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o007 != 0 else {
            return nil
        }
        return .note("server.tls_key", "\(key) may be read by everybody on this machine", "chmod 600 \(key)")
    }
}
