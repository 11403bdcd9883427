import NIOCore
import Testing

@testable import Core

private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

private func at(_ milliseconds: Int64) -> NIODeadline { start + .milliseconds(milliseconds) }

private func identity(_ id: String = "one") -> BackendIdentity {
    BackendIdentity(id: id, name: id, url: "", backendType: "t", priority: 1)
}

private let broken = ExchangeFailure(kind: .upstream, status: 500, message: "broken")
private let rejected = ExchangeFailure(kind: .rejected, status: 422, message: "no")

/// An exchange that has not chosen yet.
private func dispatch(stream: Bool = true, attempts: Int = 2) -> Dispatch {
    Dispatch(
        Dispatch.Request(model: "m", stream: stream, takesComments: stream, maximumAttempts: attempts), arrival: start)
}

private func started(stream: Bool = true, attempts: Int = 2) -> Dispatch {
    var result = dispatch(stream: stream, attempts: attempts)
    result.attemptStarted(at: identity(), reason: .only, now: start)
    return result
}

extension Dispatch {
    fileprivate mutating func begin() -> Bool { answerBegan(status: 200, hasEvents: request.stream) }
    fileprivate mutating func write(_ count: Int = 1) -> Write { wrote(count, now: start) }
    fileprivate mutating func finish() -> Finish { finished(ExchangeOutcome(), now: start) }
    fileprivate mutating func fail(
        _ failure: ExchangeFailure = broken, hasAlternative: Bool = true, canRephrase: Bool = false
    ) -> Failed {
        failed(failure, hasAlternative: hasAlternative, canRephrase: canRephrase, now: start)
    }
    fileprivate mutating func next(_ id: String = "two") { attemptStarted(at: identity(id), reason: .only, now: start) }
    fileprivate var end: ExchangeEnd? {
        if case .ended(let end)? = timeline.entries.last?.event { end } else { nil }
    }
}

private let told = Dispatch.Words.failure(broken, backend: "one")

@Suite struct DispatchAnswerTests {
    @Test func aStreamIsCommittedByItsFirstPiece() {
        var exchange = started()
        let steps = (exchange.begin(), exchange.write(), exchange.write(), exchange.finish())
        #expect(steps == (true, .commit, .send, .endStream))
        #expect(exchange.isOver && exchange.end == .success(200))
    }

    @Test func aUnaryAnswerIsHeldUntilItIsComplete() {
        var exchange = started(stream: false)
        let steps = (exchange.begin(), exchange.write(100), exchange.finish())
        #expect(steps == (true, .hold, .sendHeld))
    }

    @Test func aLargeUnaryAnswerIsCommittedBeyondTheLimit() {
        var exchange = started(stream: false)
        _ = exchange.begin()
        let steps = (exchange.write(Dispatch.holdLimit), exchange.write(1), exchange.write(1), exchange.finish())
        #expect(steps == (.hold, .commit, .send, .endStream))
    }

    @Test func whatMayBeLongIsSentAsItComesAndCannotSayThatItFailed() {
        var exchange = started(stream: false)
        let began = exchange.answerBegan(status: 200, comesInPieces: true)
        let steps = (exchange.write(), exchange.fail())
        #expect(began && steps == (.commit, .tell(.abort)))
    }

    @Test func nothingIsAcceptedOutOfOrder() {
        var exchange = dispatch()
        let before = (exchange.begin(), exchange.write(), exchange.finish())
        #expect(before == (false, .refuse, .refuse))
        exchange.next()
        let early = (exchange.write(), exchange.finish(), exchange.begin(), exchange.begin())
        #expect(early == (.refuse, .refuse, true, false))
    }

    @Test func piecesAreTakenBetweenBeginAndEnd() {
        var exchange = started()
        #expect(exchange.takesPieces == false)
        _ = exchange.begin()
        #expect(exchange.takesPieces == true)
        _ = exchange.finish()
        #expect(exchange.takesPieces == false)
    }

