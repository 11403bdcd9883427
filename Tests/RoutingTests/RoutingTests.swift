import Core
import Testing

@testable import Routing

private final class NoDriver: BackendDriver {}

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

private func router(_ strategy: Configuration.Routing.Strategy, aliases: [String: String] = [:]) -> Router {
    var configuration = Configuration().routing
    configuration.strategy = strategy
    configuration.aliases = aliases
    return Router(configuration)
}

private func chosen(
    _ router: inout Router, _ fleet: Fleet, _ model: String = "m", tried: [String] = []
) -> String {
    switch router.choose(model: model, snapshot: fleet.registry.snapshot, tried: tried, able: { _ in true }) {
    case .backend(let backend, _): backend.identity.id
    case .unknownModel: "unknown"
    case .unavailable: "unavailable"
    case .busy: "busy"
    }
}

@Suite struct RouterTests {
    @Test func onlyBackendsWithTheModelAreAsked() {
        let fleet = Fleet()
        fleet.add("a", models: ["x"])
        fleet.add("b", models: ["m"])
        var router = router(.roundRobin)
        let first = chosen(&router, fleet)
        let second = chosen(&router, fleet)
        #expect(first == "b" && second == "b")
        let choice1 = chosen(&router, fleet, "nowhere")
        #expect(choice1 == "unknown")
    }

    @Test func anUnhealthyHolderIsToldApartFromAnUnknownModel() {
        let fleet = Fleet()
        fleet.add("a", healthy: false)
        var router = router(.smart)
        let choice2 = chosen(&router, fleet)
        #expect(choice2 == "unavailable")
    }

    @Test func aTriedBackendIsNotTriedAgain() {
        let fleet = Fleet()
        fleet.add("a")
        fleet.add("b")
        var router = router(.smart)
        let choice3 = chosen(&router, fleet, tried: ["a"])
        #expect(choice3 == "b")
        let choice4 = chosen(&router, fleet, tried: ["a", "b"])
        #expect(choice4 == "unavailable")
    }

    @Test func aFullBackendIsPassedOverAndAFullFleetIsBusy() {
        let fleet = Fleet()
        fleet.add("a", limit: 1)
        fleet.add("b", limit: 1)
        var router = router(.priorityOnly)
        let first = chosen(&router, fleet)
        let second = chosen(&router, fleet)
        #expect(Set([first, second]) == ["a", "b"])
        let choice5 = chosen(&router, fleet)
        #expect(choice5 == "busy")
    }

    @Test func aBackendThatCannotServeTheKindIsNoCandidate() {
        let fleet = Fleet()
        fleet.add("a")
        var router = router(.smart)
        let choice = router.choose(model: "m", snapshot: fleet.registry.snapshot, tried: [], able: { _ in false })
        guard case .unavailable = choice else {
            Issue.record("chose \(choice)")
            return
        }
    }

    @Test func aliasesAreResolved() {
        #expect(router(.smart, aliases: ["gpt": "llama"]).resolved("gpt") == "llama")
        #expect(router(.smart).resolved("gpt") == "gpt")
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
