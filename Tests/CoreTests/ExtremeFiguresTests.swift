import JSON
import Synchronization
import Testing

@testable import Core

@Suite struct TallyTests {
    @Test func itStaysAtItsLimit() {
        var tally = Tally()
        for amount in [5, UInt64.max, .max, 1, Tally.limit] { tally += amount }

        #expect(tally.value == Tally.limit && Tally(.max).value == Tally.limit && tally + tally == tally)
    }

    @Test func belowItIsASum() {
        var tally = Tally(Tally.limit - 5)
        tally += 3
        #expect(tally.value == Tally.limit - 2)
        tally += 2
        #expect(tally.value == Tally.limit)
    }

    @Test func whatIsNoDurationIsLeftOut() {
        var time = TimeTally()
        for seconds in [1.5, .nan, -1, .infinity, 2] { time.add(seconds: seconds) }
        #expect(time.seconds == 3.5)
        for _ in 0..<3 { time.add(seconds: 1e308) }
        #expect(time.seconds.isFinite)
    }

    @Test(
        arguments: [
            (0.4, 0), (0.5, 1), (99.6, 100), (1e300, 100), (-3, 0), (.infinity, 100), (-.infinity, 0), (.nan, 0),
        ] as [(Double, Int)])
    func aNumberHasANearestWholeOneInARange(_ number: Double, _ whole: Int) {
        #expect(number.whole(in: 0...100) == whole)
        #expect((0...Int.max).contains(number.whole(in: 0...Int.max)))
    }

    @Test func aSharedCounterStaysAtTheLargestNumber() {
        let count = Atomic<UInt64>(.max - 1)
        count.grow(by: 1)
        count.grow(by: 7)
        #expect(count.load(ordering: .relaxed) == .max)
    }
}

/// Whatever figures come from servers, adapters and clients: nothing traps, and what is told of them is valid JSON.
@Suite struct ExtremeFiguresTests {
    private static let counts: [UInt64?] = [
        nil, 0, 1, 2, 1000, (1 << 53) - 1, 1 << 53, UInt64(Int64.max), UInt64(Int64.max) + 1, .max - 1, .max,
    ]
    private static let numbers: [Double] = [
        0, -0.0, 1, 0.5, 1e-300, .leastNonzeroMagnitude, 1e15, 1e300, .greatestFiniteMagnitude, -1, -1e300, .infinity,
        -.infinity, .nan,
    ]
    private static let times: [Int64] = [.min, -1, 0, 1, 1_767_323_045, 253_402_300_800, .max - 60, .max]

    private var random = SystemRandomNumberGenerator()

    private mutating func count() -> UInt64? { Self.counts.randomElement(using: &random) ?? nil }
    private mutating func number() -> Double { Self.numbers.randomElement(using: &random) ?? 0 }
    private mutating func time() -> Int64 { Self.times.randomElement(using: &random) ?? 0 }

    private mutating func entry() -> HistoryEntry {
        let outcome = ExchangeOutcome(
            promptTokens: count(), completionTokens: count(), cachedTokens: count(), promptMicroseconds: count(),
            completionMicroseconds: count())
        let speed = GenerationSpeed(outcome, microseconds: count() ?? 7, firstPiece: count())
        var entry = HistoryEntry(
            timestamp: time(), model: "m", backendID: "b", durationMilliseconds: count() ?? 3,
            status: Bool.random(using: &random) ? .success : .error)
        entry.knownModel = Bool.random(using: &random) ? "m" : nil
        entry.timeToFirstByteMilliseconds =
            Bool.random(using: &random) ? speed.timeToFirstTokenMilliseconds : count()
        entry.tokensPerSecond = Bool.random(using: &random) ? speed.tokensPerSecond : number()
        entry.promptTokens = outcome.promptTokens
        entry.completionTokens = outcome.completionTokens
        entry.cachedTokens = outcome.cachedTokens
        return entry
    }

    private mutating func view() -> BackendView {
        var model = Model(id: "m", contextLength: count() ?? 0, maxOutputTokens: count(), created: time())
        model.loadedUntil = .time(time())
        return BackendView(
            id: "b", name: "b", url: "u", backendType: "t", status: .healthy, lastHealthCheck: number(),
            addedAt: number(), models: [model], priority: .max, pendingRequests: .min, totalRequests: .max,
            averageLatencyMilliseconds: number())
    }

    @Test mutating func historyAndSumsTakeEveryFigure() throws {
        let (history, figures) = (History(capacity: 50), ExchangeFigures())
        for _ in 0..<20_000 {
            let entry = entry()
            history.take([entry])
            figures.take([entry])
        }

        let statistics = Statistics(uptimeSeconds: .max, figures: figures, views: [view()])
        let json = try JSONValue.parse(ContractEncoder.statistics(statistics))
        #expect(json["requests"]?["total"]?.int == 20_000)
        #expect(json["models"]?[0]?["prompt_tokens"]?.int == Int64(Tally.limit))
        _ = try JSONValue.parse(ContractEncoder.history(history.entries))
    }

    @Test mutating func everyMessageIsValidAndWithinItsLimit() throws {
        for _ in 0..<500 {
            var progress = ActionProgress(id: "1", backendID: "b", action: "pull")
            progress.done = count()
            progress.total = count()
            let messages =
                [UpdateEncoder.requestCompleteMessage(entry()), UpdateEncoder.actionProgressMessage(progress)]
                + UpdateEncoder.fleetMessages([view(), view()]) + UpdateEncoder.backendStatusMessages([view()])
            for message in messages {
                #expect(message.count <= UpdateEncoder.messageLimit)
                _ = try JSONValue.parse(message)
            }
        }
    }

    @Test mutating func theCountersOfABackendTakeEveryTimeAndLoad() {
        let counters = BackendCounters()
        let loads: [Int?] = [nil, .min, -1, 0, 1, Int(UInt32.max), .max]
        for _ in 0..<2000 {
            _ = counters.begin(limit: nil)
            counters.ended(.success(microseconds: count() ?? 1))
            let load = ServerLoad(
                slots: loads.randomElement() ?? nil, running: loads.randomElement() ?? nil,
                waiting: loads.randomElement() ?? nil, cacheUse: number())
            counters.note(load)
            #expect(load.labels.values.allSatisfy { !$0.hasPrefix("-") })
            #expect(counters.load >= 0 && counters.averageLatencyMilliseconds.isFinite)
        }
    }

    @Test mutating func aHistogramTakesEveryNumber() {
        var histogram = Histogram()
        for _ in 0..<2000 { histogram.add(number()) }
        #expect(histogram.sum.isFinite && histogram.count.value <= 2000)
    }
}