    @Test func anAnswerOfTheGatewaysOwnIsASuccess() {
        var exchange = dispatch()
        exchange.answeredHere(now: start)
        #expect(exchange.end == .success(200) && exchange.attempts == 0)
    }
}

@Suite struct DispatchFailureTests {
    @Test func aFailureBeforeTheFirstPieceIsRetriedElsewhere() {
        var exchange = started()
        _ = exchange.begin()
        #expect(exchange.fail() == .retry)
        #expect(exchange.tried == ["one"])
        exchange.next()
        let steps = (exchange.begin(), exchange.write())
        #expect(exchange.attempts == 2 && steps == (true, .commit))
    }

    @Test func aHalfReceivedUnaryAnswerIsForgottenAndRetried() {
        var exchange = started(stream: false)
        _ = exchange.begin()
        _ = exchange.write(Dispatch.holdLimit)
        #expect(exchange.fail() == .retry)
        exchange.next()
        _ = exchange.begin()
        #expect(exchange.write(1000) == .hold)
    }

    @Test func aFailureIsToldWhenARetryMakesNoSense() {
        for (failure, hasAlternative) in [(rejected, true), (broken, false), (rejected, false)] {
            var exchange = started()
            let action = exchange.fail(failure, hasAlternative: hasAlternative)
            #expect(action == .tell(.answer(.failure(failure, backend: "one"))))
            #expect(exchange.end == .error(failure.clientStatus, "one: \(failure.message)"))
        }
    }

    @Test func attemptsAreBounded() {
        var exchange = started(attempts: 2)
        #expect(exchange.fail() == .retry)
        exchange.next()
        #expect(exchange.fail() == .tell(.answer(.failure(broken, backend: "two"))))
    }

    @Test func aCommittedStreamEndsWithOneErrorEvent() {
        var exchange = started()
        _ = exchange.begin()
        _ = exchange.write()
        let steps = (exchange.fail(), exchange.fail(), exchange.finish())
        #expect(steps == (.tell(.event(told)), .ignore, .refuse))
    }

    @Test func aCommittedUnaryAnswerIsCutVisibly() {
        var exchange = started(stream: false)
        _ = exchange.begin()
        _ = exchange.write(Dispatch.holdLimit + 1)
        #expect(exchange.fail() == .tell(.abort))
    }

    @Test func askingTheSameBackendInOtherWordsIsNoRetry() {
        var exchange = started(attempts: 1)
        #expect(exchange.fail(hasAlternative: false, canRephrase: true) == .rephrase)
        #expect(exchange.tried.isEmpty)
        exchange.next("one")
        #expect(exchange.fail() == .tell(.answer(told)))
    }

    @Test func itIsTooLateForThatOnceTheAnswerIsCommitted() {
        var exchange = started(attempts: 1)
        _ = exchange.begin()
        _ = exchange.write()
        #expect(exchange.fail(canRephrase: true) == .tell(.event(told)))
    }

    @Test func whenNobodyIsLeftTheLastFailureIsTold() {
        var exchange = started()
        _ = exchange.fail()
        #expect(exchange.giveUp(status: 503, message: "busy", now: start) == .answer(told))
        #expect(exchange.end == .error(502, "one: broken"))
    }

    @Test func whenNobodyCouldBeAskedTheGatewaysOwnWordsAreTold() {
        var exchange = dispatch()
        #expect(exchange.giveUp(status: 404, message: "unknown", now: start) == .answer(.own))
        #expect(exchange.end == .error(404, "unknown"))
    }

    @Test func theClientGoesOnlyOnce() {
        var exchange = started()
        let steps = (
            exchange.clientGone(now: start), exchange.clientGone(now: start), exchange.write(), exchange.fail()
        )
        #expect(steps == (true, false, .refuse, .ignore))
        #expect(exchange.end?.code == 499)
    }

