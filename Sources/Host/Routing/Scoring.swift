import Core

/// The smart strategy's score of one backend. Pure.
///
/// Work and time count by doublings: twice the work takes the same points whether it is 2 requests or 20, so that no backend is
/// ever so busy that more makes no difference. The scales are such that a part takes about its weight at 15 requests in front, at 20
/// seconds to the first token, at priority 100, and where a model is not loaded.
enum Scoring {
    /// Doublings of work that take a part's whole weight.
    private static let doublings = 4.0
    /// Doublings of time that do. With fewer, `smart` leaves the slower of two idle backends idle for longer than its speed
    /// deserves: most requests begin later for it (docs/routing.md, "The strategies compared").
    private static let timeDoublings = 6.0
    /// Milliseconds to the first token from which on they double.
    private static let shortTime = 312.5
    private static let priorityScale = 100.0
    /// Requests in front that one failure in a row counts as.
    private static let failureWork = 4.0

    static func score(_ candidate: Candidate, _ weights: Configuration.Routing.Weights) -> RouteScore {
        var score = RouteScore()
        func take(_ part: RouteScore.Part, _ weight: Int, _ amount: Double) { score[part] = -Double(weight) * amount }
        take(.loaded, weights.loaded, missing(candidate.readiness))
        take(.work, weights.load, doublings(Double(candidate.work) / Double(candidate.slots)) / doublings)
        take(.firstToken, weights.latency, doublings(candidate.firstToken / shortTime) / timeDoublings)
        take(.priority, weights.priority, Double(max(0, candidate.priority)) / priorityScale)
        take(.failures, weights.failures, doublings(failureWork * Double(candidate.failures)) / doublings)
        take(.errors, weights.errors, candidate.errorRate)
        return score
    }

    /// How much of a load is still to be done before the model can answer.
    private static func missing(_ readiness: ModelReadiness) -> Double {
        switch readiness {
        case .loaded, .unknown: 0
        case .loading: 0.5
        case .notLoaded: 1
        }
    }

    /// How often 1 must be doubled to reach 1 + `amount`; between two doublings in a straight line, which needs no logarithm.
    private static func doublings(_ amount: Double) -> Double {
        guard amount > 0, amount.isFinite else { return 0 }
        let value = 1 + amount
        return Double(value.exponent) + (value.significand - 1)
    }
}
