import NIOCore
import Testing

@testable import Core

@Suite struct QualityTests {
    private let start: Int64 = 1_800_000_000

    private func entry(
        at second: Int64, steps: [RouteStep], status: HistoryEntry.Status = .success, stream: Bool = true,
        tokens: UInt64? = nil, speed: Double? = nil
    ) -> HistoryEntry {
        var entry = HistoryEntry(
            timestamp: second, model: "asked", backendID: steps.last?.backend ?? HistoryEntry.noBackend,
            durationMilliseconds: 100, status: status)
        entry.attempts = steps.count
        (entry.route, entry.stream, entry.completionTokens, entry.tokensPerSecond) = (steps, stream, tokens, speed)
        return entry
    }

    private func step(
        _ backend: String, _ failure: String? = nil, blamed: Bool = true, model: String? = "m", first: UInt64? = nil
    ) -> RouteStep {
        var step = RouteStep(
            backend: backend, reason: .only, end: failure == nil ? .answered : .failed, failure: failure)
        (step.isBlamed, step.model, step.firstByteMilliseconds) = (failure != nil && blamed, model, first)
        return step
    }

    @Test func eachAttemptCountsAtItsBackendAlsoWhereAnotherMendedIt() throws {
        let figures = QualityFigures()
        figures.take([entry(at: start, steps: [step("a", "broken"), step("b", first: 40)], tokens: 30, speed: 15)])

        let pairs = figures.pairs(now: start)
        #expect(pairs.map(\.backend) == ["a", "b"] && pairs.allSatisfy { $0.model == "m" && $0.sums.count == 3 })
        let (a, b) = (try #require(pairs.first?.sums[0]), try #require(pairs.last?.sums[0]))
        #expect(a.attempts == 1 && a.errorRate == 1 && a.timeToFirstTokenMilliseconds == nil)
        #expect(b.errorRate == 0 && b.timeToFirstTokenMilliseconds == 40 && b.tokensPerSecond == 15)
    }

    @Test func whatIsNobodysFaultDoesNotCount() {
        let figures = QualityFigures()
        figures.take([
            entry(at: start, steps: [step("a", "too long", blamed: false)], status: .error),
            // The client went away.
            entry(at: start, steps: [RouteStep(backend: "a", reason: .only)], status: .error),
            // A name that a client made up.
            entry(at: start, steps: [step("a", model: nil)]),
        ])
        #expect(figures.pairs(now: start).isEmpty)
    }

    @Test func aPlainSuccessCountsWithoutARoute() throws {
        var plain = entry(at: start, steps: [], tokens: 20, speed: 10)
        (plain.backendID, plain.attempts, plain.knownModel, plain.timeToFirstByteMilliseconds) = ("a", 1, "m", 30)
        let figures = QualityFigures()
        figures.take([plain])
        let sums = try #require(figures.pairs(now: start).first?.sums[0])
        #expect(sums.attempts == 1 && sums.timeToFirstTokenMilliseconds == 30 && sums.tokensPerSecond == 10)
    }

    @Test func eachWindowForgetsInItsTime() {
        let figures = QualityFigures()
        figures.take([entry(at: start, steps: [step("a")])])
        func attempts(after seconds: Int64) -> [UInt64] {
            figures.pairs(now: start + seconds).first?.sums.map(\.attempts) ?? []
        }
        #expect(attempts(after: 240) == [1, 1, 1])
        #expect(attempts(after: 310) == [0, 1, 1])
        #expect(attempts(after: 3700) == [0, 0, 1])
        #expect(attempts(after: 25 * 3600) == [], "it is not told any more")
    }

    @Test func aClockThatGoesBackOrFarAheadDoesNoHarm() {
        let figures = QualityFigures()
        figures.take([
            entry(at: start, steps: [step("a")]), entry(at: start - 4000, steps: [step("a")]),
            entry(at: -5, steps: [step("a")]),
        ])
        #expect(figures.pairs(now: start).first?.sums.map(\.attempts) == [3, 3, 3])
        figures.take([entry(at: .max, steps: [step("a")])])
        #expect(figures.pairs(now: .max).first?.sums.map(\.attempts) == [1, 1, 1])
    }

    @Test func aShareFollowsOnlyFromEnoughAttempts() {
        let figures = QualityFigures()
        for index in 0..<9 { figures.take([entry(at: start, steps: [step("a", index % 3 == 0 ? "x" : nil)])]) }
        #expect(figures.errorRates(now: start).isEmpty)
        figures.take([entry(at: start, steps: [step("a", "x")], status: .error)])
        #expect(figures.errorRates(now: start) == ["a": ["m": 0.4]])
        #expect(figures.errorRates(now: start + 400).isEmpty)
    }

    @Test func theirNumberIsBoundedAndOldOnesMakeRoom() {
        let figures = QualityFigures()
        for index in 0..<(QualityFigures.limit + 5) {
            figures.take([entry(at: start, steps: [step("a", model: "m\(index)")])])
        }
        #expect(figures.pairs(now: start).count == QualityFigures.limit)
        figures.take([entry(at: start + 90_000, steps: [step("a", model: "new")])])
        #expect(figures.pairs(now: start + 90_000).map(\.model) == ["new"])
    }

    @Test func aFullTableTakesNewOnesAsSoonAsOneIsOld() {
        let figures = QualityFigures()
        for index in 0..<QualityFigures.limit {
            figures.take([entry(at: start + Int64(index % 2) * 100, steps: [step("a", model: "m\(index)")])])
        }
        let day: Int64 = 24 * 3600
        // Many that find no room, each of which is no look at all of them.
        for index in 0..<20_000 { figures.take([entry(at: start + day, steps: [step("b", model: "x\(index)")])]) }
        #expect(figures.pairs(now: start + 1000).allSatisfy { $0.backend == "a" })

        figures.take([entry(at: start + day + 1, steps: [step("b", model: "late")])])

        #expect(figures.pairs(now: start + day + 1).contains { $0.model == "late" })
    }
}

@Suite struct RouteStepTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func at(_ milliseconds: Int64) -> NIODeadline { start + .milliseconds(milliseconds) }