    @Test func whatIsUnderWayWhenTheGatewayStopsIsToldSo() {
        var waiting = started()
        #expect(waiting.stopped(status: 503, message: "end", now: start) == .answer(.own))
        var streaming = started()
        _ = streaming.begin()
        _ = streaming.write()
        #expect(streaming.stopped(status: 503, message: "end", now: start) == .event(.own))
        #expect(streaming.stopped(status: 503, message: "end", now: start) == nil)
        var unary = started(stream: false)
        _ = unary.begin()
        _ = unary.write(Dispatch.holdLimit + 1)
        #expect(unary.stopped(status: 503, message: "end", now: start) == .abort)
    }

    /// Every order of up to six events: at most one event ends the exchange, it is recorded once, and nothing is sent after.
    @Test func everyOrderOfEventsEndsAtMostOnce() {
        enum Event: CaseIterable { case begin, write, finish, fail, gone, quiet }
        for code in 0..<46656 {
            for stream in [true, false] {
                var rest = code
                var exchange = started(stream: stream, attempts: 3)
                var endings = 0
                for _ in 0..<6 {
                    let event = Event.allCases[rest % 6]
                    rest /= 6
                    let wasOver = exchange.isOver
                    var sends = false
                    switch event {
                    case .begin: _ = exchange.begin()
                    case .write: sends = exchange.write(10) != .refuse
                    case .finish: if exchange.finish() != .refuse { (endings, sends) = (endings + 1, true) }
                    case .quiet: sends = exchange.quiet(betweenPieces: false) != .ignore
                    case .fail:
                        switch exchange.fail() {
                        case .retry, .rephrase: exchange.next("b\(exchange.attempts)")
                        case .ignore: break
                        case .tell: (endings, sends) = (endings + 1, true)
                        }
                    case .gone: if exchange.clientGone(now: start) { endings += 1 }
                    }
                    if wasOver && sends { Issue.record("\(event) sends after the end, code \(code)") }
                }
                let ends = exchange.timeline.entries.count { if case .ended = $0.event { true } else { false } }
                if endings != (exchange.isOver ? 1 : 0) || ends != endings {
                    Issue.record("\(endings) endings and \(ends) records, code \(code)")
                }
            }
        }
    }
}

@Suite struct DispatchKeepAliveTests {
    @Test func theFirstCommentSendsTheHeadAndTheNextDoNot() {
        var exchange = started()
        let steps = (exchange.quiet(betweenPieces: false), exchange.quiet(betweenPieces: false))
        #expect(steps == (.sendHead, .send))
        #expect(exchange.isHeadSent && !exchange.isCommitted)
    }

    @Test func whoDoesNotTakeCommentsGetsNone() {
        var exchange = started(stream: false)
        #expect(exchange.quiet(betweenPieces: true) == .ignore)
    }

    @Test func afterTheFirstPieceThereAreNoneUnlessThereIsRoomForThem() {
        var exchange = started()
        _ = exchange.begin()
        _ = exchange.write()
        let steps = (exchange.quiet(betweenPieces: false), exchange.quiet(betweenPieces: true))
        #expect(steps == (.ignore, .send))
    }

    @Test func anotherBackendMayStillBeTriedAfterAComment() {
        var exchange = started()
        _ = exchange.quiet(betweenPieces: false)
        #expect(exchange.fail() == .retry)
        exchange.next()
        #expect(exchange.quiet(betweenPieces: false) == .send)
    }

    @Test func aFailureAfterACommentIsToldInsideTheStream() {
        var exchange = started()
        _ = exchange.quiet(betweenPieces: false)
        #expect(exchange.fail(hasAlternative: false) == .tell(.event(told)))
        #expect(exchange.end?.code == 200, "the client has been told 200")
    }

    @Test func aStreamThatEndsWithNothingButCommentsIsEnded() {
        var exchange = started()
        _ = exchange.quiet(betweenPieces: false)
        _ = exchange.begin()
        #expect(exchange.finish() == .endStream)
    }
}

@Suite struct EligibilityTests {
    private let registry = Registry(failureThreshold: 1, recoveryThreshold: 1, broadcaster: Broadcaster()) { _ in }

