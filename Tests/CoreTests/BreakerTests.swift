import Testing

@testable import Core

private let second: UInt64 = 1_000_000_000

/// A breaker, and how many attempts ever succeeded there.
private struct Bench {
    var breaker: Breaker
    var successes: UInt64 = 0
    var now: UInt64 = 1000 * second

    init(_ change: (inout Configuration.Breaker) -> Void = { _ in }) {
        var rules = Configuration.Breaker()
        change(&rules)
        breaker = Breaker(rules)
    }

    mutating func end(_ outcome: Breaker.Outcome, _ count: Int = 1, trial: UInt64? = nil) {
        for _ in 0..<count {
            if outcome == .success { successes += 1 }
            breaker.ended(outcome, trial: trial, successes: successes, now: now)
        }
    }

    mutating func pass(_ seconds: Double) { now += UInt64(seconds * 1e9) }

    mutating func ask() -> Breaker.Permission { breaker.ask(now: now) }

    /// Waits until it lets somebody try, and tells how many seconds that took.
    mutating func waitUntilHalfOpen() -> Double {
        guard case .open(let until) = breaker.phase else { return -1 }
        let waited = Double(until - now) / 1e9
        now = until
        return waited
    }

    /// As many trials as it lets through, all of which go well.
    mutating func recover() {
        for _ in 0..<breaker.trialLimit {
            guard case .trial(let trial) = ask() else { return }
            end(.success, trial: trial)
            breaker.giveBack(trial)
        }
    }

    var isClosed: Bool { breaker.phase == .closed }
    var isOpen: Bool { if case .open = breaker.phase { true } else { false } }
}

@Suite struct BreakerOpeningTests {
    @Test func itOpensWhenHalfOfAWindowFailed() {
        var bench = Bench()
        bench.end(.success, 5)
        bench.end(.failure, 4)
        #expect(bench.isClosed)
        bench.end(.failure)
        #expect(bench.isOpen && bench.breaker.cause == .rate(failures: 5, attempts: 10))
    }

    @Test func fewAttemptsSayNothing() {
        var bench = Bench()
        bench.end(.failure, 9)
        #expect(bench.isClosed)
        bench.end(.failure)
        #expect(bench.isOpen)
    }

    @Test func fewFailuresOfManyAttemptsSayNothing() {
        var bench = Bench()
        for _ in 0..<100 {
            bench.end(.success, 9)
            bench.end(.failure)
            bench.pass(0.1)
        }
        #expect(bench.isClosed)
    }

    @Test func whatHasLeftTheWindowIsForgotten() {
        var bench = Bench()
        bench.end(.failure, 9)
        bench.pass(31)
        bench.end(.failure)
        #expect(bench.isClosed)
    }

    @Test func successesBeforeTheWindowDoNotHideFailures() {
        var bench = Bench()
        bench.end(.success, 10_000)
        bench.pass(60)
        bench.end(.failure, 10)
        #expect(bench.isOpen)
    }

    @Test func whatIsTheCallersFaultNeverCounts() {
        var bench = Bench { $0.minimumRequests = 1 }
        bench.end(.neutral, 1000)
        #expect(bench.isClosed && bench.breaker.openings == 0)
    }

    @Test func twoAttemptsInARowThatFindNoServerOpenItAtOnce() {
        var bench = Bench()
        bench.end(.success, 1000)
        bench.end(.unreachable)
        bench.end(.success)
        bench.end(.unreachable)
        #expect(bench.isClosed)
        bench.end(.unreachable)
        #expect(bench.isOpen && bench.breaker.cause == .unreachable)
    }

    @Test func oneThatAnswersNeitherRequestsNorProbesIsLeftAlone() {
        var bench = Bench()
        bench.breaker.wentSilent(now: bench.now)
        #expect(bench.isOpen && bench.breaker.cause == .silent)
    }

    @Test func switchedOffItStaysClosed() {
        var bench = Bench { $0.enabled = false }
        bench.end(.unreachable, 100)
        bench.breaker.wentSilent(now: bench.now)
        #expect(bench.isClosed)
    }

    @Test func whatIsSwitchedOffWhileItIsOpenCloses() {
        var bench = Bench()
        bench.end(.unreachable, 2)
        var rules = Configuration.Breaker()
        rules.enabled = false
        bench.breaker.setRules(rules)
        #expect(bench.isClosed && bench.ask() == .free)
    }
}

@Suite struct BreakerHalfOpenTests {
    private func opened(_ trials: Int = 3) -> Bench {
        var bench = Bench { $0.halfOpenRequests = trials }
        bench.end(.failure, 10)
        return bench
    }

