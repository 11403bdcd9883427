import NIOCore
import Testing

@testable import Core

/// A second attempt beside one whose answer is late.
@Suite struct DispatchHedgingTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let broken = ExchangeFailure(kind: .upstream, status: 500, message: "broken")

    private func at(_ milliseconds: Int64) -> NIODeadline { start + .milliseconds(milliseconds) }

    private func identity(_ id: String) -> BackendIdentity {
        BackendIdentity(id: id, name: id, url: "", backendType: "t", priority: 1)
    }

    private func waiting(attempts: Int = 3) -> Dispatch {
        var exchange = Dispatch(
            Dispatch.Request(model: "m", stream: true, takesComments: true, maximumAttempts: attempts), arrival: start)
        exchange.attemptStarted(at: identity("one"), reason: .only, now: start)
        return exchange
    }

    private func hedged() -> Dispatch {
        var exchange = waiting()
        exchange.hedgeStarted(at: identity("two"), reason: RouteReason.only.hedged, now: at(100))
        return exchange
    }

    private func entry(_ timeline: Timeline) -> HistoryEntry {
        let request = ExchangeRecord.Request(id: "r", knownModel: "m", stream: true, endpoint: "/x")
        return HistoryEntry(ExchangeRecord(request: request, timeline: timeline, endedAt: 7))
    }

    private func answer(_ exchange: inout Dispatch) -> Dispatch.Write {
        _ = exchange.answerBegan(status: 200, hasEvents: true)
        let write = exchange.wrote(1, now: at(300))
        _ = exchange.finished(ExchangeOutcome(), now: at(400))
        return write
    }

    @Test func itMayBeginOnlyBeforeTheAnswerAndOnce() {
        var exchange = waiting()
        #expect(exchange.mayHedge == true)
        _ = exchange.answerBegan(status: 200)
        #expect(exchange.mayHedge == true, "the head of an answer is none of it")
        _ = exchange.wrote(1, now: at(1))
        #expect(exchange.mayHedge == false)
        #expect(hedged().mayHedge == false)
        var alone = waiting(attempts: 1)
        #expect(alone.mayHedge == false, "it is one of the attempts that there may be")
        _ = alone.failed(broken, hasAlternative: false, now: at(1))
        #expect(alone.mayHedge == false)
    }

    @Test func theFirstThatBeginsLeavesTheSecond() {
        var exchange = hedged()
        exchange.hedgeLost(now: at(200))
        let write = answer(&exchange)

        #expect(write == .commit && !exchange.isHedged && exchange.attempts == 2 && exchange.backend?.id == "one")
        let entry = entry(exchange.timeline)
        #expect(entry.backendID == "one" && entry.attempts == 2 && entry.route.map(\.end) == [.answered, .hedgedAway])
        #expect(entry.route.map(\.waitedMilliseconds) == [nil, 100] && entry.timeToFirstByteMilliseconds == 300)
    }

    @Test func theSecondThatBeginsLeadsFromThereOn() {
        var exchange = hedged()
        _ = exchange.answerBegan(status: 200, hasEvents: true)
        exchange.hedgeLeads(after: nil, now: at(250))
        let write = answer(&exchange)

        #expect(write == .commit && exchange.backend?.id == "two" && exchange.tried.isEmpty)
        let entry = entry(exchange.timeline)
        #expect(entry.backendID == "two" && entry.attempts == 2 && entry.route.map(\.end) == [.hedgedAway, .answered])
        #expect(entry.route.map(\.waitedMilliseconds) == [250, nil])
        #expect(entry.route.map(\.firstByteMilliseconds) == [nil, 200])
    }

    @Test func theSecondGoesOnWhereTheFirstHasFailed() {
        var exchange = hedged()
        exchange.hedgeLeads(after: broken, now: at(150))
        #expect(exchange.tried == ["one"] && exchange.isTrying)
        let action = exchange.failed(broken, hasAlternative: true, now: at(160))
        #expect(action == .retry && exchange.tried == ["one", "two"])
        exchange.attemptStarted(at: identity("three"), reason: .onlyAgain, now: at(170))
        #expect(exchange.mayHedge == false)
        _ = answer(&exchange)
        #expect(entry(exchange.timeline).route.map(\.end) == [.failed, .failed, .answered])
        #expect(entry(exchange.timeline).backendID == "three")
    }

    @Test func aSecondThatFailsIsNotAskedAgain() {
        var exchange = hedged()
        exchange.hedgeFailed(broken, now: at(150))
        #expect(exchange.isTrying && exchange.backend?.id == "one" && exchange.tried == ["two"])
        let action = exchange.failed(broken, hasAlternative: true, now: at(160))
        #expect(action == .retry && exchange.tried == ["two", "one"])
        _ = exchange.giveUp(status: 503, message: "nobody", now: at(170))
        #expect(
            entry(exchange.timeline).route.map(\.end) == [.failed, .failed]
                && entry(exchange.timeline).backendID == "one")
    }

    @Test func theEndOfTheExchangeEndsBoth() {
        var exchange = hedged()
        let isEnd = exchange.clientGone(now: at(150))
        exchange.hedgeLost(now: at(150))
        #expect(isEnd && !exchange.isHedged && entry(exchange.timeline).route.map(\.end) == [.open, .open])
        #expect(entry(exchange.timeline).statusCode == 499)
    }

    @Test func eachHasItsOwnLimitsOfTime() {
        var limits = Configuration.Timeouts()
        limits.firstByte = .seconds(1)
        let timeouts = limits
        func identity(_ id: String) -> BackendIdentity {
            BackendIdentity(id: id, name: id, url: "", backendType: "t", priority: 1, timeouts: timeouts)
        }
        var exchange = Dispatch(
            Dispatch.Request(model: "m", stream: true, takesComments: true, maximumAttempts: 3), arrival: start)
        exchange.attemptStarted(at: identity("one"), reason: .only, now: start)
        exchange.hedgeStarted(at: identity("two"), reason: RouteReason.only.hedged, now: at(400))
        exchange.hedgeSaw(.connected, now: at(500))
        let (early, due) = (
            exchange.passed(now: at(999), hasAlternative: false), exchange.passed(now: at(1000), hasAlternative: false)
        )
        #expect(early == nil && due?.deadline == .firstByte)
        #expect(exchange.hedgePassed(now: at(1499)) == nil)
        #expect(exchange.hedgePassed(now: at(1600))?.deadline == .firstByte)
        exchange.hedgeLeads(after: nil, now: at(1200))
        #expect(!exchange.isDue(now: at(1300)) && exchange.isDue(now: at(1600)))
    }

    @Test func whatMustNotRunTwiceIsNeverHedged() {
        for kind in [RequestKind.responses, .images, .audio, .countTokens] {
            #expect(!kind.mayBeHedged(stream: true) && !kind.mayBeHedged(stream: false))
        }
        for kind in [RequestKind.chat, .completions, .messages, .ollama] {
            #expect(kind.mayBeHedged(stream: true) && !kind.mayBeHedged(stream: false))
        }
        #expect(RequestKind.embeddings.mayBeHedged(stream: false) && RequestKind.rerank.mayBeHedged(stream: false))
    }
}
