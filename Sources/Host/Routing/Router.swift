import Core

/// Ranks the backends of an attempt by a snapshot of the registry.
///
/// One router an event loop: its turn counter is plain data. The counters of the backends are live and shared.
public struct Router: Sendable {
    private let configuration: Configuration.Routing
    private var turn: UInt64
    private var random: SystemRandomNumberGenerator

    /// - Parameter seed: different for each loop, so that the loops do not walk in step.
    public init(_ configuration: Configuration.Routing, seed: UInt64 = 0) {
        self.configuration = configuration
        turn = seed
        random = SystemRandomNumberGenerator()
    }

    /// - Parameter eligible: places in the snapshot's list of backends, as `Dispatch.eligible` gives them.
    public mutating func rank(_ eligible: [Int], in snapshot: RegistrySnapshot) -> Ranking {
        if eligible.count == 1 { return Ranking(only: eligible[0], configuration) }
        let candidates = eligible.map { index in
            let backend = snapshot.backends[index]
            return Candidate(
                index: index, priority: backend.identity.priority, inFlight: backend.counters.load,
                recentLatency: backend.counters.recentLatencyMilliseconds)
        }
        turn &+= 1
        return Ranking(
            candidates, configuration, turn: turn, random: configuration.strategy == .random ? random.next() : 0)
    }
}
