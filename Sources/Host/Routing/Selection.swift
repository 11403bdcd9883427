import Core

/// Picks one of several candidates. Pure: everything that varies is passed in.
public enum Selection {
    /// Beyond this a backend's priority, load or latency makes no further difference to the smart score.
    private static let priorityScale = 100.0
    private static let loadScale = 16.0
    private static let latencyScale = 5000.0

    /// - Parameters:
    ///   - candidates: not empty; otherwise the result is nil.
    ///   - turn: increases by one with each choice; spreads equals evenly.
    ///   - random: any number, for the random strategy.
    public static func pick(
        _ candidates: [Candidate], strategy: Configuration.Routing.Strategy, weights: Configuration.Routing.Weights,
        turn: UInt64, random: UInt64
    ) -> Candidate? {
        guard let first = candidates.first else { return nil }
        guard candidates.count > 1 else { return first }
        switch strategy {
        case .roundRobin: return candidates[Int(turn % UInt64(candidates.count))]
        case .random: return candidates[Int(random % UInt64(candidates.count))]
        case .leastLoaded: return best(candidates, turn) { Double(-$0.inFlight) }
        case .priorityOnly: return best(candidates, turn) { Double(-$0.priority) }
        case .smart: return best(candidates, turn) { score($0, weights) }
        }
    }

    /// Between 0 and the sum of the weights, higher is better: each part falls linearly from its weight to 0.
    static func score(_ candidate: Candidate, _ weights: Configuration.Routing.Weights) -> Double {
        func part(_ value: Double, _ scale: Double, _ weight: Int) -> Double {
            Double(weight) * (1 - min(max(value, 0), scale) / scale)
        }
        return part(Double(candidate.priority), priorityScale, weights.priority)
            + part(Double(candidate.inFlight), loadScale, weights.load)
            + part(candidate.recentLatency, latencyScale, weights.latency)
    }

    /// The highest score; equals take turns.
    private static func best(_ candidates: [Candidate], _ turn: UInt64, _ score: (Candidate) -> Double) -> Candidate? {
        let start = Int(turn % UInt64(candidates.count))
        var best: (candidate: Candidate, score: Double)?
        for offset in 0..<candidates.count {
            let candidate = candidates[(start + offset) % candidates.count]
            let value = score(candidate)
            if best.map({ value > $0.score }) ?? true { best = (candidate, value) }
        }
        return best?.candidate
    }
}
