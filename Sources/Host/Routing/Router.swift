import Core

/// Ranks the backends of an attempt by a snapshot of the registry.
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

    /// Backends that are to be left alone (`BackendCounters.asideUntil`) come behind all others.
    /// - Parameters:
    ///   - eligible: places in the snapshot's list of backends, as `Dispatch.eligible` gives them.
    ///   - model: the name at the backends.
    ///   - isRetry: another was tried before: that takes no turn of the others.
    ///   - now: nanoseconds of the monotonic clock.
    public mutating func rank(
        _ eligible: [Int], in snapshot: RegistrySnapshot, model: String = "", isRetry: Bool = false, now: UInt64 = 0
    ) -> Ranking {
        if eligible.count == 1 { return Ranking(only: eligible[0], configuration) }
        var resting: [Candidate] = []
        var candidates: [Candidate] = []
        candidates.reserveCapacity(eligible.count)
        for index in eligible {
            let backend = snapshot.backends[index]
            let candidate = Candidate(
                index: index, priority: backend.identity.priority,
                inFlight: backend.counters.load + backend.counters.penalty(now: now),
                recentLatency: backend.counters.recentLatencyMilliseconds,
                asideUntil: backend.counters.asideUntil(model, now: now))
            if candidate.asideUntil > 0 { resting.append(candidate) } else { candidates.append(candidate) }
        }
        if !isRetry { turn &+= 1 }
        return Ranking(
            candidates, resting: resting, configuration, turn: turn,
            random: configuration.strategy == .random ? random.next() : 0)
    }
}
