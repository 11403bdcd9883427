import Core

/// What is left of the work that a fleet can do when more is asked of it: requests by the share of what it can do, each backend
/// with `max_concurrent` and a short queue, in virtual time.
public enum Overload {
    public struct Figures: Sendable {
        /// Requests answered in a second.
        public var goodput: Double
        /// Requests that were refused, and the longest that one of them waited for that, in seconds.
        public var refused: Int
        public var slowestRefusal: Double
    }

    /// - Parameter share: of what all backends together can do; 3: three times as much is asked.
    public static func run(share: Double, backends: Int = 5, seconds: Int = 300, seed: UInt64) -> Figures {
        let scenario = StudyScenario("overload", backends, .limits, seconds: seconds, share: share)
        let outcome = StudyRun.run(scenario, .smart, seed: seed) { configuration in
            configuration.queue.maxSize = 32
            configuration.queue.maxWait = .seconds(600)
        }
        return Figures(
            goodput: Double(outcome.inTime) / Double(seconds), refused: outcome.refusals.count,
            slowestRefusal: outcome.refusals.max() ?? 0)
    }
}
