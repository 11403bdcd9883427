import Testing

@testable import Core

private let second: UInt64 = 1_000_000_000

/// Seconds; nil: no limit.
private func limits(
    connect: Int? = 5, firstByte: Int? = nil, gap: Int? = 120, total: Int? = nil
) -> Configuration.Timeouts {
    var limits = Configuration.Timeouts()
    limits.connect = connect.map { .seconds($0) }
    limits.firstByte = firstByte.map { .seconds($0) }
    limits.gap = gap.map { .seconds($0) }
    limits.total = total.map { .seconds($0) }
    return limits
}

/// An exchange that arrived at 100 s, whose first attempt began then.
private func exchange(
    _ limits: Configuration.Timeouts = limits(), stream: Bool = true, hasAlternative: Bool = false
) -> Deadlines {
    var deadlines = Deadlines(arrival: 100 * second, limits: limits, isStream: stream)
    deadlines.attemptStarted(
        at: 100 * second, endpoint: "10.0.0.2:443", limits: limits, hasAlternative: hasAlternative)
    return deadlines
}

extension Deadlines {
    /// The signs, one after another at these seconds.
    fileprivate func after(_ signs: (AttemptSign, UInt64)...) -> Deadlines {
        var deadlines = self
        for (sign, at) in signs { deadlines.saw(sign, at: at * second) }
        return deadlines
    }

    /// In seconds.
    fileprivate var due: String? { next.map { "\($0.kind) at \(Double($0.at) / Double(second))" } }

    fileprivate func message(at seconds: UInt64) -> String? { passed(at: seconds * second)?.message }
}

@Suite struct DeadlinesTests {
    // MARK: Connecting

    @Test func aConnectionHasOneLimitForTCPAndTLS() {
        #expect(exchange().after((.connecting, 101)).due == "connect at 106.0")
        #expect(exchange().after((.connecting, 101), (.handshaking, 104)).due == "connect at 106.0")
    }

    @Test func theWordsSayWhichPartDidNotComeAndWhere() {
        let tcp = exchange().after((.connecting, 101))
        let tls = exchange().after((.connecting, 101), (.handshaking, 104))

        #expect(tcp.message(at: 106) == "no connection within 5 s (TCP connection to 10.0.0.2:443)")
        #expect(tls.message(at: 106) == "no connection within 5 s (TLS handshake with 10.0.0.2:443)")
    }

    @Test func whatIsConnectedIsUnderNoConnectLimit() {
        #expect(exchange().after((.connecting, 101), (.connected, 102)).due == nil)
        #expect(exchange().after((.connected, 100), (.requestWritten, 100)).due == nil)
    }

    @Test func aKeptConnectionThatWasClosedIsMadeAnewUnderAWholeLimit() {
        let again = exchange().after((.connected, 100), (.requestWritten, 100), (.connecting, 103))

        #expect(again.due == "connect at 108.0")
    }

    @Test func withoutAConnectLimitTheFirstByteCountsFromTheStartOfTheConnection() {
        let waiting = exchange(limits(connect: nil, firstByte: 10)).after((.connecting, 101))

        #expect(waiting.due == "firstByte at 111.0")
        #expect(waiting.message(at: 111) == "no answer within 10 s (there was no connection to 10.0.0.2:443)")
    }

    // MARK: The first byte

    @Test func theFirstByteCountsFromTheWholeRequestOn() {
        let submitted = exchange(limits(firstByte: 10))
        #expect(submitted.due == "firstByte at 110.0")
        #expect(submitted.after((.connecting, 101), (.connected, 102)).due == "firstByte at 112.0")
        #expect(submitted.after((.connected, 102), (.requestWritten, 105)).due == "firstByte at 115.0")
    }