    private func add(_ id: String, models: [String] = ["m"], healthy: Bool = true) {
        _ = registry.add(identity(id), driver: FailedBackend())
        registry.record(models.map { Model(id: $0) }, of: id)
        registry.record(HealthReport(outcome: healthy ? .healthy : .unhealthy, message: "down"), of: id, now: 1)
    }

    private func eligible(
        _ eligibility: Eligibility = dispatch().eligibility, able: (BackendSnapshot) -> Bool = { _ in true }
    ) -> String {
        let snapshot = registry.snapshot
        return switch eligibility.candidates(in: snapshot, able: able) {
        case .some(let indices): indices.map { snapshot.backends[$0].identity.id }.joined(separator: ",")
        case .unknownModel: "unknown"
        case .nobody: "nobody"
        case .nobodyReached: "not reached"
        }
    }

    private func add(
        _ id: String, _ capabilities: Capabilities, lacks: Capabilities = [], context: UInt64 = 0
    ) {
        add(id)
        registry.record(
            [Model(id: "m", contextLength: context, capabilities: capabilities, lacks: lacks)], of: id)
    }

    private func asked(_ eligibility: Eligibility) -> String {
        let snapshot = registry.snapshot
        guard case .some(let indices) = eligibility.candidates(in: snapshot, able: { _ in true }) else {
            return "nobody"
        }
        return indices.map { snapshot.backends[$0].identity.id }.joined(separator: ",")
    }

    private func asked(_ needs: Needs) -> String {
        var request = dispatch().request
        request.needs = needs
        return eligible(Dispatch(request, arrival: .uptimeNanoseconds(0)).eligibility)
    }

    @Test func whoTellsThatItCanDoWhatIsNeededIsAskedAndIfNobodyTellsAllAre() {
        add("blind", .tools)
        add("silent", [])
        #expect(asked(Needs(required: .vision)) == "blind,silent")
        add("seeing", [.vision, .tools])
        #expect(asked(Needs(required: .vision)) == "seeing")
        #expect(asked(Needs()) == "blind,silent,seeing")
    }

    @Test func whoFitsBestIsNotTheOnlyAlternative() {
        add("silent", .tools)
        add("seeing", .vision)
        let eligibility = Eligibility(model: "m", needs: Needs(required: .vision))
        #expect(eligibility.unfit(in: registry.snapshot).isEmpty, "where the first has no place the other may do")
        #expect(eligibility.candidates(behind: [1], in: registry.snapshot, able: { _ in true }) == [0])
        #expect(eligibility.hasAlternative(to: "seeing", in: registry.snapshot, able: { _ in true }))
    }

    @Test func whoCertainlyCannotIsNeverAsked() {
        add("blind", .tools, lacks: .vision)
        add("seeing", .vision)
        var eligibility = Eligibility(model: "m", needs: Needs(required: .vision))
        #expect(asked(eligibility) == "seeing")
        #expect(Array(eligibility.unfit(in: registry.snapshot).keys) == ["blind"])
        #expect(eligibility.candidates(behind: [1], in: registry.snapshot, able: { _ in true }) == [])
        #expect(!eligibility.hasAlternative(to: "seeing", in: registry.snapshot, able: { _ in true }))
        eligibility.tried = ["seeing"]
        #expect(asked(eligibility) == "nobody")
        #expect(asked(Eligibility(model: "m")) == "blind,seeing")
    }

    @Test func theOnlyOneIsNotAskedForWhatItCertainlyLacks() {
        add("blind", .tools, lacks: .vision)
        #expect(asked(Needs(required: [.vision, .tools])) == "nobody")
        #expect(asked(Needs(required: .tools)) == "blind")
        add("vectors", models: ["v"])
        registry.record([Model(id: "v", capabilities: .embedding, lacks: .completion)], of: "vectors")
        #expect(asked(Eligibility(model: "v", needs: Needs(kind: .completion))) == "nobody")
        #expect(asked(Eligibility(model: "v", needs: Needs(kind: .embedding))) == "vectors")
    }

