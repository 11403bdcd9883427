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

        #expect(ids(router.rank([0, 1], for: "m", in: snapshot, now: 2_000_000_000), fleet) == ["b", "a"])
        #expect(ids(router.rank([0, 1], for: "n", in: snapshot, now: 2_000_000_000), fleet) == ["a", "b"])
        #expect(ids(router.rank([0, 1], for: "m", in: snapshot, now: 31_000_000_000), fleet) == ["a", "b"])
    }

    @Test func aServerThatServesAgainIsAskedAgain() {
        let counters = BackendCounters()
        counters.rest(milliseconds: .max, now: 5)
        let end = BackendCounters.longestRest * 1_000_000 + 5
        #expect(counters.restEnd(for: "m", now: 6) == end && counters.restEnd(for: "m", now: end) == 0)

        counters.ended(.success(microseconds: 1), began: 6)

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

        #expect(router.rank([0], in: fleet.registry.snapshot).reason(isRetry: false).text == "only-candidate")
        #expect(
            router.rank([0, 1], in: fleet.registry.snapshot).reason(isRetry: true).text
                == "least_loaded;candidates=2;retry")
    }
}

/// Where very many backends have a model.
@Suite struct ManyBackendsTests {
    private func router(_ strategy: Configuration.Routing.Strategy) -> Router {
        var configuration = Configuration().routing
        configuration.strategy = strategy
        return Router(configuration, random: SeededRandom(seed: 1))
    }

    private func fleet(_ count: Int, priority: (Int) -> Int = { _ in 50 }, isLoaded: (Int) -> Bool? = { _ in nil })
        -> Fleet
    {
        let fleet = Fleet()
        for index in 0..<count {
            fleet.add("b\(index)", priority: priority(index))
            var model = Model(id: "m")
            model.isLoaded = isLoaded(index)
            fleet.registry.record([model], of: "b\(index)")
        }
        return fleet
    }

    @Test func aFewAreAllLookedAt() {
        let fleet = fleet(Shortlist.limit)
        var router = router(.smart)
        let drawn = router.draw(for: "m", in: fleet.registry.snapshot)
        #expect(drawn == nil)
    }

    @Test(arguments: Configuration.Routing.Strategy.allCases)
    func ofVeryManyAFewAreDrawnEachOnce(strategy: Configuration.Routing.Strategy) throws {
        let fleet = fleet(200)
        var router = router(strategy)
        var seen: Set<Int> = []
        for _ in 0..<200 {
            let found = router.draw(for: "m", in: fleet.registry.snapshot)
            let drawn = try #require(found).indices
            #expect((1...12).contains(drawn.count) && Set(drawn).count == drawn.count)
            seen.formUnion(drawn)
            _ = router.rank(drawn, for: "m", in: fleet.registry.snapshot, of: 200)
        }
        #expect(seen.count > 100)
    }

    @Test func theTurnOfEachComesWhereTurnsAreTaken() throws {
        let fleet = fleet(40)
        var router = router(.roundRobin)
        let firsts = try (0..<40).map { _ in
            let drawn = router.draw(for: "m", in: fleet.registry.snapshot)
            var ranking = router.rank(try #require(drawn).indices, for: "m", in: fleet.registry.snapshot, of: 40)
            return ranking.next() ?? -1
        }
        #expect(Set(firsts).count == 40)
    }

    @Test func theBestPriorityIsAmongThemAndSoIsWhoHasTheModelLoaded() throws {
        let fleet = fleet(300, priority: { $0 == 250 ? 1 : 50 }, isLoaded: { $0 == 17 })
        let snapshot = fleet.registry.snapshot
        var (smart, byPriority) = (router(.smart), router(.priorityOnly))
        for _ in 0..<20 {
            let drawn = smart.draw(for: "m", in: snapshot)?.indices
            #expect(drawn?.contains(250) == true && drawn?.contains(17) == true)
            let best = byPriority.draw(for: "m", in: snapshot)?.indices
            #expect(best == [250])
        }
    }
}

/// What is known of a model at a backend.
@Suite struct ModelStandingTests {
    private let second: UInt64 = 1_000_000_000

    private func standing(isLoaded: Bool?) -> ModelStanding {
        var model = Model(id: "m")
        model.isLoaded = isLoaded
        return ModelStanding(of: model)
    }

    @Test func aModelThatIsNotLoadedIsBeingLoadedWhileARequestForItIsUnderWay() {
        let standing = standing(isLoaded: false)
        #expect(standing.readiness == .notLoaded)
        let attempt = standing.begin()
        #expect(standing.readiness == .loading)
        attempt.answered(after: 20_000_000, isWhole: false, now: second)
        #expect(
            standing.readiness == .loaded && standing.answerTime(isWhole: false, now: second) == 0,
            "loading it says nothing")
    }

    @Test func oneThatFailsLoadsNothing() {
        let standing = standing(isLoaded: false)
        _ = standing.begin()
        #expect(standing.readiness == .notLoaded)
    }

