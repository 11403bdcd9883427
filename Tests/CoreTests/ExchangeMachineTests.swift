import Testing

@testable import Core

private func started(stream: Bool = true, attempts: Int = 2) -> ExchangeMachine {
    var machine = ExchangeMachine(stream: stream, maximumAttempts: attempts)
    machine.attemptStarted()
    return machine
}

@Suite struct ExchangeMachineTests {
    @Test func aStreamIsCommittedByItsFirstPiece() {
        var machine = started()
        #expect(machine.begin() == true)
        #expect(machine.write(count: 1) == .commit)
        #expect(machine.write(count: 1) == .send)
        #expect(machine.finish() == .endStream)
        #expect(machine.isOver)
    }

    @Test func aUnaryAnswerIsHeldUntilItIsComplete() {
        var machine = started(stream: false)
        #expect(machine.begin() == true)
        #expect(machine.write(count: 100) == .hold)
        #expect(machine.finish() == .sendHeld)
    }

    @Test func aLargeUnaryAnswerIsCommittedBeyondTheLimit() {
        var machine = started(stream: false)
        #expect(machine.begin() == true)
        #expect(machine.write(count: ExchangeMachine.holdLimit) == .hold)
        #expect(machine.write(count: 1) == .commit)
        #expect(machine.write(count: 1) == .send)
        #expect(machine.finish() == .endStream)
    }

    @Test func aFailureBeforeTheFirstPieceIsRetriedElsewhere() {
        var machine = started()
        #expect(machine.begin() == true)
        #expect(machine.fail(retryable: true, alternatives: true) == .retry)
        machine.attemptStarted()
        #expect(machine.attempts == 2)
        #expect(machine.begin() == true)
        #expect(machine.write(count: 1) == .commit)
    }

    @Test func aHalfReceivedUnaryAnswerIsForgottenAndRetried() {
        var machine = started(stream: false)
        _ = machine.begin()
        _ = machine.write(count: 1000)
        #expect(machine.fail(retryable: true, alternatives: true) == .retry)
    }

    @Test(arguments: [(false, true), (true, false), (false, false)])
    func aFailureIsAnsweredWhenARetryMakesNoSense(_ retryable: Bool, _ alternatives: Bool) {
        var machine = started()
        #expect(machine.fail(retryable: retryable, alternatives: alternatives) == .answerError)
        #expect(machine.isOver)
    }

    @Test func attemptsAreBounded() {
        var machine = started(attempts: 2)
        #expect(machine.fail(retryable: true, alternatives: true) == .retry)
        machine.attemptStarted()
        #expect(machine.fail(retryable: true, alternatives: true) == .answerError)
    }

    @Test func aCommittedStreamEndsWithOneErrorEvent() {
        var machine = started()
        _ = machine.begin()
        _ = machine.write(count: 1)
        #expect(machine.fail(retryable: true, alternatives: true) == .errorEvent)
        #expect(machine.fail(retryable: true, alternatives: true) == .ignore)
        #expect(machine.finish() == .refuse)
    }

    @Test func aCommittedUnaryAnswerIsCutVisibly() {
        var machine = started(stream: false)
        _ = machine.begin()
        _ = machine.write(count: ExchangeMachine.holdLimit + 1)
        #expect(machine.fail(retryable: true, alternatives: true) == .abort)
    }

    @Test func nothingIsAcceptedOutOfOrder() {
        var machine = ExchangeMachine(stream: true, maximumAttempts: 1)
        #expect(machine.begin() == false)
        machine.attemptStarted()
        #expect(machine.write(count: 1) == .refuse)
        #expect(machine.finish() == .refuse)
        #expect(machine.begin() == true)
        #expect(machine.begin() == false)
    }

    @Test func theClientGoesOnlyOnce() {
        var machine = started()
        #expect(machine.clientGone() == true)
        #expect(machine.clientGone() == false)
        #expect(machine.write(count: 1) == .refuse)
        #expect(machine.fail(retryable: true, alternatives: true) == .ignore)
    }