    @Test func whatARequestCanDoWithoutOnlyComesFirst() {
        add("plain", [], lacks: .thinking)
        #expect(asked(Needs(wished: .thinking)) == "plain")
        add("silent", [])
        #expect(asked(Needs(wished: .thinking)) == "silent")
        add("thinking", .thinking)
        #expect(asked(Needs(wished: .thinking)) == "thinking")
        #expect(asked(Needs()) == "plain,silent,thinking")
    }

    @Test func theAnswerNeedsRoomAsWell() {
        add("small", [], context: 8192)
        add("silent", [])
        add("large", [], context: 131_072)
        #expect(asked(Needs(tokens: 4096, answer: 4096)) == "small,silent,large")
        #expect(asked(Needs(tokens: 4096, answer: 8192)) == "large", "whether it fits elsewhere is not known")
        #expect(asked(Eligibility(model: "m", tried: ["large"], needs: Needs(tokens: 9000))) == "silent")
        #expect(asked(Eligibility(model: "m", tried: ["large", "silent"], needs: Needs(tokens: 9000))) == "small")
    }

    @Test func anEstimateRefusesOnlyWhereAnotherModelMayBeTried() {
        add("small", [], context: 8192)
        func eligibility(_ tokens: UInt64, hasOthers: Bool) -> Eligibility {
            Eligibility(model: "m", needs: Needs(tokens: tokens), hasOthers: hasOthers)
        }
        #expect(asked(eligibility(60_000, hasOthers: false)) == "small")
        #expect(asked(eligibility(60_000, hasOthers: true)) == "nobody")
        #expect(asked(eligibility(16_000, hasOthers: true)) == "small", "it may be off by so much")
    }

    @Test func thePromptIsJudgedByWhatServersHaveCounted() {
        add("small", [], context: 8192)
        add("large", [], context: 131_072)
        #expect(asked(Needs(tokens: 5000)) == "small,large")
        var entry = HistoryEntry(
            timestamp: 1, model: "m", backendID: "small", durationMilliseconds: 1, status: .success)
        (entry.knownModel, entry.promptEstimate, entry.promptTokens) = ("m", 1000, 2000)
        registry.estimates.take([entry])
        #expect(asked(Needs(tokens: 5000)) == "large")
    }