    @Test func aHeadIsNoFirstByte() {
        let answering = exchange(limits(firstByte: 10)).after(
            (.connected, 102), (.requestWritten, 105), (.head(status: 200), 109))

        #expect(answering.due == "firstByte at 115.0")
        #expect(
            answering.message(at: 115) == "answered with status 200 and then sent nothing of its answer within 10 s")
    }

    @Test func aServerThatDoesNotTakeTheRequestIsNotWaitedForLonger() {
        let sending = exchange(limits(firstByte: 10)).after((.connected, 102))

        #expect(sending.message(at: 112) == "no answer within 10 s (it did not take the whole request)")
    }

    @Test func aServerMayAnswerBeforeItHasReadTheRequest() {
        let early = exchange().after(
            (.connected, 102), (.head(status: 200), 103), (.piece, 104), (.requestWritten, 110))

        #expect(early.due == "gap at 224.0")
    }

    @Test func anyPieceIsTheFirstByte() {
        let alive = exchange(limits(firstByte: 10)).after(
            (.connected, 100), (.requestWritten, 100), (.head(status: 200), 101), (.piece, 102))

        #expect(alive.due == "gap at 222.0")
    }

    @Test func noFirstByteIsDueUnlessItIsAskedFor() {
        #expect(exchange().after((.connected, 100), (.requestWritten, 100)).passed(at: .max) == nil)
    }

    // MARK: Pieces

    @Test func theGapCountsFromTheNewestPiece() {
        let giving = exchange().after((.connected, 100), (.head(status: 200), 101), (.piece, 102), (.piece, 150))

        #expect(giving.due == "gap at 270.0")
        #expect(giving.message(at: 269) == nil)
        #expect(giving.message(at: 270) == "sent nothing for 120 s after 2 pieces")
    }

    @Test func anAdapterThatOnlyWritesShowsLifeByThat() {
        var deadlines = exchange()
        deadlines.wrote(at: 101 * second)
        deadlines.wrote(at: 103 * second)

        #expect(deadlines.due == "gap at 223.0")
        #expect(deadlines.message(at: 223) == "sent nothing for 120 s after 2 pieces")
    }

    @Test func whatAnAdapterMakesOfAPieceIsNoOtherPiece() {
        var deadlines = exchange().after((.connected, 100), (.head(status: 200), 101), (.piece, 102))
        deadlines.wrote(at: 103 * second)
        deadlines.wrote(at: 104 * second)

        #expect(deadlines.message(at: 224) == "sent nothing for 120 s after 1 piece")
    }

    @Test func nothingIsDueWhileTheAnswerWaitsForTheClient() {
        var deadlines = exchange().after((.connected, 100), (.head(status: 200), 101), (.piece, 102))
        deadlines.setPaused(true, at: 103 * second)
        #expect(deadlines.due == nil)

        deadlines.setPaused(false, at: 1000 * second)
        #expect(deadlines.due == "gap at 1120.0")
    }

    // MARK: Error answers

    @Test func theRestOfAnErrorAnswerIsDueSoonWhateverComesOfIt() {
        let failing = exchange().after((.connected, 100), (.head(status: 500), 101), (.piece, 102), (.piece, 103))

        #expect(failing.due == "errorBody at 104.0")
        #expect(failing.passed(at: 104 * second)?.status == 500)
        #expect(
            failing.message(at: 104) == "answered with status 500, and no error came of it within 3 s")
    }

    @Test func aSecondRequestOfTheAdapterBeginsAnew() {
        let again = exchange(limits(firstByte: 10)).after(
            (.connected, 100), (.head(status: 401), 101), (.connected, 102), (.requestWritten, 102))

        #expect(again.due == "firstByte at 112.0")
    }

    // MARK: The total

    @Test func theTotalCountsFromTheArrivalOverAllAttempts() {
        var deadlines = exchange(limits(total: 20))
        #expect(deadlines.due == "total at 120.0")
        deadlines.attemptEnded()
        #expect(deadlines.due == "total at 120.0")
        deadlines.attemptStarted(at: 110 * second, endpoint: "", limits: limits(total: 20), hasAlternative: false)

        #expect(deadlines.due == "total at 120.0")
        #expect(deadlines.message(at: 120) == "no answer within 20 s in all")
    }

    @Test func aStreamThatGivesPiecesIsNeverCutByTheTotal() {
        let giving = exchange(limits(total: 20)).after(
            (.connected, 100), (.head(status: 200), 101), (.piece, 102), (.piece, 119), (.piece, 138))

        #expect(giving.due == "gap at 158.0")
        #expect(giving.passed(at: 157 * second) == nil)
    }

    @Test func noPauseOfAStreamIsLongerThanTheTotal() {
        let pieces: [(AttemptSign, UInt64)] = [(.connected, 100), (.head(status: 200), 101), (.piece, 102)]
        func due(_ limits: Configuration.Timeouts) -> String? {
            exchange(limits).after(pieces[0], pieces[1], pieces[2]).due
        }
        #expect(due(limits(gap: 120, total: 20)) == "gap at 122.0")
        #expect(due(limits(gap: nil, total: 20)) == "gap at 122.0")
        #expect(due(limits(gap: 10, total: 20)) == "gap at 112.0")
        #expect(due(limits(gap: nil)) == nil)
    }

    @Test func anAnswerThatIsNoStreamIsBoundedByTheTotalAndTheGap() {
        let unary = exchange(limits(gap: 30, total: 100), stream: false).after(
            (.connected, 100), (.head(status: 200), 101), (.piece, 110))
        #expect(unary.due == "gap at 140.0")

        let late = unary.after((.piece, 139), (.piece, 168), (.piece, 190))
        #expect(late.due == "total at 200.0")
        #expect(late.message(at: 200) == "the answer was not complete within 100 s")
    }

    @Test func anAttemptThatFailedAfterPiecesLeavesTheTotal() {
        var deadlines = exchange(limits(total: 20)).after((.connected, 100), (.head(status: 200), 101), (.piece, 102))
        deadlines.attemptEnded()

        #expect(deadlines.due == "total at 120.0")
    }

    // MARK: Another backend

    @Test func halfOfTheTotalIsLeftForAnotherBackend() {
        let first = exchange(limits(total: 20), hasAlternative: true)
        #expect(first.due == "firstByte at 110.0")
        #expect(first.after((.connected, 100), (.requestWritten, 100)).due == "firstByte at 110.0")
        #expect(first.after((.connected, 100), (.head(status: 200), 101)).due == "firstByte at 110.0")
        #expect(first.message(at: 110) == "no answer within 10 s")

        var second = first
        second.attemptEnded()
        second.attemptStarted(
            at: 110 * 1_000_000_000, endpoint: "", limits: limits(total: 20), hasAlternative: true)
        #expect(second.due == "firstByte at 115.0")
    }

    /// Seed 3000710 of the simulation: a client took most of the time for its request, and the backend was blamed.
    @Test(arguments: [(100, true), (110, true), (111, false), (119, false)])
    func aHalfCountsAgainstABackendIfItWasNotLittle(_ began: UInt64, _ counts: Bool) throws {
        var deadlines = Deadlines(arrival: 100 * second, limits: limits(total: 20), isStream: true)
        deadlines.attemptStarted(
            at: began * second, endpoint: "", limits: limits(total: 20), hasAlternative: true)

        let passed = try #require(deadlines.passed(at: 120 * second))

        #expect(passed.kind == .firstByte && passed.failure.isOfTheBackend == counts)
    }

    @Test func theLastBackendHasAllThatIsLeft() {
        var deadlines = exchange(limits(total: 20), hasAlternative: true)
        deadlines.hasAlternative = false

        #expect(deadlines.due == "total at 120.0")
    }

    @Test func anOperatorsFirstByteCountsInsteadOfTheHalf() {
        let waiting = exchange(limits(firstByte: 15, total: 20), hasAlternative: true)

        #expect(waiting.after((.connected, 100), (.requestWritten, 100)).due == "firstByte at 115.0")
    }

    @Test func theHalfCountsForConnectingToo() {
        let connecting = exchange(limits(total: 6), hasAlternative: true).after((.connecting, 101))

        #expect(connecting.due == "firstByte at 103.0")
    }

    @Test func anErrorAnswerNeedsNoHalf() {
        let failing = exchange(limits(total: 1000), hasAlternative: true).after(
            (.connected, 100), (.head(status: 503), 101))

        #expect(failing.due == "errorBody at 104.0")
    }

    // MARK: What backends override

    @Test func anAttemptIsUnderTheLimitsOfItsBackend() {
        var deadlines = Deadlines(arrival: 100 * second, limits: limits(total: 20), isStream: true)
        deadlines.attemptStarted(at: 100 * second, endpoint: "", limits: limits(connect: 2), hasAlternative: true)
        #expect(deadlines.due == nil)
        deadlines.saw(.connecting, at: 101 * second)
        #expect(deadlines.due == "connect at 103.0")

        deadlines.attemptEnded()
        #expect(deadlines.due == "total at 120.0")
    }

    // MARK: Failures

    @Test(arguments: [
        (AttemptSign.connecting, ExchangeFailure.Kind.connect, "connect_timeout", true),
        (.connected, .timeout, "first_byte_timeout", true),
        (.piece, .timeout, "gap_timeout", true),
        (.head(status: 429), .upstream, "error_body_timeout", true),
    ])
    func eachKindHasACodeOfItsOwnAndMayBeTriedElsewhere(
        sign: AttemptSign, kind: ExchangeFailure.Kind, code: String, isRetryable: Bool
    ) throws {
        let passed = try #require(exchange(limits(firstByte: 10)).after((sign, 101)).passed(at: 1000 * second))

        #expect(passed.failure.kind == kind && passed.failure.deadline?.code == code)
        #expect(passed.failure.isRetryable == isRetryable && passed.failure.isOfTheBackend)
    }

    @Test func whenTheTotalIsOverNobodyElseIsAsked() throws {
        let passed = try #require(exchange(limits(total: 20)).passed(at: 120 * second))

        #expect(passed.failure.deadline?.code == "total_timeout" && !passed.failure.isRetryable)
    }

    // MARK: At the edges

    @Test func signsOutsideAnAttemptMeanNothing() {
        var deadlines = Deadlines(arrival: 0, limits: limits(firstByte: 1), isStream: true)
        deadlines.saw(.connecting, at: second)
        deadlines.wrote(at: second)

        #expect(deadlines.next == nil)
    }

    @Test func absurdInstantsDoNotTrap() {
        var deadlines = Deadlines(arrival: .max - 1, limits: limits(total: 86400), isStream: true)
        deadlines.attemptStarted(
            at: .max, endpoint: "", limits: limits(firstByte: 86400, total: 86400), hasAlternative: true)

        #expect(deadlines.passed(at: .max) == nil)
    }

    @Test func theDeadlineOfTheWholeIsKnownForTheServer() {
        #expect(exchange(limits(total: 20)).totalEnd == 120 * second)
        #expect(exchange().totalEnd == nil)
    }

    @Test(arguments: [
        (Duration.seconds(5), "5 s"), (.milliseconds(250), "0.25 s"), (.milliseconds(1005), "1.005 s"), (.zero, "0 s"),
    ])
    func durationsAreToldInSeconds(duration: Duration, text: String) {
        #expect(duration.inSeconds == text)
    }
}