    private func identity(_ id: String) -> BackendIdentity {
        BackendIdentity(id: id, name: id, url: "", backendType: "t", priority: 1)
    }

    @Test func aRecordKeepsEachAttemptWithItsModelItsReasonAndItsFailure() {
        let targets = [ModelTarget("first"), ModelTarget("second")]
        var exchange = Dispatch(
            Dispatch.Request(
                model: "first", stream: true, takesComments: true, maximumAttempts: 2, targets: targets),
            arrival: start)
        var score = RouteScore()
        score[.work] = -7.5
        let chosen = RouteReason(.smart, candidates: 2, isRetry: false, score: score)
        exchange.attemptStarted(at: identity("one"), reason: chosen, now: at(1))
        _ = exchange.failed(
            ExchangeFailure(kind: .upstream, message: "broken"), hasAlternative: false, now: at(5))
        exchange.attemptStarted(at: identity("two"), reason: .only, now: at(6))
        _ = exchange.answerBegan(status: 200)
        _ = exchange.wrote(10, now: at(20))
        _ = exchange.finished(ExchangeOutcome(), now: at(50))

        let request = ExchangeRecord.Request(
            id: "r", model: "asked", knownModel: exchange.request.model, stream: true, endpoint: "/x")
        let route = HistoryEntry(ExchangeRecord(request: request, timeline: exchange.timeline, endedAt: 7)).route

        #expect(route.map(\.backend) == ["one", "two"] && route.map(\.model) == ["first", "second"])
        #expect(route.map(\.failure) == ["broken", nil] && route.map(\.isBlamed) == [true, false])
        #expect(route.map(\.firstByteMilliseconds) == [nil, 14] && route[0].reason.score == score)
        #expect(route.map(\.end) == [.failed, .answered])
    }

