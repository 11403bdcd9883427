import Core

/// What the gateway counts and learns, together, as it is kept for its next run. Callable from any thread.
struct KeptMemory: Sendable {
    private let figures: ExchangeFigures
    private let registry: Registry
    private let hedges: Hedges
    private let keyring: @Sendable () -> Keyring

    init(figures: ExchangeFigures, registry: Registry, hedges: Hedges, keyring: @escaping @Sendable () -> Keyring) {
        self.figures = figures
        self.registry = registry
        self.hedges = hedges
        self.keyring = keyring
    }

    /// Takes what earlier runs have counted and learnt; to be called once.
    /// - Parameter kept: may come from a file that anybody wrote.
    func restore(_ kept: [KeptFigure]) {
        let (now, wall) = (Clock.monotonicNanoseconds(), Clock.wallSeconds())
        figures.restore(kept)
        registry.estimates.restore(kept)
        registry.restore(kept, now: now, wall: wall)
        hedges.restore(kept)
        keyring().restore(kept, now: now, wall: wall)
    }

    /// What is counted and learnt by now: all of it, or what these entries have changed.
    func figures(changedBy entries: [HistoryEntry]?) -> [KeptFigure] {
        let (now, wall) = (Clock.monotonicNanoseconds(), Clock.wallSeconds())
        guard let entries else {
            return figures.kept + registry.estimates.kept + registry.keptTimes(of: nil, now: now, wall: wall)
                + hedges.kept(of: nil) + keyring().kept(of: nil, now: now, wall: wall)
        }
        let known = Set(entries.compactMap(\.knownModel))
        return figures.kept(
            models: Set(entries.map { $0.knownModel ?? $0.model }), backends: Set(entries.map(\.backendID)))
            + registry.estimates.kept(of: known)
            + registry.keptTimes(of: Self.pairs(entries), now: now, wall: wall)
            + hedges.kept(of: known)
            + keyring().kept(of: Set(entries.compactMap(\.key)), now: now, wall: wall)
    }

    /// Where attempts were made.
    private static func pairs(_ entries: [HistoryEntry]) -> Set<KeptPair> {
        var pairs: Set<KeptPair> = []
        for entry in entries {
            if let model = entry.knownModel { pairs.insert(KeptPair(backend: entry.backendID, model: model)) }
            for step in entry.route {
                guard let model = step.model ?? entry.knownModel else { continue }
                pairs.insert(KeptPair(backend: step.backend, model: model))
            }
        }
        return pairs
    }
}
