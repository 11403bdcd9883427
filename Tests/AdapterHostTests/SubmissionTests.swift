import Core
import PluginAPI
import Testing

@testable import AdapterHost

/// What a client reads when an adapter refuses with a status alone.
@Suite struct SilentRefusalTests {
    @Test func anAdapterThatCannotAndSaysNoMoreLetsOthersTry() {
        let failure = AdapterBackend.refusal(NEXUS_UNSUPPORTED, by: "mine")

        #expect(failure.kind == .unsupported && failure.isRetryable)
        #expect(failure.message == "The adapter mine cannot take this request, and did not say why.")
    }

    @Test(
        arguments: [
            (NEXUS_INVALID, "an argument is wrong."), (NEXUS_FAILED, "it failed."),
            (NEXUS_TOO_LARGE, "a limit was exceeded."), (99, "it gave the unknown status 99."),
        ] as [(nexus_status, String)])
    func anyOtherStatusIsToldInWords(_ status: nexus_status, _ words: String) {
        let failure = AdapterBackend.refusal(status, by: "mine")

        #expect(failure.kind == .adapter)
        #expect(failure.message == "The adapter mine did not take the request: \(words)")
    }
}
