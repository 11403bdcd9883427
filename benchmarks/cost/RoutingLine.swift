import Core
import CostCounting
import Routing
import Shims

/// Nothing but the choice of a backend: who may be asked, in which order, and why the first.
final class RoutingLine {
    private let snapshot: RegistrySnapshot
    private let models: [String]
    private var router = Router(Configuration().routing, random: SeededRandom(seed: 1))
    private var chosen = 0

    /// - Parameters:
    ///   - backends: each has every `backends / 4`th model, and "all", which all have.
    ///   - models: names besides it, each of which four backends have, or all if they are fewer.
    init(backends count: Int, models modelCount: Int) {
        let backends = (0..<count).map { index in
            BackendSnapshot(
                identity: BackendIdentity(
                    id: "b\(index)", name: "b\(index)", url: "http://10.0.0.1:\(index)", backendType: "openai",
                    priority: 10 + index % 3 * 20),
                status: .healthy, lastError: nil, counters: BackendCounters(),
                driver: FailedBackend(), kinds: 0)
        }
        var holders = ["all": Array(0..<count)]
        for index in 0..<modelCount {
            holders["model-\(index)"] = Array(Set((0..<4).map { (index + $0 * 251) % count })).sorted()
        }
        let standings = holders.filter { $0.value.count > 1 }.mapValues { indices in
            indices.reduce(into: ModelStandings()) { standings, index in
                standings.append(ModelStanding(of: Self.model(isLoaded: index % 2 == 0)), at: index)
            }
        }
        snapshot = RegistrySnapshot(backends: backends, candidates: holders, holders: holders, standings: standings)
        models = holders.keys.sorted()
    }

    private static func model(isLoaded: Bool) -> Model {
        var model = Model(id: "m")
        model.isLoaded = isLoaded
        return model
    }

    /// Half of the requests are for a few models' backends, and half for the model that all have.
    func choose(_ count: Int) {
        for index in 0..<count {
            choose(index % 2 == 0 ? "all" : models[index % models.count], now: UInt64(index) * 1_000_000)
        }
    }

    private func choose(_ model: String, now: UInt64) {
        let eligibility = Eligibility(model: model)
        let drawn = snapshot.shortlists.isEmpty ? nil : router.draw(for: model, in: snapshot)
        guard
            case .some(let eligible) = eligibility.candidates(
                in: snapshot, among: drawn?.indices, able: { $0.kinds == 0 })
        else { return }
        var ranking = router.rank(
            eligible, for: model, in: snapshot, now: now,
            of: drawn?.count)
        guard let index = ranking.next() else { return }
        chosen &+= index &+ ranking.reason(isRetry: false).candidates
    }

    // MARK: Counting

    /// Does the choices within `nexus_counted`.
    /// - Returns: the blocks of memory that they have asked for, and how long they took, in nanoseconds.
    func count(_ choices: Int) -> (blocks: UInt64, nanoseconds: UInt64) {
        choose(200)
        let piece = Choices(self, choices)
        let (before, start) = (nexus_allocations(), Clock.monotonicNanoseconds())
        nexus_counted({ Choices.run($0) }, Unmanaged.passUnretained(piece).toOpaque())
        return (nexus_allocations() - before, Clock.monotonicNanoseconds() - start)
    }

    private final class Choices {
        private let line: RoutingLine
        private let count: Int

        init(_ line: RoutingLine, _ count: Int) {
            self.line = line
            self.count = count
        }

        static func run(_ context: UnsafeMutableRawPointer?) {
            guard let context else { return }
            let choices = Unmanaged<Choices>.fromOpaque(context).takeUnretainedValue()
            choices.line.choose(choices.count)
        }
    }
}
