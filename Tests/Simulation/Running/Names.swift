import Core

/// What the operator's names stand for, as it must be by docs/routing.md, and what was in force when.
final class Names {
    private struct Version {
        let since: UInt64
        let routing: Configuration.Routing
    }

    private unowned let oracle: Oracle
    private var versions: [Version] = []

    init(_ oracle: Oracle) { self.oracle = oracle }

    /// From here on this is in force.
    func take(_ routing: Configuration.Routing) {
        versions.append(Version(since: oracle.loop.elapsed, routing: routing))
    }

    /// A request goes to a backend under this name.
    /// - Parameter backend: its name; nil: not known.
    func check(_ ask: Ask, model: String, backend: String? = nil) {
        guard ask.isExchange else { return }
        let sent = oracle.book[ask.number].sentAt
        for (place, version) in versions.enumerated() {
            // One that was replaced before it was sent does not count.
            if place + 1 < versions.count, versions[place + 1].since < sent { continue }
            if Self.isMeant(model, backend, by: ask.model, version.routing) { return }
        }
        let place = backend.map { " at \($0)" } ?? ""
        oracle.violation("rule 12: ask \(ask.number) for \(ask.model) is asked for as \(model)\(place)")
    }

    private static func isMeant(
        _ model: String, _ backend: String?, by name: String, _ routing: Configuration.Routing
    ) -> Bool {
        var open: [(name: String, backend: String?)] = [(name, nil)]
        var seen: Set<String> = []
        while let next = open.popLast() {
            guard seen.insert(next.name + "@" + (next.backend ?? "")).inserted else { continue }
            for fallback in routing.fallbacks[next.name] ?? [] { open.append((fallback, nil)) }
            if let alias = routing.aliases[next.name] {
                for target in alias.targets { open.append((target.model, target.backend)) }
            } else if next.name == model, next.backend == nil || backend == nil || next.backend == backend {
                return true
            }
        }
        return false
    }

    // MARK: By lot

    /// What names stand for in a run: each leads to m0 in the end, which all servers have.
    static func draw(_ routing: inout Configuration.Routing, _ random: inout SeededRandom) {
        let (m0, m1) = (ModelAlias.Target("m0"), ModelAlias.Target("m1"))
        routing.aliases = ["alias": "m0"]
        routing.fallbacks = [:]
        switch Int.random(in: 0..<6, using: &random) {
        case 0: routing.aliases["alias"] = ModelAlias([m1, m0])
        case 1:
            let heavy = ModelAlias.Target("m0", weight: Int.random(in: 1...4, using: &random))
            routing.aliases["alias"] = ModelAlias([heavy, m1], isWeighted: true)
        case 2:
            routing.aliases["small"] = ModelAlias([m1, m0])
            routing.aliases["best"] = ModelAlias([ModelAlias.Target("m2"), ModelAlias.Target("small")])
            routing.aliases["alias"] = "best"
        case 3: routing.aliases["alias"] = ModelAlias([ModelAlias.Target("m0", backend: "b0"), m0])
        case 4:
            routing.aliases["alias"] = "m2"
            routing.fallbacks = ["m2": ["m1"], "m1": ["m0"]]
        default: break
        }
        if Bool.random(using: &random) { routing.fallbacks["m1"] = ["m0"] }
    }
}

extension Oracle {
    /// Others that could have been asked in the place of the one that is: those that serve and have a place.
    func openTo(_ view: ExchangeView) -> [BackendSnapshot] {
        let snapshot = view.snapshot
        return (snapshot.candidates[view.model] ?? []).map { snapshot.backends[$0] }.filter { backend in
            backend !== view.backend && backend.counters.inFlight < backend.identity.maxConcurrent ?? .max
                && !view.tried.contains(backend.identity.id)
                && (view.onlyBackend == nil || view.onlyBackend == backend.identity.name)
        }
    }

    /// Who was asked fits the request, or nobody fits it better.
    func checkNeeds(_ ask: Ask, model: String, at backend: BackendSnapshot, others: [BackendSnapshot]) {
        guard let world, let own = world.gateway.told(model, of: backend) else { return }
        if ask.hasImage, own.told.contains(.vision), !own.capabilities.contains(.vision) {
            violation("rule 13: ask \(ask.number) has an image and goes to \(backend.identity.name), which sees none")
        }
        let better = others.compactMap { world.gateway.told(model, of: $0) }
        if ask.hasImage {
            let hasBetter = better.contains { $0.capabilities.contains(.vision) }
            if own.capabilities.contains(.vision) {
                sometimes(.sentWhereImagesAreSeen)
            } else if hasBetter, ask.padding == 0 {
                violation(
                    "rule 13: ask \(ask.number) has an image and goes to \(backend.identity.name), another sees it")
            }
            // Of those that see it the length chooses, and the rule for it is the same.
            return
        }
        func isTooSmall(_ model: Model) -> Bool {
            model.contextLength > 0 && model.contextLength < ask.fewestTokens
        }
        if isTooSmall(own), better.contains(where: { $0.contextLength > ask.mostTokens }) {
            violation("rule 13: ask \(ask.number) is too long for \(backend.identity.name), and another has room")
        }
        if own.contextLength > 0, !isTooSmall(own), better.contains(where: isTooSmall) {
            sometimes(.sentWhereThereIsRoom)
        }
    }
}
