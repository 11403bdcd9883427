import Core
import Testing

@testable import Routing

private typealias NoDriver = FailedBackend

private struct Fleet {
    let registry = Registry(failureThreshold: 1, recoveryThreshold: 1, broadcaster: Broadcaster()) { _ in }

    func add(_ id: String, models: [String] = ["m"], priority: Int = 50, limit: Int? = nil, healthy: Bool = true) {
        let identity = BackendIdentity(
            id: id, name: id, url: "", backendType: "t", priority: priority, maxConcurrent: limit)
        _ = registry.add(identity, driver: NoDriver())
        registry.record(models.map { Model(id: $0) }, of: id)
        registry.record(HealthReport(outcome: healthy ? .healthy : .unhealthy, message: "down"), of: id, now: 1)
    }
}

@Suite struct RouterTests {
    private func router(_ strategy: Configuration.Routing.Strategy) -> Router {
        var configuration = Configuration().routing
        configuration.strategy = strategy
        return Router(configuration)
    }

    /// The ids in the order of a ranking.
    private func ids(_ ranking: Ranking, _ fleet: Fleet) -> [String] {
        var ranking = ranking
        var ids: [String] = []
        while let index = ranking.next() { ids.append(fleet.registry.snapshot.backends[index].identity.id) }
        return ids
    }

    @Test(arguments: Configuration.Routing.Strategy.allCases)
    func everyEligibleBackendIsRankedOnce(_ strategy: Configuration.Routing.Strategy) {
        let fleet = Fleet()
        for name in ["a", "b", "c", "d"] { fleet.add(name) }
        var router = router(strategy)

        let ranking = router.rank([0, 2, 3], in: fleet.registry.snapshot)

        #expect(ranking.count == 3 && ids(ranking, fleet).sorted() == ["a", "c", "d"])
    }

    @Test func theBestComesFirst() {
        let fleet = Fleet()
        for (name, priority) in [("a", 3), ("b", 1), ("c", 2)] { fleet.add(name, priority: priority) }
        var router = router(.priorityOnly)

        #expect(ids(router.rank([0, 1, 2], in: fleet.registry.snapshot), fleet) == ["b", "c", "a"])
    }

    @Test(arguments: Configuration.Routing.Strategy.allCases)
    func aServerThatWantsToBeLeftAloneComesLastUntilItsTimeIsUp(_ strategy: Configuration.Routing.Strategy) {
        let fleet = Fleet()
        for (name, priority) in [("a", 1), ("b", 2), ("c", 3)] { fleet.add(name, priority: priority) }
        var router = router(strategy)
        let snapshot = fleet.registry.snapshot
        snapshot.backends[0].counters.rest(milliseconds: 30_000, now: 1_000_000_000)

        for _ in 0..<6 {
            #expect(ids(router.rank([0, 1, 2], in: snapshot, now: 2_000_000_000), fleet).last == "a")
        }
        let later = (0..<30).map { _ in ids(router.rank([0, 1, 2], in: snapshot, now: 31_000_000_000), fleet)[0] }
        #expect(strategy == .random || later.contains("a"))
        // The only one is asked all the same.
        #expect(ids(router.rank([0], in: snapshot, now: 2_000_000_000), fleet) == ["a"])
    }

    @Test func aServerIsPassedOverForTheModelAloneThatItSaidItOf() {
        let fleet = Fleet()
        for (name, priority) in [("a", 1), ("b", 2)] { fleet.add(name, priority: priority) }
        var router = router(.priorityOnly)
        let snapshot = fleet.registry.snapshot
        snapshot.backends[0].counters.rest("m", milliseconds: 30_000, now: 1_000_000_000)

        #expect(ids(router.rank([0, 1], in: snapshot, model: "m", now: 2_000_000_000), fleet) == ["b", "a"])
        #expect(ids(router.rank([0, 1], in: snapshot, model: "n", now: 2_000_000_000), fleet) == ["a", "b"])
        #expect(ids(router.rank([0, 1], in: snapshot, model: "m", now: 31_000_000_000), fleet) == ["a", "b"])
    }

    @Test func aServerThatServesAgainIsAskedAgain() {
        let counters = BackendCounters()
        counters.rest(milliseconds: .max, now: 5)
        let end = BackendCounters.longestRest * 1_000_000 + 5
        #expect(counters.restEnd(for: "m", now: 6) == end && counters.restEnd(for: "m", now: end) == 0)

        counters.ended(.success(microseconds: 1))

        #expect(counters.restEnd(for: "m", now: 6) == 0)
    }