    /// Every order of up to six events: at most one event ends the exchange, and nothing is sent after that.
    @Test func everyOrderOfEventsEndsAtMostOnce() {
        enum Event: CaseIterable { case begin, write, finish, fail, gone }
        for code in 0..<15625 {
            var rest = code
            for stream in [true, false] {
                var machine = started(stream: stream, attempts: 3)
                var endings = 0
                rest = code
                for _ in 0..<6 {
                    let event = Event.allCases[rest % 5]
                    rest /= 5
                    let wasOver = machine.isOver
                    switch event {
                    case .begin: if machine.begin() { #expect(!wasOver) }
                    case .write: if machine.write(count: 10) != .refuse { #expect(!wasOver) }
                    case .finish: if machine.finish() != .refuse { endings += 1 }
                    case .fail:
                        switch machine.fail(retryable: true, alternatives: true) {
                        case .retry: machine.attemptStarted()
                        case .ignore: #expect(wasOver)
                        case .answerError, .errorEvent, .abort: endings += 1
                        }
                    case .gone: if machine.clientGone() { endings += 1 }
                    }
                }
                #expect(endings == (machine.isOver ? 1 : 0))
            }
        }
    }
}

@Suite struct OtherWordsTests {
    @Test func askingTheSameBackendInOtherWordsIsNoRetry() {
        var machine = started(attempts: 1)
        #expect(machine.fail(retryable: true, alternatives: false, inOtherWords: true) == .retry)
        machine.attemptStarted()
        #expect(machine.fail(retryable: true, alternatives: true) == .answerError)
    }

    @Test func itIsTooLateOnceTheAnswerIsCommitted() {
        var machine = started(attempts: 1)
        #expect(machine.begin() && machine.write(count: 1) == .commit)
        #expect(machine.fail(retryable: true, alternatives: false, inOtherWords: true) == .errorEvent)
    }

    @Test func piecesAreTakenBetweenBeginAndEnd() {
        var machine = started()
        #expect(!machine.takesPieces && machine.begin() && machine.takesPieces)
        #expect(machine.finish() == .sendHeld && !machine.takesPieces)
    }
}

@Suite struct KeepAliveTests {
    @Test func theFirstCommentSendsTheHeadAndTheNextDoNot() {
        var machine = started()
        #expect(machine.keepAlive() == .sendHead)
        #expect(machine.keepAlive() == .send)
        #expect(machine.isHeadSent && !machine.isCommitted)
    }

    @Test func aUnaryAnswerGetsNone() {
        var machine = started(stream: false)
        #expect(machine.keepAlive() == .ignore)
    }

    @Test func afterTheFirstPieceThereAreNone() {
        var machine = started()
        #expect(machine.begin() && machine.write(count: 1) == .commit)
        #expect(machine.keepAlive() == .ignore)
    }

    @Test func anotherBackendMayStillBeTriedAfterAComment() {
        var machine = started()
        #expect(machine.keepAlive() == .sendHead)
        #expect(machine.fail(retryable: true, alternatives: true) == .retry)
        machine.attemptStarted()
        #expect(machine.keepAlive() == .send)
    }

    @Test func aFailureAfterACommentIsToldInsideTheStream() {
        var machine = started()
        #expect(machine.keepAlive() == .sendHead)
        #expect(machine.fail(retryable: true, alternatives: false) == .errorEvent)
    }

    @Test func aStreamThatEndsWithNothingButCommentsIsEnded() {
        var machine = started()
        #expect(machine.keepAlive() == .sendHead && machine.begin())
        #expect(machine.finish() == .endStream)
    }

    @Test func whatMayBeLongIsSentAsItComesAndCannotSayThatItFailed() {
        var machine = started(stream: false)
        #expect(machine.begin(sendsAtOnce: true) && machine.write(count: 1) == .commit)
        #expect(machine.fail(retryable: true, alternatives: true) == .abort)
    }
}
