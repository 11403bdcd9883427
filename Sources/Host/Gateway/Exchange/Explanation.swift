import Core
import Dialects
import NIOCore
import Routing

/// What would become of a request that came now, and why; nothing is asked of a backend, and no place taken. A snapshot: what comes a
/// moment later may go elsewhere. On any thread.
struct Explanation {
    /// A backend that could be asked.
    struct Option {
        var backend: BackendSnapshot
        var facts: Candidate
        var score: RouteScore?
        /// It may be given one more exchange now.
        var hasPlace: Bool
        var reason: RouteReason
    }

    /// One of the models that the client's name stands for.
    struct Target {
        var model: String
        /// The only backend that it is asked of; nil: any.
        var backend: String?
        /// In the order in which they would be asked.
        var options: [Option] = []
        /// Those that have the model, or had it, and would not be asked, each with the reason.
        var leftOut: [LeftOut] = []
    }

    let request: ClientRequest
    let needs: Needs
    let strategy: Configuration.Routing.Strategy
    private(set) var targets: [Target] = []
    /// The target, and which of its options.
    private(set) var choice: (target: Int, option: Int)?
    /// What the client would be told where nothing can be chosen. Nil as well where it would wait for a place.
    private(set) var error: ErrorBody?

    /// - Parameter now: nanoseconds of the monotonic clock.
    init(_ request: ClientRequest, state: GatewayState, now: UInt64 = Clock.monotonicNanoseconds()) {
        self.request = request
        let (settings, snapshot) = (state.settings, state.registry.snapshot)
        needs = Needs(request.peek, kind: request.kind, path: request.path, bytes: request.body.readableBytes)
        strategy = settings.routing.strategy
        let models = request.chain?.targets ?? [ModelTarget(request.model)]
        targets = models.map { explain($0, snapshot, settings.routing, hasOthers: models.count > 1, now: now) }
        // An estimate refuses nothing by itself.
        if targets.allSatisfy(\.options.isEmpty), targets.contains(where: { $0.leftOut.contains(where: \.isTooLong) }) {
            targets = models.map { explain($0, snapshot, settings.routing, hasOthers: false, now: now) }
        }
        for (index, target) in targets.enumerated() {
            guard let option = target.options.firstIndex(where: \.hasPlace) else { continue }
            choice = (index, option)
            break
        }
        guard choice == nil, targets.allSatisfy(\.options.isEmpty) else { return }
        let leftOut = targets.flatMap(\.leftOut)
        error =
            leftOut.isEmpty
            ? .unknownModel(request.peek.model, among: snapshot.candidates.keys)
            : .nobody(request.peek.model, leftOut, kind: request.kind.name, needs: needs, in: snapshot)
    }

    private func explain(
        _ wanted: ModelTarget, _ snapshot: RegistrySnapshot, _ routing: Configuration.Routing, hasOthers: Bool,
        now: UInt64
    ) -> Target {
        var target = Target(model: wanted.model, backend: wanted.backend)
        var forms = RequestForms(request, answerID: "")
        let eligibility = Eligibility(
            model: wanted.model, backend: wanted.backend, needs: needs, hasOthers: hasOthers)
        var eligible: [Int] = []
        switch eligibility.candidates(in: snapshot, able: { forms.form(for: $0) != nil }) {
        case .unknownModel, .nobody: break
        case .nobodyReached:
            target.leftOut = snapshot.backends.map {
                LeftOut(backend: $0, why: .down($0.status, error: $0.lastError))
            }
            return target
        case .some(let first):
            eligible = first
            target.options = options(first, wanted.model, snapshot, routing, isWhole: !request.stream, now: now)
            // They come behind, whatever their score.
            let others = eligibility.candidates(behind: first, in: snapshot, able: { forms.form(for: $0) != nil })
            eligible += others
            target.options += options(others, wanted.model, snapshot, routing, isWhole: !request.stream, now: now)
        }
        let excluded = eligibility.exclusions(in: snapshot, now: now) { forms.form(for: $0) != nil }
        target.leftOut = excluded.filter { !eligible.contains($0.index) }
            .map { LeftOut(backend: snapshot.backends[$0.index], why: $0.why) }
        return target
    }

    private func options(
        _ eligible: [Int], _ model: String, _ snapshot: RegistrySnapshot, _ routing: Configuration.Routing,
        isWhole: Bool, now: UInt64
    ) -> [Option] {
        guard !eligible.isEmpty else { return [] }
        let facts = Router.candidates(eligible, for: model, in: snapshot, isWhole: isWhole, now: now)
        var router = Router(routing)
        var ranking = router.rank(eligible, for: model, in: snapshot, isWhole: isWhole, now: now)
        var options: [Option] = []
        while let index = ranking.next() {
            guard let place = eligible.firstIndex(of: index) else { continue }
            let backend = snapshot.backends[index]
            options.append(
                Option(
                    backend: backend, facts: facts[place], score: ranking.score, hasPlace: backend.hasPlace,
                    reason: ranking.reason(isRetry: false)))
        }
        return options
    }
}
