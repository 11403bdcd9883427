import Testing

@testable import Core

@Suite("What is kept for the next run of the gateway") struct KeptFiguresTests {
    private let second: UInt64 = 1_000_000_000
    private let wall: Int64 = 1_800_000_000

    private var limits: KeyLimits {
        var limits = KeyLimits()
        (limits.requestsPerDay, limits.tokensPerDay) = (2, 1000)
        return limits
    }

    /// Of a key that was used twice.
    private func used(at now: UInt64) throws -> KeptFigure {
        let usage = KeyUsage()
        for _ in 0..<2 {
            let grant = try usage.take(limits, tokens: 100, now: now, wall: wall)
            usage.settle(grant, prompt: 30, completion: 20, isServed: true, now: now)
        }
        #expect(throws: LimitReached.self) { try usage.take(limits, tokens: 1, now: now, wall: wall) }
        return usage.kept(of: "mine", now: now, wall: wall)
    }

    @Test func whatAKeyHasUsedComesBackWithItsLimitOfADay() throws {
        let kept = try used(at: 100_000 * second)
        let next = KeyUsage()
        // The machine has just started, and its clock is at zero.
        next.restore(kept, now: 0, wall: wall + 60)
        let figures = next.figures(now: 0)
        #expect(figures.requests == 2 && figures.refused == 1 && figures.lastUsed == wall)
        #expect(figures.promptTokens == 60 && figures.completionTokens == 40)
        #expect(figures.requestsInDay == 2 && figures.tokensInDay == 100 && figures.requestsInMinute == 0)
        #expect(throws: LimitReached.self) { try next.take(limits, tokens: 1, now: second, wall: wall + 61) }
    }

    @Test func whatIsOlderThanADayCountsForNoLimit() throws {
        let kept = try used(at: 100_000 * second)
        let next = KeyUsage()
        next.restore(kept, now: 50 * second, wall: wall + 25 * 3600)
        #expect(next.figures(now: 50 * second).requestsInDay == 0)
        #expect(next.figures(now: 50 * second).requests == 2)
    }

    @Test func whatIsRestoredLeavesTheWindowLikeTheRest() throws {
        let kept = try used(at: 100_000 * second)
        let next = KeyUsage()
        next.restore(kept, now: 0, wall: wall + 12 * 3600)
        #expect(next.figures(now: 11 * 3600 * second).requestsInDay == 2)
        #expect(next.figures(now: 13 * 3600 * second).requestsInDay == 0)
    }

    @Test(arguments: [
        [], [1], [.nan, .infinity, -1, 1e300, 1e300, -1e300, 1e300], [0, 0, 0, 0, 0, 0, 9, 1e300, 1e300],
    ])
    func numbersOfAnybodyDoNoHarm(_ numbers: [Double]) {
        let usage = KeyUsage()
        usage.restore(KeptFigure(scope: .key, name: "k", numbers: numbers), now: 0, wall: .min)
        usage.restore(KeptFigure(scope: .key, name: "k", numbers: numbers), now: .max, wall: .max)
        #expect(usage.figures(now: .max).requestsInDay <= 1 << 61)
        #expect(KeptAnswerTimes(KeptFigure(scope: .answerTime, name: "", numbers: numbers), wall: 0) == nil)
    }

    @Test func keysGetBackWhatTheyUsedAndThatOfKeysThatAreGoneIsRemembered() throws {
        let kept = try used(at: second)
        let ring = Keyring([KeyRule(name: "other", hash: KeyHash(of: "x"))], isRequired: true)
        ring.restore([kept], now: second, wall: wall)
        #expect(ring.keys.map(\.name) == ["other"])
        #expect(Set(ring.kept(of: nil, now: second, wall: wall).map(\.name)) == ["mine", "other"])
        #expect(ring.kept(of: ["mine"], now: second, wall: wall) == [kept])
        let same = Keyring([KeyRule(name: "mine", hash: KeyHash(of: "x"))], isRequired: true)
        same.restore([kept], now: second, wall: wall)
        #expect(same.kept(of: ["mine"], now: second, wall: wall) == [kept])
    }

    @Test func answerTimesComeBackFaded() throws {
        let standing = ModelStanding(of: Model(id: "m"))
        standing.begin().answered(after: 800_000, isWhole: false, now: second)
        let pair = KeptPair(backend: "one", model: "m")
        let kept = try #require(standing.keptTimes(now: second)).kept(of: pair, wall: wall)
        #expect(KeptPair(name: kept.name) == pair)

        let next = ModelStanding(of: Model(id: "m"))
        next.restore(try #require(KeptAnswerTimes(kept, wall: wall + 600)), now: 5 * second)
        #expect(abs(next.answerTime(isWhole: false, now: 5 * second) - 400) < 1)
        #expect(next.answerTime(isWhole: true, now: 5 * second) == 0)
    }

    @Test func whatIsNewerThanWhatIsRestoredStays() {
        let standing = ModelStanding(of: Model(id: "m"))
        standing.begin().answered(after: 100_000, isWhole: false, now: second)
        standing.restore(KeptAnswerTimes(stream: 900, whole: 700), now: second)
        #expect(standing.answerTime(isWhole: false, now: second) == 100)
        #expect(standing.answerTime(isWhole: true, now: second) == 700)
    }

    @Test func lateAnswersAreToldAsBeforeTheRestart() {
        var times = FirstTokenTimes()
        for index in 1...200 {
            times.note(UInt64(index) * 1_000_000, of: FirstTokenTimes.Key(model: "m", isWhole: index.isMultiple(of: 2)))
        }
        var next = FirstTokenTimes()
        next.restore(times.kept(of: nil))
        // A percentile is found anew after every eighth.
        for isWhole in [false, true] {
            let key = FirstTokenTimes.Key(model: "m", isWhole: isWhole)
            #expect(abs(Double(next.late(for: key) ?? 0) - Double(times.late(for: key) ?? 1)) < 20e6)
        }
        #expect(times.kept(of: ["other"]).isEmpty && times.kept(of: ["m"]).count == 2)
    }

    @Test func timesComeBackToModelsThatServersTellOfLater() throws {
        func registry() -> Registry {
            Registry(failureThreshold: 1, recoveryThreshold: 1, broadcaster: Broadcaster()) { _ in }
        }
        func add(_ id: String, to registry: Registry) {
            let identity = BackendIdentity(id: id, name: id, url: "http://x", backendType: "t", priority: 1)
            #expect(registry.add(identity, driver: FailedBackend()))
        }
        func tellModels(_ registry: Registry) {
            for id in ["one", "two"] { registry.record([Model(id: "m")], of: id) }
        }
        let first = registry()
        for id in ["one", "two"] { add(id, to: first) }
        tellModels(first)
        let now = Clock.monotonicNanoseconds()
        first.snapshot.standings["m"]?[0]?.begin().answered(after: 250_000, isWhole: false, now: now)
        let kept = first.keptTimes(of: nil, now: now, wall: wall)
        #expect(kept.count == 1)
        #expect(first.keptTimes(of: [KeptPair(backend: "two", model: "m")], now: now, wall: wall).isEmpty)

        let second = registry()
        for id in ["one", "two"] { add(id, to: second) }
        second.restore(kept, now: now, wall: wall)
        tellModels(second)
        let standings = try #require(second.snapshot.standings["m"])
        #expect(abs((standings[0]?.answerTime(isWhole: false, now: Clock.monotonicNanoseconds()) ?? 0) - 250) < 50)
        #expect(standings[1]?.answerTime(isWhole: false, now: now) == 0)
    }
}
