import Core
import Testing

@testable import Routing

private let weights = Configuration().routing.weights

private func score(_ candidate: Candidate) -> RouteScore { Scoring.score(candidate, weights) }

@Suite struct ScoringTests {
    @Test func eachPartTakesPointsByItsWeightAlone() {
        let parts: [(RouteScore.Part, Candidate, Double)] = [
            (.loaded, Candidate(index: 0, priority: 0, readiness: .notLoaded), 25),
            (.loaded, Candidate(index: 0, priority: 0, readiness: .loading), 12.5),
            (.loaded, Candidate(index: 0, priority: 0, readiness: .unknown), 0),
            (.work, Candidate(index: 0, priority: 0, work: 15), 30),
            (.work, Candidate(index: 0, priority: 0, work: 60, slots: 4), 30),
            (.firstToken, Candidate(index: 0, priority: 0, firstToken: 312.5 * 63), 20),
            (.priority, Candidate(index: 0, priority: 100), 50),
            (.failures, Candidate(index: 0, priority: 0, failures: 1), 30 * (2.25 / 4)),
            (.errors, Candidate(index: 0, priority: 0, errorRate: 0.5), 15),
        ]
        for (part, candidate, points) in parts {
            let score = score(candidate)
            #expect(abs(score[part] + points) < 1e-9 && abs(score.total + points) < 1e-9, "\(part) of \(candidate)")
        }
    }

    @Test func noPartEverStopsToMatter() {
        var last = score(Candidate(index: 0, priority: 0)).total
        for work in 1...2000 {
            let next = score(Candidate(index: 0, priority: 0, work: work)).total
            #expect(next < last)
            last = next
        }
        #expect(
            score(Candidate(index: 0, priority: 1000)).total < score(Candidate(index: 0, priority: 999)).total)
        #expect(
            score(Candidate(index: 0, firstToken: 90_000)).total < score(Candidate(index: 0, firstToken: 60_000)).total)
    }

    @Test func whatIsNoFigureTakesNothing() {
        let odd = Candidate(index: 0, priority: -3, work: -1, slots: 0, firstToken: .nan)
        #expect(score(odd).total == 0)
        #expect(score(Candidate(index: 0, priority: 0, firstToken: .infinity)).total == 0)
    }

    @Test func theReasonNamesThePartsThatTookSomething() {
        let score = score(Candidate(index: 0, priority: 10, work: 1, readiness: .notLoaded))
        let reason = RouteReason(.smart, candidates: 3, isRetry: true, score: score)
        #expect(reason.text == "smart;candidates=3;score=-37.5;loaded=-25;work=-7.5;priority=-5;retry")
        #expect(RouteReason.only.text == "only-candidate" && RouteReason.onlyAgain.text == "only-candidate;retry")
    }
}

@Suite struct SelectionTests {
    private func pick(
        _ candidates: [Candidate], _ strategy: Configuration.Routing.Strategy, turn: UInt64 = 0, random: UInt64 = 0
    ) -> Int? {
        Selection.pick(candidates, strategy: strategy, weights: weights, turn: turn, random: random)
            .map { candidates[$0.place].index }
    }

    @Test func roundRobinTakesTurns() {
        let candidates = (0..<3).map { Candidate(index: $0) }
        #expect((0..<6).map { pick(candidates, .roundRobin, turn: $0) } == [0, 1, 2, 0, 1, 2])
    }

    @Test func leastLoadedTakesTheLessLoadedOfTwoThatAreDrawn() {
        let candidates = [3, 1, 2].enumerated().map { Candidate(index: $0, work: $1) }
        var random = SeededRandom(seed: 7)
        let picks = (0..<3000).map { _ in pick(candidates, .leastLoaded, random: random.next()) ?? -1 }
        // Of the three pairs the least of all is in two, and the busiest wins none.
        #expect(picks.count { $0 == 1 } > 1800 && picks.count { $0 == 2 } > 800 && !picks.contains(0))
    }

    @Test func leastLoadedCountsWhatAServerWorksOnAtOnce() {
        let candidates = [Candidate(index: 0, work: 2), Candidate(index: 1, work: 6, slots: 8)]
        #expect((0..<20).allSatisfy { pick(candidates, .leastLoaded, random: $0 << 32 | $0) == 1 })
    }

    @Test func priorityOnlyTakesTheLowestNumberWhateverTheLoad() {
        #expect(
            pick([Candidate(index: 0, priority: 2), Candidate(index: 1, priority: 1, work: 99)], .priorityOnly) == 1)
    }

    @Test func smartPrefersPriorityThenLoadThenLatency() {
        #expect(pick([Candidate(index: 0, priority: 60), Candidate(index: 1, priority: 1)], .smart) == 1)
        #expect(pick([Candidate(index: 0, work: 8), Candidate(index: 1)], .smart) == 1)
        #expect(pick([Candidate(index: 0, firstToken: 3000), Candidate(index: 1, firstToken: 10)], .smart) == 1)
    }

    @Test func smartWaitsBehindAFewRatherThanLoadAModel() {
        let cold = Candidate(index: 0, readiness: .notLoaded)
        #expect(pick([cold, Candidate(index: 1, work: 5, readiness: .loaded)], .smart) == 1)
        #expect(pick([cold, Candidate(index: 1, work: 40, readiness: .loaded)], .smart) == 0)
        // One that is being loaded already is the better place to wait.
        #expect(pick([cold, Candidate(index: 1, work: 1, readiness: .loading)], .smart) == 1)
    }

    @Test func equalsTakeTurnsWhereNothingIsDrawn() {
        let candidates = (0..<4).map { Candidate(index: $0) }
        for strategy in [Configuration.Routing.Strategy.smart, .priorityOnly, .roundRobin] {
            #expect(Set((0..<4).map { pick(candidates, strategy, turn: $0) }).count == 4)
        }
    }

    @Test func randomFollowsTheNumberItIsGiven() {
        #expect(pick((0..<4).map { Candidate(index: $0) }, .random, random: 6) == 2)
    }

    @Test(arguments: Configuration.Routing.Strategy.allCases)
    func noCandidateIsNoChoice(strategy: Configuration.Routing.Strategy) {
        #expect(pick([], strategy) == nil && pick([Candidate(index: 5)], strategy, turn: 9, random: .max) == 5)
    }
}