    @Test func everyoneWhoIsLeftOutHasAReason() throws {
        add("blind", [], lacks: .vision)
        add("small", .vision, context: 8192)
        add("down", .vision)
        add("full", .vision)
        add("silent", [])
        add("other", models: ["x"])
        _ = registry.add(
            BackendIdentity(
                id: "busy", name: "busy", url: "http://busy", backendType: "t", priority: 1, maxConcurrent: 1),
            driver: FailedBackend())
        registry.record([Model(id: "m", capabilities: .vision)], of: "busy")
        registry.record(HealthReport(outcome: .healthy), of: "busy", now: 1)
        add("best", .vision, context: 131_072)
        let busy = try #require(registry.snapshot.backends.first { $0.identity.id == "busy" })
        let lease = busy.counters.begin(limit: 1)
        registry.record(HealthReport(outcome: .unhealthy, message: "gone"), of: "down", now: 1)
        let needs = Needs(required: .vision, tokens: 10_000)

        let snapshot = registry.snapshot
        let found = Eligibility(model: "m", tried: ["full"], needs: needs).exclusions(in: snapshot, now: 0) { _ in
            true
        }

        let reasons = found.map { "\(snapshot.backends[$0.index].identity.id) \($0.why.words(kind: "chat"))" }
        #expect(
            reasons == [
                "blind does not support images", "small has a context of 8192 tokens, and some 10000 are needed",
                "down is unhealthy: gone", "full was asked, and failed",
                "silent tells less of what it can do than others", "busy runs 1 requests, as many as it may",
            ])
        let pinned = Eligibility(model: "m", backend: "other", needs: needs).exclusions(in: snapshot, now: 0) { _ in
            true
        }
        let isHeld = lease != nil
        #expect(isHeld)
        #expect(pinned.last?.why == .withoutModel && pinned.first?.why == .pinned(to: "other"))
    }

    @Test func aLongPromptGoesWhereItFitsOrElseToTheLargestContext() {
        add("small", [], context: 8192)
        add("large", [], context: 131_072)
        #expect(asked(Needs(tokens: 8192)) == "small,large")
        #expect(asked(Needs(tokens: 60_000)) == "large")
        #expect(asked(Needs(tokens: 1_000_000)) == "large")
    }

    @Test func onlyBackendsWithTheModelAreAsked() {
        add("a", models: ["x"])
        add("b")
        #expect(eligible() == "b")
    }

    @Test func anUnhealthyHolderIsToldApartFromAnUnknownModel() {
        add("a", models: ["x"])
        #expect(eligible() == "unknown")
        add("b", healthy: false)
        #expect(eligible() == "nobody")
    }

    @Test func whileNobodyHasBeenReachedNoModelIsUnknown() {
        #expect(eligible() == "unknown", "there is nobody to have it")
        _ = registry.add(identity("a"), driver: FailedBackend())
        #expect(eligible() == "not reached")
    }

    @Test func aTriedBackendIsNotTriedAgain() {
        add("one")
        add("two")
        var exchange = started()
        #expect(exchange.eligibility.hasAlternative(to: exchange.backend?.id, in: registry.snapshot) { _ in true })
        _ = exchange.fail()
        #expect(eligible(exchange.eligibility) == "two")
        exchange.next()
        #expect(!exchange.eligibility.hasAlternative(to: exchange.backend?.id, in: registry.snapshot) { _ in true })
    }

    @Test func aBackendThatCannotServeTheKindIsNotAsked() {
        add("a")
        add("b")
        #expect(eligible { $0.identity.id != "a" } == "b")
        #expect(eligible { _ in false } == "nobody")
    }
}

@Suite struct TimelineTests {
    @Test func everyStepIsNotedWithItsTime() {
        var exchange = dispatch()
        exchange.attemptStarted(at: identity("one"), reason: .only, now: at(1))
        _ = exchange.failed(broken, hasAlternative: true, now: at(5))
        exchange.attemptStarted(at: identity("two"), reason: .onlyAgain, now: at(6))
        _ = exchange.begin()
        _ = exchange.wrote(10, now: at(20))
        _ = exchange.finished(ExchangeOutcome(promptTokens: 3), now: at(50))

        #expect(
            exchange.timeline.entries.map(\.event) == [
                .arrived, .attemptStarted(backend: "one", reason: .only),
                .attemptFailed(AttemptFailure(backend: "one", kind: .upstream, message: "broken")),
                .attemptStarted(backend: "two", reason: .onlyAgain), .firstByte, .committed, .lastByte,
                .ended(.success(200, ExchangeOutcome(promptTokens: 3))),
            ])
        #expect(
            exchange.timeline.entries.map { ($0.time - start).nanoseconds / 1_000_000 } == [0, 1, 5, 6, 20, 20, 50, 50])
    }

    @Test func aRecordIsAFoldOverThem() {
        var exchange = dispatch()
        exchange.attemptStarted(at: identity("one"), reason: .only, now: at(1))
        _ = exchange.begin()
        exchange.dataCame(now: at(3))
        _ = exchange.failed(broken, hasAlternative: true, now: at(5))
        exchange.attemptStarted(at: identity("two"), reason: .onlyAgain, now: at(6))
        _ = exchange.begin()
        _ = exchange.wrote(10, now: at(20))
        _ = exchange.finished(ExchangeOutcome(completionTokens: 4), now: at(50))
        let request = ExchangeRecord.Request(id: "r", model: "asked", knownModel: "m", stream: true, endpoint: "/x")

        let entry = HistoryEntry(ExchangeRecord(request: request, timeline: exchange.timeline, endedAt: 7))

        #expect(entry.backendID == "two" && entry.attempts == 2 && entry.durationMilliseconds == 50)
        #expect(entry.timeToFirstByteMilliseconds == 20, "of the attempt that answered")
        #expect(entry.tokensPerSecond == 100 && entry.completionTokens == 4)
        #expect(entry.status == .success && entry.statusCode == 200 && entry.errorMessage == nil)
        #expect(entry.timestamp == 7 && entry.requestID == "r" && entry.endpoint == "/x" && entry.stream)
        #expect(entry.model == "asked" && entry.knownModel == "m")
    }

    @Test func anExchangeWithoutABackendSaysSo() {
        var exchange = dispatch()
        _ = exchange.giveUp(status: 404, message: "unknown", now: at(2))
        let request = ExchangeRecord.Request(id: "r", model: "m", endpoint: "/x")

        let entry = HistoryEntry(ExchangeRecord(request: request, timeline: exchange.timeline, endedAt: 7))

        #expect(entry.backendID == HistoryEntry.noBackend && entry.attempts == 0 && entry.knownModel == nil)
        #expect(entry.status == .error && entry.statusCode == 404 && entry.errorMessage == "unknown")
    }
}

