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
    ///   - random: what is drawn from.
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
    ///   - model: its name at the backends.
    ///   - isRetry: another was tried before: that takes no turn of the others.
    ///   - isWhole: a whole answer is asked for, not a stream: what counts is how long such answers took.
    ///   - now: nanoseconds of the monotonic clock.
    ///   - count: how many could be asked, where these were drawn from more.
    public mutating func rank(
        _ eligible: [Int], for model: String = "", in snapshot: RegistrySnapshot, isRetry: Bool = false,
        isWhole: Bool = false,
        now: UInt64 = 0,
        of count: Int? = nil
    ) -> Ranking {
        if eligible.count == 1, count == nil { return Ranking(only: eligible[0], configuration) }
        let standings = snapshot.standings.isEmpty ? nil : snapshot.standings[model]
        var resting: [Candidate] = []
        var candidates: [Candidate] = []
        candidates.reserveCapacity(eligible.count)
        for index in eligible {
            let candidate = Candidate(index, in: snapshot, of: model, standings, isWhole: isWhole, now: now)
            if rests(candidate) { resting.append(candidate) } else { candidates.append(candidate) }
        }
        if !isRetry { turn &+= 1 }
        return Ranking(
            candidates, resting: resting, configuration, turn: turn, random: draws ? random.next() : 0, of: count)
    }

    /// The same as `rank` sees of them, for whoever wants to know why.
    /// - Parameters:
    ///   - isWhole: as for `rank`.
    ///   - now: nanoseconds of the monotonic clock.
    public static func candidates(
        _ eligible: [Int], for model: String, in snapshot: RegistrySnapshot, isWhole: Bool = false, now: UInt64
    ) -> [Candidate] {
        let standings = snapshot.standings[model]
        return eligible.map { Candidate($0, in: snapshot, of: model, standings, isWhole: isWhole, now: now) }
    }

    private var draws: Bool { configuration.strategy == .random || configuration.strategy == .leastLoaded }

    private func rests(_ candidate: Candidate) -> Bool {
        if candidate.asideUntil > 0 { return true }
        guard let limit = configuration.errorRateExclude else { return false }
        return candidate.errorRate >= limit
    }

    // MARK: Many backends

    /// Some of the backends that can be asked for a model.
    public struct Drawn: Sendable {
        /// Places in the snapshot's list of backends, each once.
        public let indices: [Int]
        /// How many can be asked.
        public let count: Int
    }

    /// Of each kind, where there are too many to look at each of them.
    private static let drawn = 4

    /// Some of the backends that can be asked for a model, where there are so many that looking at each would take too long: of
    /// those that have it loaded, of those with the best priority, and of all. Nil: there are not so many.
    public mutating func draw(for model: String, in snapshot: RegistrySnapshot) -> Drawn? {
        guard let list = snapshot.shortlists[model] else { return nil }
        let all = list.all
        var drawn: [Int] = []
        drawn.reserveCapacity(3 * Self.drawn)
        switch configuration.strategy {
        case .roundRobin: drawn.append(all[Int((turn &+ 1) % UInt64(all.count))])
        case .random, .leastLoaded: draw(2, of: all, into: &drawn)
        case .priorityOnly: draw(3 * Self.drawn, of: list.first, into: &drawn)
        case .smart:
            draw(Self.drawn, of: list.loaded, into: &drawn)
            draw(Self.drawn, of: list.first, into: &drawn)
            draw(Self.drawn, of: all, into: &drawn)
        }
        return Drawn(indices: drawn, count: all.count)
    }

    /// Draws that many, each once; fewer where it draws one again.
    private mutating func draw(_ count: Int, of indices: [Int], into drawn: inout [Int]) {
        guard !indices.isEmpty else { return }
        for _ in 0..<count {
            // The upper half of a product: as even as a remainder, without the division (Lemire, 2019).
            let place = random.next().multipliedFullWidth(by: UInt64(indices.count)).high
            let index = indices[Int(place)]
            if !drawn.contains(index) { drawn.append(index) }
        }
    }
}
