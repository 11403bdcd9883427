import Core
import Foundation
import Testing

@testable import Gateway

@Suite struct TLSContextsTests {
    @Test func nothingBelowTLS12IsSpokenWithBackends() throws {
        let settings = try TLSContexts(Configuration.Upstream()).clientSettings

        #expect(settings.minimumTLSVersion == .tlsv12 && settings.certificateVerification == .fullVerification)
    }

    @Test func onlyOtherAuthoritiesAreAChange() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("nexus-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("ca.pem")
        try certificate.write(to: file, atomically: true, encoding: .utf8)
        var upstream = Configuration.Upstream()
        let contexts = try TLSContexts(upstream)
        #expect(try contexts.change(to: upstream) == nil)
        upstream.caFile = file.path
        let trust = try #require(try contexts.change(to: upstream))
        #expect(contexts.clientSettings.additionalTrustRoots.isEmpty)
        contexts.apply(trust)
        #expect(contexts.clientSettings.additionalTrustRoots.count == 1)
        #expect(try contexts.change(to: upstream) == nil)
        try "none".write(to: file, atomically: true, encoding: .utf8)
        #expect(throws: PEMFile.Unusable.self) { try contexts.change(to: upstream) }
    }

    @Test func aPipeIsNoFileOfAuthorities() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("nexus-\(UUID().uuidString)").path
        #expect(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        var upstream = Configuration.Upstream()
        upstream.caFile = path
        let error = #expect(throws: PEMFile.Unusable.self) { try TLSContexts(upstream) }
        #expect(error?.description == "upstream.ca_file: \(path) cannot be read: it is no regular file")
    }

    private let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBezCCASGgAwIBAgIUCKS8GB8LzSY6uJ0mHCJ9F+/9g54wCgYIKoZIzj0EAwIw
        EjEQMA4GA1UEAwwHdHJ1c3RlZDAgFw0yNjExMjkxMTUyMzhaGA8yMTI1MDYyMzEx
        NTIzOFowEjEQMA4GA1UEAwwHdHJ1c3RlZDBZMBMGByqGSM49AgEGCCqGSM49AwEH
        A0IABDUxT34Kfgj4AtixWsuUVAA7bmIQ7tle44R++hTz+5S/cqiQ+56oW8Umu2UQ
        R55IMWc/XUy+2CmE9l8X/gDD29mjUzBRMB0GA1UdDgQWBBQfS7kNftDQay+Ty+Qv
        eYXy4FM7CzAfBgNVHSMEGDAWgBQfS7kNftDQay+Ty+QveYXy4FM7CzAPBgNVHRMB
        Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQDOYDbuptcJJeQIrrjER9mNNWu5
        VXQa9Da1X6H+8Kdy3gIgCbXX6U6ZAnnJ4eTTIm6RfDJkc9gI+J9JnM0h1llbaUU=
        -----END CERTIFICATE-----
        """
}