/// How far an exchange is, for who looks on.
@Suite struct DispatchProgressTests {
    private func progress(stream: Bool = true, _ steps: [(inout Dispatch) -> Void]) -> [ExchangePhase?] {
        var exchange = dispatch(stream: stream)
        return [exchange.progress]
            + steps.map { step in
                step(&exchange)
                return exchange.progress
            }
    }

    @Test func aStreamWaitsConnectsIsReadAndStreams() {
        let phases = progress([
            { $0.queued(limit: .seconds(1), now: start) },
            { $0.attemptStarted(at: identity(), reason: .only, now: start) },
            { $0.saw(.connecting, now: start) }, { $0.saw(.handshaking, now: start) },
            { $0.saw(.connected, now: start) }, { $0.saw(.requestWritten, now: start) },
            { $0.saw(.head(status: 200), now: start) }, { _ = $0.begin() }, { _ = $0.write() }, { _ = $0.write() },
            { _ = $0.finish() },
        ])
        #expect(
            phases == [
                .routing, .queued, .prefill, .connecting, .connecting, .prefill, .prefill, .prefill, .prefill,
                .streaming, .streaming, nil,
            ])
    }

    @Test func aWholeAnswerIsKeptAndAFailureLeadsToTheNextChoice() {
        let phases = progress(
            stream: false,
            [
                { $0.attemptStarted(at: identity(), reason: .only, now: start) }, { _ = $0.begin() },
                { _ = $0.write() },
                { _ = $0.fail() }, { $0.next() },
            ])
        #expect(phases == [.routing, .prefill, .prefill, .answering, .routing, .prefill])
    }

    /// An adapter may keep a whole answer until it has seen its end.
    @Test(arguments: [true, false])
    func bytesOfTheServerAreAWholeAnswersBeginningAndMayBeCommentsOfAStream(stream: Bool) {
        let phases = progress(
            stream: stream,
            [
                { $0.attemptStarted(at: identity(), reason: .only, now: start) }, { $0.saw(.connected, now: start) },
                { $0.saw(.head(status: 200), now: start) }, { $0.saw(.piece, now: start) },
            ])
        #expect(phases.last == (stream ? .prefill : .answering))
    }

    @Test func theFirstDataIsThatOfTheAttemptUnderWay() {
        var exchange = dispatch(stream: false)
        exchange.attemptStarted(at: identity(), reason: .only, now: at(1))
        _ = exchange.begin()
        _ = exchange.wrote(1, now: at(2))
        #expect(exchange.timeline.firstByte == at(2))
        _ = exchange.fail()
        exchange.next()
        #expect(exchange.timeline.firstByte == nil)
    }
}
