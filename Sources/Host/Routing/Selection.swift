import Core

/// Picks one of several candidates. Pure: everything that varies is passed in.
public enum Selection {
    /// What was picked.
    struct Pick: Equatable {
        /// In the list of candidates.
        var place: Int
        /// Of the smart strategy.
        var score: RouteScore?
    }

    /// - Parameters:
    ///   - candidates: not empty; otherwise the result is nil.
    ///   - turn: increases by one with each choice; spreads equals evenly.
    ///   - random: any number, for the strategies that draw.
    static func pick(
        _ candidates: [Candidate], strategy: Configuration.Routing.Strategy, weights: Configuration.Routing.Weights,
        turn: UInt64, random: UInt64
    ) -> Pick? {
        let count = candidates.count
        guard count > 0 else { return nil }
        guard count > 1 || strategy == .smart else { return Pick(place: 0) }
        switch strategy {
        case .roundRobin: return Pick(place: Int(turn % UInt64(count)))
        case .random: return Pick(place: Int(random % UInt64(count)))
        case .leastLoaded: return Pick(place: lessLoaded(candidates, random))
        case .priorityOnly: return Pick(place: best(candidates, turn) { Double(-$0.priority) })
        case .smart:
            let place = best(candidates, turn) { Scoring.score($0, weights).total }
            return Pick(place: place, score: Scoring.score(candidates[place], weights))
        }
    }

    /// Of two that are drawn, the one with less to do (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 1996):
    /// nearly as even as the least of all, and no crowd at the one that was the least when its load was told.
    private static func lessLoaded(_ candidates: [Candidate], _ random: UInt64) -> Int {
        let count = UInt64(candidates.count)
        let first = Int((random & 0xFFFF_FFFF) % count)
        let other = Int((random >> 32) % (count - 1))
        let second = other < first ? other : other + 1
        return isLess(candidates[second], candidates[first]) ? second : first
    }

    /// By requests for each that the server works on at once.
    private static func isLess(_ one: Candidate, _ other: Candidate) -> Bool {
        one.work.multipliedFullWidth(by: other.slots) < other.work.multipliedFullWidth(by: one.slots)
    }

    /// The place of the highest value; equals take turns.
    private static func best(_ candidates: [Candidate], _ turn: UInt64, _ value: (Candidate) -> Double) -> Int {
        let start = Int(turn % UInt64(candidates.count))
        var best = (place: start, value: value(candidates[start]))
        for offset in stride(from: 1, to: candidates.count, by: 1) {
            let place = start + offset < candidates.count ? start + offset : start + offset - candidates.count
            let value = value(candidates[place])
            if value > best.value { best = (place, value) }
        }
        return best.place
    }
}
