import Core
import Testing

@testable import Gateway

@Suite struct TLSContextsTests {
    @Test func nothingBelowTLS12IsSpokenWithBackends() throws {
        let settings = try TLSContexts(Configuration.Upstream()).clientSettings

        #expect(settings.minimumTLSVersion == .tlsv12 && settings.certificateVerification == .fullVerification)
    }
}
