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
        var leftOut: [(backend: BackendSnapshot, reason: String)] = []
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
        needs = Needs(request.peek, bytes: request.body.readableBytes)
        strategy = settings.routing.strategy
        let models = request.chain?.targets ?? [ModelTarget(request.model)]
        for (index, model) in models.enumerated() {
            let target = explain(model, snapshot, settings.routing, now: now)
            if choice == nil, let option = target.options.firstIndex(where: \.hasPlace) { choice = (index, option) }
            targets.append(target)
        }
        guard choice == nil, targets.allSatisfy(\.options.isEmpty) else { return }
        let leftOut = targets.flatMap(\.leftOut).map(\.backend)
        error =
            leftOut.isEmpty
            ? .unknownModel(request.peek.model, among: snapshot.candidates.keys)
            : .unavailable(request.peek.model, leftOut, kind: request.kind.name)
    }

    private func explain(
        _ wanted: ModelTarget, _ snapshot: RegistrySnapshot, _ routing: Configuration.Routing, now: UInt64
    ) -> Target {
        var target = Target(model: wanted.model, backend: wanted.backend)
        var forms = RequestForms(request, answerID: "")
        let eligibility = Eligibility(model: wanted.model, backend: wanted.backend, needs: needs)
        var eligible: [Int] = []
        if case .some(let indices) = eligibility.candidates(
            in: snapshot, able: { forms.form(for: $0) != nil })
        {
            eligible = indices
        }
        target.options = options(eligible, wanted.model, snapshot, routing, now: now)
        let holders = snapshot.holders[wanted.model] ?? snapshot.takingAny
        target.leftOut = holders.filter { !eligible.contains($0) }.map { index in
            let backend = snapshot.backends[index]
            return (backend, ErrorBody.reason(backend, kind: request.kind.name))
        }
        return target
    }

    private func options(
        _ eligible: [Int], _ model: String, _ snapshot: RegistrySnapshot, _ routing: Configuration.Routing, now: UInt64
    ) -> [Option] {
        guard !eligible.isEmpty else { return [] }
        let facts = Router.candidates(eligible, for: model, in: snapshot, now: now)
        var router = Router(routing)
        var ranking = router.rank(eligible, for: model, in: snapshot, now: now)
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