    @Test func aRetryTakesNoTurnOfTheOthers() {
        let fleet = Fleet()
        for name in ["a", "b"] { fleet.add(name) }
        var router = router(.roundRobin)
        let firsts = (0..<6).map { _ in
            let first = ids(router.rank([0, 1], in: fleet.registry.snapshot), fleet)[0]
            if first == "a" { _ = router.rank([1], in: fleet.registry.snapshot, isRetry: true) }
            return first
        }

        #expect(firsts == ["b", "a", "b", "a", "b", "a"] || firsts == ["a", "b", "a", "b", "a", "b"])
    }

    @Test func rankingTakesNoPlace() {
        let fleet = Fleet()
        fleet.add("a", limit: 1)
        fleet.add("b", limit: 1)
        var router = router(.smart)
        for _ in 0..<10 { _ = ids(router.rank([0, 1], in: fleet.registry.snapshot), fleet) }

        #expect(fleet.registry.snapshot.backends.allSatisfy { $0.counters.inFlight == 0 })
    }

    @Test func equalsComeFirstInTurn() {
        let fleet = Fleet()
        for name in ["a", "b"] { fleet.add(name) }
        var router = router(.roundRobin)
        let first = (0..<4).map { _ in ids(router.rank([0, 1], in: fleet.registry.snapshot), fleet)[0] }

        #expect(first == ["b", "a", "b", "a"] || first == ["a", "b", "a", "b"])
    }

    @Test func theReasonTellsHowOneWasChosen() {
        let fleet = Fleet()
        fleet.add("a")
        fleet.add("b")
        var router = router(.leastLoaded)

        #expect(router.rank([0], in: fleet.registry.snapshot).reason(isRetry: false) == "only-candidate")
        #expect(
            router.rank([0, 1], in: fleet.registry.snapshot).reason(isRetry: true)
                == "least_loaded;candidates=2;retry")
    }
}

@Suite struct SelectionTests {
    private func pick(
        _ candidates: [Candidate], _ strategy: Configuration.Routing.Strategy, turn: UInt64 = 0, random: UInt64 = 0
    ) -> Int? {
        Selection.pick(
            candidates, strategy: strategy, weights: Configuration().routing.weights, turn: turn, random: random)?.index
    }

    private func candidate(_ index: Int, priority: Int = 1, inFlight: Int = 0, latency: Double = 0) -> Candidate {
        Candidate(index: index, priority: priority, inFlight: inFlight, recentLatency: latency)
    }

    @Test func roundRobinTakesTurns() {
        let candidates = (0..<3).map { candidate($0) }
        #expect((0..<6).map { pick(candidates, .roundRobin, turn: $0) } == [0, 1, 2, 0, 1, 2])
    }

    @Test func leastLoadedTakesTheFewestInFlight() {
        #expect(
            pick([candidate(0, inFlight: 3), candidate(1, inFlight: 1), candidate(2, inFlight: 2)], .leastLoaded) == 1)
    }

    @Test func priorityOnlyTakesTheLowestNumberWhateverTheLoad() {
        #expect(pick([candidate(0, priority: 2), candidate(1, priority: 1, inFlight: 99)], .priorityOnly) == 1)
    }

    @Test func smartPrefersPriorityThenLoadThenLatency() {
        #expect(pick([candidate(0, priority: 60), candidate(1, priority: 1)], .smart) == 1)
        #expect(pick([candidate(0, inFlight: 8), candidate(1, inFlight: 0)], .smart) == 1)
        #expect(pick([candidate(0, latency: 3000), candidate(1, latency: 10)], .smart) == 1)
    }

    @Test func equalsTakeTurnsUnderEveryStrategy() {
        let candidates = (0..<4).map { candidate($0) }
        for strategy in [Configuration.Routing.Strategy.smart, .leastLoaded, .priorityOnly, .roundRobin] {
            #expect(Set((0..<4).map { pick(candidates, strategy, turn: $0) }).count == 4)
        }
    }

    @Test func randomFollowsTheNumberItIsGiven() {
        #expect(pick((0..<4).map { candidate($0) }, .random, random: 6) == 2)
    }

    @Test func noCandidateIsNoChoice() {
        #expect(pick([], .smart) == nil)
    }
}
