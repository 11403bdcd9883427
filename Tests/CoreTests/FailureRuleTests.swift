import Testing

@testable import Core

/// Which failures are tried elsewhere, and against whom they count (docs/routing.md, "What is tried elsewhere").
@Suite struct FailureRuleTests {
    private static let kinds: [ExchangeFailure.Kind] = [
        .connect, .timeout, .upstream, .busy, .auth, .unsupported, .adapter,
    ]

    private func failure(_ kind: ExchangeFailure.Kind, _ status: Int) -> ExchangeFailure {
        ExchangeFailure(kind: kind, status: status, message: "")
    }

    @Test(arguments: [408, 425, 429]) func of4xxTheseAreTriedElsewhere(status: Int) {
        for kind in Self.kinds { #expect(failure(kind, status).isRetryable) }
    }

    @Test func noOther4xxIsTriedElsewhereWhateverTheAdapterCallsIt() {
        for status in 400...499 where ![408, 425, 429].contains(status) {
            for kind in Self.kinds { #expect(!failure(kind, status).isRetryable, "\(kind) \(status)") }
        }
    }

    @Test(arguments: [0, 301, 500, 501, 502, 503, 504, 529]) func theRestIsTriedElsewhere(status: Int) {
        for kind in Self.kinds { #expect(failure(kind, status).isRetryable) }
        #expect(!failure(.rejected, status).isRetryable)
    }

    @Test func aServerThatRefusedAndThenStoppedHasRefused() {
        let late = ExchangeFailure(kind: .timeout, status: 404, message: "", deadline: .errorBody)
        #expect(!late.isRetryable && late.clientStatus == 404 && !late.isOfTheBackend)
        let broken = ExchangeFailure(kind: .timeout, status: 500, message: "", deadline: .errorBody)
        #expect(broken.isRetryable && broken.isOfTheBackend)
    }

    @Test func noRefusalCountsAgainstTheBackendButThatOfTheGatewaysKey() {
        for kind in Self.kinds where kind != .auth {
            #expect(!failure(kind, 404).isOfTheBackend && failure(kind, 404).breakerOutcome == .neutral)
        }
        #expect(failure(.auth, 401).isOfTheBackend && failure(.auth, 401).breakerOutcome == .neutral)
    }

    @Test func aRefusalIsToldWithItsStatusButThatOfTheGatewaysKey() {
        for kind in Self.kinds where kind != .auth { #expect(failure(kind, 409).clientStatus == 409) }
        #expect(failure(.auth, 401).clientStatus == 502 && failure(.busy, 408).clientStatus == 503)
    }

    @Test func aServerThatForbidsIsNotAskedInOtherWords() {
        #expect(failure(.unsupported, 404).lacksForm && failure(.unsupported, 501).lacksForm)
        #expect(!failure(.unsupported, 403).lacksForm && !failure(.rejected, 404).lacksForm)
    }
}