    @Test func theTimeToTheFirstTokenIsAMeanThatFollowsAndFades() {
        let standing = standing(isLoaded: true)
        standing.begin().answered(after: 1_000_000, isWhole: false, now: second)
        #expect(standing.answerTime(isWhole: false, now: second) == 1000)
        standing.begin().answered(after: 2_000_000, isWhole: false, now: 2 * second)
        #expect(standing.answerTime(isWhole: false, now: 2 * second) == 1300)
        #expect(abs(standing.answerTime(isWhole: false, now: 602 * second) - 650) < 1)
    }

    @Test func waitingForOthersDoesNotMakeAServerLookSlow() {
        let standing = standing(isLoaded: true)
        standing.begin(ahead: 3).answered(after: 4_000_000, isWhole: false, now: second)
        #expect(standing.answerTime(isWhole: false, now: second) == 1000)
        standing.begin(ahead: -1).answered(after: 1_000_000, isWhole: false, now: second)
        #expect(standing.answerTime(isWhole: false, now: second) == 1000)
    }

    @Test func aWholeAnswerSaysNothingOfTheFirstToken() {
        let standing = ModelStanding()
        standing.begin().answered(after: 9_000_000, isWhole: true, now: second)
        #expect(standing.answerTime(isWhole: false, now: second) == 0)
        #expect(standing.answerTime(isWhole: true, now: second) == 9000)
        standing.begin().answered(after: 1_000_000, isWhole: false, now: second)
        standing.begin().answered(after: 9_000_000, isWhole: true, now: second)
        #expect(standing.answerTime(isWhole: false, now: second) == 1000)
    }

    @Test func whatWasGivenUpTookAtLeastSoLong() {
        let standing = ModelStanding()
        standing.begin().waited(1_000_000, now: second)
        #expect(standing.answerTime(isWhole: false, now: second) == 1000)
        standing.begin().waited(500_000, now: second)
        #expect(standing.answerTime(isWhole: false, now: second) == 1000, "that it takes longer than this was known")
        standing.begin().waited(2_000_000, now: second)
        #expect(standing.answerTime(isWhole: false, now: second) == 1300)
    }

    @Test(arguments: [true, false]) func requestsGoWhereAnswersOfTheirKindComeSoon(isWhole: Bool) throws {
        let fleet = Fleet()
        for id in ["a", "b"] { fleet.add(id) }
        let snapshot = fleet.registry.snapshot
        let standings = try #require(snapshot.standings["m"])
        // Of whole answers a is the faster one, of streams b.
        standings[0]?.begin().answered(after: 400_000, isWhole: true, now: 5)
        standings[0]?.begin().answered(after: 4_000_000, isWhole: false, now: 5)
        standings[1]?.begin().answered(after: 4_000_000, isWhole: true, now: 5)
        standings[1]?.begin().answered(after: 400_000, isWhole: false, now: 5)
        var router = Router(Configuration().routing)

        var ranking = router.rank([0, 1], for: "m", in: snapshot, isWhole: isWhole, now: 5)

        #expect(ranking.next() == (isWhole ? 0 : 1))
    }

    @Test func onlyModelsOfSeveralBackendsHaveOneAndItOutlivesAListAndAChange() throws {
        let fleet = Fleet()
        fleet.add("a", models: ["m", "own"])
        #expect(fleet.registry.snapshot.standings.isEmpty)
        fleet.add("b")
        let first = try #require(fleet.registry.snapshot.standings["m"]?[0])
        #expect(fleet.registry.snapshot.standings["own"] == nil)
        fleet.add("c")
        #expect(fleet.registry.snapshot.standings["m"]?[0] === first)
    }

    @Test func aListTellsWhatIsLoadedAlsoIfItIsTheOneBefore() throws {
        let fleet = Fleet()
        var model = Model(id: "m")
        model.isLoaded = false
        for id in ["a", "b"] {
            fleet.add(id)
            fleet.registry.record([model], of: id)
        }
        let standing = try #require(fleet.registry.snapshot.standings["m"]?[0])
        standing.begin().answered(after: 5, isWhole: false, now: 5)
        #expect(standing.readiness == .loaded)
        fleet.registry.record([model], of: "a")
        #expect(standing.readiness == .notLoaded)
    }

    @Test func whoFailsTooOftenComesLastIfTheOperatorWantsThat() {
        let fleet = Fleet()
        for (id, priority) in [("a", 1), ("b", 50)] { fleet.add(id, priority: priority) }
        fleet.registry.record(errorRates: ["a": ["m": 0.5]])
        func first(_ limit: Double?) -> Int? {
            var configuration = Configuration().routing
            configuration.errorRateExclude = limit
            var router = Router(configuration)
            var ranking = router.rank([0, 1], for: "m", in: fleet.registry.snapshot)
            return ranking.next()
        }
        #expect(first(nil) == 0 && first(0.6) == 0 && first(0.5) == 1)
        fleet.registry.record(errorRates: [:])
        #expect(first(0.5) == 0)
    }
}