    @Test func nobodyIsLetThroughBeforeItsTime() {
        var bench = opened()
        let early = bench.ask()
        _ = bench.waitUntilHalfOpen()
        let late = bench.ask()
        #expect(early == .no && late == .trial(1))
    }

    @Test(arguments: [1, 2, 7]) func exactlySoManyMayTry(_ limit: Int) {
        var bench = opened(limit)
        _ = bench.waitUntilHalfOpen()
        let answers = (0..<20).map { _ in bench.ask() }
        #expect(answers == (0..<20).map { $0 < limit ? .trial(UInt64($0 + 1)) : .no })
    }

    @Test func itClosesWhenAllTrialsWentWell() {
        var bench = opened()
        _ = bench.waitUntilHalfOpen()
        bench.recover()
        #expect(bench.isClosed && bench.ask() == .free && bench.breaker.cause == nil)
    }

    @Test func aTrialThatFailsOpensItAgain() {
        var bench = opened()
        _ = bench.waitUntilHalfOpen()
        guard case .trial(let trial) = bench.ask() else { return #expect(Bool(false)) }
        bench.end(.failure, trial: trial)
        #expect(bench.isOpen && bench.breaker.openings == 2)
    }

    @Test func aTrialThatSaysNothingLetsAnotherOneTry() {
        var bench = opened(1)
        _ = bench.waitUntilHalfOpen()
        guard case .trial(let trial) = bench.ask() else { return #expect(Bool(false)) }
        let meanwhile = bench.ask()
        bench.end(.neutral, trial: trial)
        bench.breaker.giveBack(trial)
        let then = bench.ask()
        #expect(meanwhile == .no && then == .trial(trial + 1))
    }

    @Test func aTrialThatWentWellKeepsNobodyElseFromTrying() {
        var bench = opened(2)
        _ = bench.waitUntilHalfOpen()
        let first = bench.ask()
        // Its answer has begun, and goes on for long.
        bench.end(.success, trial: 1)
        let (second, third) = (bench.ask(), bench.ask())
        #expect(first == .trial(1) && second == .trial(2) && third == .no)
        bench.breaker.giveBack(1)
        let then = bench.ask()
        #expect(then == .no && bench.breaker.phase == .halfOpen(underWay: 1, succeeded: 1))
    }

    @Test func aTrialOfAnEarlierPeriodCountsNoMore() {
        var bench = opened()
        _ = bench.waitUntilHalfOpen()
        let (first, other) = (bench.ask(), bench.ask())
        #expect(first == .trial(1) && other == .trial(2))
        bench.end(.failure, trial: 1)
        _ = bench.waitUntilHalfOpen()
        let next = bench.ask()
        bench.end(.failure, trial: 2)
        bench.breaker.giveBack(2)
        #expect(next == .trial(3) && bench.breaker.phase == .halfOpen(underWay: 1, succeeded: 0))
    }

    @Test func attemptsFromBeforeItOpenedSayNothingWhileItIsNotClosed() {
        var bench = opened()
        bench.end(.success, 100)
        _ = bench.waitUntilHalfOpen()
        let trial = bench.ask()
        bench.end(.failure, 100)
        #expect(trial == .trial(1) && bench.breaker.phase == .halfOpen(underWay: 1, succeeded: 0))
    }
}

@Suite struct BreakerDampingTests {
    @Test func eachOpeningThatFollowsSoonLastsTwiceAsLongUpToALimit() {
        var bench = Bench {
            $0.open = .seconds(4)
            $0.maxOpen = .seconds(20)
        }
        var times: [Double] = []
        for _ in 0..<5 {
            bench.end(.failure, 10)
            times.append(bench.waitUntilHalfOpen())
            bench.recover()
        }
        for (time, wanted) in zip(times, [4.0, 8, 16, 20, 20]) {
            #expect(time >= wanted * 0.84 && time <= wanted * 1.16)
        }
    }

    @Test func aLongCalmForgets() {
        var bench = Bench()
        for _ in 0..<3 {
            bench.end(.failure, 10)
            _ = bench.waitUntilHalfOpen()
            bench.recover()
        }
        bench.pass(120)
        bench.end(.failure, 10)
        #expect(bench.waitUntilHalfOpen() < 6)
    }

    @Test func aFailedTrialCountsAsComingAndGoing() {
        var bench = Bench()
        bench.end(.failure, 10)
        let first = bench.waitUntilHalfOpen()
        guard case .trial(let trial) = bench.ask() else { return #expect(Bool(false)) }
        bench.end(.failure, trial: trial)
        #expect(bench.waitUntilHalfOpen() > first * 1.4)
    }
}

@Suite struct BreakerProbeTests {
    @Test func aProbeClosesWhatCouldNotBeReachedAtItsFirstTime() {
        var bench = Bench()
        bench.end(.unreachable, 2)
        bench.breaker.probeSucceeded(now: bench.now)
        #expect(bench.isClosed)
    }

    @Test func oneThatComesAndGoesIsLeftAloneForItsTimeWhateverProbesSay() {
        var bench = Bench()
        bench.end(.unreachable, 2)
        bench.breaker.probeSucceeded(now: bench.now)
        bench.end(.unreachable, 2)
        bench.breaker.probeSucceeded(now: bench.now)
        #expect(bench.isOpen)
        _ = bench.waitUntilHalfOpen()
        bench.breaker.probeSucceeded(now: bench.now)
        #expect(bench.isClosed)
    }

    @Test func ofRequestsThatFailAProbeSaysNothing() {
        var bench = Bench()
        bench.end(.failure, 10)
        bench.pass(60)
        bench.breaker.probeSucceeded(now: bench.now)
        #expect(bench.isOpen)
    }

    @Test func aServerThatWasDownAndIsUpMayBeMended() {
        var bench = Bench()
        bench.end(.failure, 10)
        bench.breaker.cameUp(now: bench.now)
        #expect(bench.isClosed)
    }

    @Test func whatCannotBeReachedIsNotTriedBeforeItCan() {
        var bench = Bench()
        bench.end(.unreachable, 2)
        bench.pass(4)
        bench.breaker.probeFailed(now: bench.now)
        bench.pass(3)
        let answer = bench.ask()
        #expect(answer == .no)
    }
}

@Suite struct BreakerGateTests {
    @Test func whatIsShownChangesWithTheBreakerAlone() {
        let counters = BackendCounters()
        func end(_ outcome: Breaker.Outcome) -> Bool {
            counters.told(outcome, trial: nil, message: "refused", now: 5 * second)
        }
        let changes = [end(.unreachable), end(.neutral), end(.unreachable), end(.unreachable)]
        #expect(changes == [false, false, true, false])
        #expect(counters.breaker.trouble == "Requests in a row found no server; the last: refused")
    }

    @Test func aTrialThatIsDroppedIsNotLost() {
        var rules = Configuration.Breaker()
        rules.halfOpenRequests = 1
        let counters = BackendCounters(breaker: rules)
        for _ in 0..<2 { _ = counters.told(.unreachable, trial: nil, now: second) }
        let later = 100 * second
        func tries() -> Bool { counters.begin(limit: nil, now: later, isLastResort: false)?.trial != nil }
        #expect(tries() && tries() && counters.inFlight == 0)
    }

    @Test func aTrialThatFindsNoPlaceIsNotLost() {
        let counters = BackendCounters()
        for _ in 0..<2 { _ = counters.told(.unreachable, trial: nil, now: second) }
        let refused = counters.begin(limit: 0, now: 100 * second, isLastResort: false) == nil
        #expect(refused && counters.breaker.phase == .halfOpen(underWay: 0, succeeded: 0))
    }

    @Test func asALastResortAnybodyIsLetThrough() {
        let counters = BackendCounters()
        for _ in 0..<2 { _ = counters.told(.unreachable, trial: nil, now: second) }
        let (spared, forced) = (
            counters.begin(limit: nil, now: second, isLastResort: false) == nil,
            counters.begin(limit: nil, now: second, isLastResort: true) != nil
        )
        #expect(spared && forced)
    }

    @Test func failuresInARowWeighUntilASuccess() {
        let counters = BackendCounters()
        _ = counters.told(.failure, trial: nil, now: second)
        let (one, later) = (counters.recentFailures(now: 2 * second), counters.recentFailures(now: 60 * second))
        _ = counters.told(.failure, trial: nil, now: 2 * second)
        let two = counters.recentFailures(now: 2 * second)
        _ = counters.told(.success, trial: nil, now: 2 * second)
        #expect(one > 0 && later == 0 && two > one && counters.recentFailures(now: 2 * second) == 0)
    }

    @Test func no4xxIsAFailureOfItsBackend() {
        for status in 400...499 {
            for kind in [ExchangeFailure.Kind.rejected, .auth, .busy, .unsupported, .upstream] {
                let failure = ExchangeFailure(kind: kind, status: status, message: "")
                #expect(failure.breakerOutcome == .neutral)
            }
        }
        #expect(ExchangeFailure(kind: .upstream, status: 500, message: "").breakerOutcome == .failure)
        #expect(ExchangeFailure(kind: .connect, message: "").breakerOutcome == .unreachable)
        #expect(ExchangeFailure(kind: .timeout, message: "", deadline: .firstByte).breakerOutcome == .unreachable)
        #expect(ExchangeFailure(kind: .timeout, message: "", deadline: .total).breakerOutcome == .neutral)
    }
}

@Suite struct PulseTests {
    @Test func aServerThatLeavesAProbeWithoutAnAnswerIsSuspectUntilSomethingComes() {
        let pulse = Pulse()
        pulse.probeBegan(now: 10 * second, timeout: 5 * second)
        let (early, late) = (pulse.isSuspect(now: 10 * second + 1), pulse.isSuspect(now: 12 * second))
        pulse.hear(at: 12 * second)
        #expect(!early && late && !pulse.isSuspect(now: 13 * second))
    }

    @Test func anAnsweredProbeMakesNobodySuspect() {
        let pulse = Pulse()
        pulse.probeBegan(now: 10 * second, timeout: 5 * second)
        pulse.probeEnded()
        #expect(!pulse.isSuspect(now: 60 * second))
    }

    @Test func aProbeIsWantedWhenNothingComesAndNoneHasAskedLately() {
        let pulse = Pulse()
        #expect(!pulse.wantsProbe(attempt: 10 * second, now: 10 * second + second / 2))
        #expect(pulse.wantsProbe(attempt: 10 * second, now: 12 * second))
        pulse.hear(at: 12 * second)
        #expect(!pulse.wantsProbe(attempt: 10 * second, now: 12 * second + second / 2))
        pulse.probeBegan(now: 14 * second, timeout: 5 * second)
        #expect(!pulse.wantsProbe(attempt: 10 * second, now: 60 * second))
        pulse.probeEnded()
        #expect(!pulse.wantsProbe(attempt: 10 * second, now: 15 * second))
        #expect(pulse.wantsProbe(attempt: 10 * second, now: 17 * second))
    }

    @Test func onlyAttemptsThatBeganBeforeTheProbeAreGivenUpAndNoneIfSomethingComes() {
        let pulse = Pulse()
        pulse.wentSilent(since: 10 * second)
        #expect(pulse.hasGivenUp(on: 9 * second) && !pulse.hasGivenUp(on: 11 * second))
        pulse.hear(at: 16 * second)
        #expect(!pulse.hasGivenUp(on: 9 * second))
    }
}

@Suite struct RetryBudgetTests {
    @Test func aShareOfTheRequestsMayBeRetried() {
        var budget = RetryBudget(percent: 20, minimum: 0)
        budget.requestsCame(100, now: 5 * second)
        let granted = (0..<100).count { _ in budget.takeRetry(now: 5 * second) }
        #expect(granted == 20 && budget.granted == 20 && budget.refused == 80)
    }

    @Test func aFewAreAllowedHoweverFewRequestsThereAre() {
        var budget = RetryBudget(percent: 20, minimum: 3)
        let granted = (0..<10).count { _ in budget.takeRetry(now: 5 * second) }
        #expect(granted == 3)
    }

    @Test func whatIsTenSecondsOldCountsNoMore() {
        var budget = RetryBudget(percent: 50, minimum: 1)
        budget.requestsCame(10, now: 5 * second)
        let before = (0..<10).count { _ in budget.takeRetry(now: 6 * second) }
        let after = (0..<10).count { _ in budget.takeRetry(now: 17 * second) }
        #expect(before == 5 && after == 1)
    }

    @Test func attemptsNeverExceedTheBudgetWhateverComes() {
        var random = SeededRandom(seed: 7)
        var budget = RetryBudget(percent: 20, minimum: 5)
        var events: [(second: UInt64, requests: Int, retries: Int)] = []
        for at in 0..<200 as Range<UInt64> {
            let requests = Int.random(in: 0...50, using: &random)
            budget.requestsCame(UInt64(requests), now: at * second)
            let retries = (0..<requests).count { _ in budget.takeRetry(now: at * second) }
            events.append((at, requests, retries))
            let window = events.filter { $0.second + RetryBudget.window > at }
            let (asked, again) = (window.reduce(0) { $0 + $1.requests }, window.reduce(0) { $0 + $1.retries })
            #expect(again <= max(5, asked), "\(again) of \(asked)")
        }
        #expect(budget.granted <= UInt64(events.reduce(0) { $0 + $1.requests }) / 5 + 5 * 20)
    }

    @Test func requestsOfALoopCountWhenARetryIsAsked() {
        let allowance = RetryAllowance(Configuration.Routing())
        var tally = RetryTally(allowance)
        for _ in 0..<1000 { tally.requestCame(now: second) }
        let granted = (0..<500).count { _ in tally.takeRetry(now: second) }
        #expect(granted == 200)
    }
}
