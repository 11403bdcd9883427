import Core

/// Chooses the backend of an attempt from a snapshot of the registry.
///
/// One router an event loop: its turn counter is plain data. The counters of the backends are live and shared.
public struct Router: Sendable {
    private let configuration: Configuration.Routing
    private var turn: UInt64
    private var random: SeededRandom

    /// - Parameters:
    ///   - seed: different for each loop, so that the loops do not walk in step.
    ///   - random: what the random strategy draws from.
    public init(
        _ configuration: Configuration.Routing, seed: UInt64 = 0,
        random: SeededRandom = SeededRandom(seed: .random(in: .min ... .max))
    ) {
        self.configuration = configuration
        turn = seed
        self.random = random
    }

    public enum Choice: Sendable {
        /// A place at the backend is taken; `counters.ended` must follow once.
        case backend(BackendSnapshot, candidates: Int)
        /// No backend has or had the model.
        case unknownModel
        /// Backends have it, and none of them is healthy and untried.
        case unavailable([BackendSnapshot])
        /// Those that could serve run as many exchanges as they may.
        case busy([BackendSnapshot])
    }

    /// The name at the backends that a client's name stands for.
    public func resolved(_ model: String) -> String {
        configuration.aliases.isEmpty ? model : configuration.aliases[model] ?? model
    }

    /// - Parameters:
    ///   - model: alias resolved.
    ///   - tried: ids of backends that were tried for this exchange.
    ///   - able: whether a backend can serve this kind of request at all.
    public mutating func choose(
        model: String, snapshot: RegistrySnapshot, tried: [String], able: (BackendSnapshot) -> Bool
    ) -> Choice {
        guard let indices = snapshot.candidates[model] else {
            guard let holders = snapshot.holders[model] else { return .unknownModel }
            return .unavailable(holders.map { snapshot.backends[$0] })
        }
        if indices.count == 1, tried.isEmpty {
            let backend = snapshot.backends[indices[0]]
            if able(backend), backend.counters.begin(limit: backend.identity.maxConcurrent) {
                return .backend(backend, candidates: 1)
            }
        }
        return chooseAmong(indices, snapshot: snapshot, tried: tried, able: able)
    }

    private mutating func chooseAmong(
        _ indices: [Int], snapshot: RegistrySnapshot, tried: [String], able: (BackendSnapshot) -> Bool
    ) -> Choice {
        var candidates: [Candidate] = []
        for index in indices {
            let backend = snapshot.backends[index]
            guard !tried.contains(backend.identity.id), able(backend) else { continue }
            candidates.append(
                Candidate(
                    index: index, priority: backend.identity.priority, inFlight: backend.counters.load,
                    recentLatency: backend.counters.recentLatencyMilliseconds))
        }
        let total = candidates.count
        guard total > 0 else { return .unavailable(indices.map { snapshot.backends[$0] }) }
        while !candidates.isEmpty {
            turn &+= 1
            guard
                let picked = Selection.pick(
                    candidates, strategy: configuration.strategy, weights: configuration.weights, turn: turn,
                    random: configuration.strategy == .random ? random.next() : 0)
            else { break }
            let backend = snapshot.backends[picked.index]
            if backend.counters.begin(limit: backend.identity.maxConcurrent) {
                return .backend(backend, candidates: total)
            }
            candidates.removeAll { $0.index == picked.index }
        }
        return .busy(indices.map { snapshot.backends[$0] })
    }
}
