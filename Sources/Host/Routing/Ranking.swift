import Core

/// Backends for one attempt, best first, drawn one by one until one has a place. Pure; takes no place itself.
public struct Ranking: Sendable {
    private enum Left: Sendable {
        case one(Int)
        case several([Candidate])
        case none
    }

    private var left: Left
    /// Where among several the one is that was drawn last. It is taken out when the next is drawn, which mostly none is.
    private var drawn: Int?
    /// To be drawn when none of the others is left, the one first that may be asked again first.
    private var resting: [Candidate]
    /// What was drawn last is one of these, or the only one.
    public private(set) var isLastResort = false
    private let configuration: Configuration.Routing
    private var turn: UInt64
    private let random: UInt64
    /// Of what was drawn last, by the smart strategy.
    public private(set) var score: RouteScore?
    /// How many there were.
    public let count: Int

    /// - Parameters:
    ///   - resting: come behind all others.
    ///   - turn: increases by one with each ranking; spreads equals evenly.
    ///   - random: any number, for the strategies that draw.
    ///   - count: how many there are, where these are but some of them.
    init(
        _ candidates: [Candidate], resting: [Candidate] = [], _ configuration: Configuration.Routing, turn: UInt64,
        random: UInt64, of count: Int? = nil
    ) {
        left = candidates.isEmpty ? .none : .several(candidates)
        self.resting = resting.sorted { ($0.asideUntil, $0.priority) < ($1.asideUntil, $1.priority) }
        self.count = count ?? candidates.count + resting.count
        self.configuration = configuration
        self.turn = turn
        self.random = random
    }

    /// - Parameter index: of the only one.
    init(only index: Int, _ configuration: Configuration.Routing) {
        left = .one(index)
        resting = []
        count = 1
        self.configuration = configuration
        (turn, random) = (0, 0)
    }

    /// The best of those left, as a place in the snapshot's list of backends.
    public mutating func next() -> Int? {
        switch left {
        case .none:
            isLastResort = true
            guard !resting.isEmpty else { return nil }
            let candidate = resting.removeFirst()
            score = configuration.strategy == .smart ? Scoring.score(candidate, configuration.weights) : nil
            return candidate.index
        case .one(let index):
            left = .none
            isLastResort = true
            return index
        case .several(var candidates):
            if let drawn {
                left = .none
                candidates.remove(at: drawn)
                self.drawn = nil
                left = candidates.isEmpty ? .none : .several(candidates)
                return next()
            }
            guard
                let pick = Selection.pick(
                    candidates, strategy: configuration.strategy, weights: configuration.weights, turn: turn,
                    random: random)
            else { return nil }
            turn &+= 1
            score = pick.score
            drawn = pick.place
            return candidates[pick.place].index
        }
    }

    /// Why what was drawn last was chosen.
    /// - Parameter isRetry: another was tried before.
    public func reason(isRetry: Bool) -> RouteReason {
        if count == 1 { return isRetry ? .onlyAgain : .only }
        return RouteReason(configuration.strategy, candidates: count, isRetry: isRetry, score: score)
    }
}
