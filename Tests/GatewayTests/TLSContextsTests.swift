import Core
import Foundation
import Testing

@testable import Gateway

@Suite struct TLSContextsTests {
    @Test func nothingBelowTLS12IsSpokenWithBackends() throws {
        let settings = try TLSContexts(Configuration.Upstream()).clientSettings

        #expect(settings.minimumTLSVersion == .tlsv12 && settings.certificateVerification == .fullVerification)
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
}