    @Test func anAttemptOfWhichNothingBecameHasNotAnswered() {
        var exchange = Dispatch(
            Dispatch.Request(model: "m", stream: true, takesComments: true, maximumAttempts: 2), arrival: start)
        exchange.attemptStarted(at: identity("one"), reason: .onlyAgain, now: at(1))
        _ = exchange.answerBegan(status: 200)
        _ = exchange.wrote(10, now: at(20))
        _ = exchange.failed(ExchangeFailure(kind: .upstream, message: "broken"), hasAlternative: true, now: at(21))
        let request = ExchangeRecord.Request(id: "r", knownModel: "m", stream: true, endpoint: "/x")
        func route(_ timeline: Timeline) -> [RouteStep] {
            HistoryEntry(ExchangeRecord(request: request, timeline: timeline, endedAt: 7)).route
        }
        #expect(route(exchange.timeline).map(\.end) == [.failed])

        var left = Dispatch(
            Dispatch.Request(model: "m", stream: true, takesComments: true, maximumAttempts: 2), arrival: start)
        left.queued(limit: .seconds(1), now: at(0))
        left.attemptStarted(at: identity("one"), reason: .only, now: at(1))
        _ = left.clientGone(now: at(5))
        #expect(route(left.timeline).map(\.end) == [.open])
    }

    @Test func aSlowAttemptThatWasGivenUpTellsHowLongItTookAtLeast() throws {
        var (late, fast) = (
            RouteStep(backend: "late", reason: .only, end: .hedgedAway),
            RouteStep(backend: "fast", reason: RouteReason.only.hedged, end: .answered)
        )
        (late.model, fast.model, late.waitedMilliseconds, fast.firstByteMilliseconds) = ("m", "m", 900, 20)
        func entry(_ steps: [RouteStep]) -> HistoryEntry {
            var entry = HistoryEntry(
                timestamp: 1_800_000_000, model: "m", backendID: "b", durationMilliseconds: 1000, status: .success)
            (entry.attempts, entry.route, entry.stream) = (steps.count, steps, true)
            return entry
        }
        let figures = QualityFigures()
        var well = RouteStep(backend: "late", reason: .only, end: .answered)
        (well.model, well.firstByteMilliseconds) = ("m", 100)
        figures.take([entry([late, fast]), entry([well])])

        let pairs = figures.pairs(now: 1_800_000_000)
        let sums = try #require(pairs.first { $0.backend == "late" }?.sums[0])
        #expect(sums.attempts == 1 && sums.failures == 0 && sums.timeToFirstTokenMilliseconds == 500)
        #expect(pairs.first { $0.backend == "fast" }?.sums[0].timeToFirstTokenMilliseconds == 20)
        #expect(RouteReason.only.hedged.text == "only-candidate;hedge")
    }

    @Test func theHistoryTellsThePartsOfEachChoice() {
        var entry = HistoryEntry(
            timestamp: 1, model: "m", backendID: "b", durationMilliseconds: 1, status: .success)
        func text() -> String { String(decoding: ContractEncoder.history([entry]), as: UTF8.self) }
        entry.route = [RouteStep(backend: "b", reason: .only)]
        #expect(!text().contains("route"), "there was nothing to choose")

        var score = RouteScore()
        score[.work] = -7.5
        entry.route = [
            RouteStep(
                backend: "a", reason: RouteReason(.smart, candidates: 2, isRetry: false, score: score),
                failure: "broken"),
            RouteStep(backend: "b", reason: .onlyAgain, end: .answered),
        ]
        #expect(
            text().contains(
                #""route":[{"backend_id":"a","reason":"smart;candidates=2;score=-7.5;work=-7.5","score":-7.5,"parts":"#
                    + #"{"loaded":0,"work":-7.5,"first_token":0,"priority":0,"failures":0,"errors":0},"#
                    + #""error_message":"broken","outcome":"failed"},"#
                    + #"{"backend_id":"b","reason":"only-candidate;retry","outcome":"answered"}]"#))
    }
}
