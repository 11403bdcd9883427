/// Turns probe results into a status: a healthy backend becomes unhealthy after `failureThreshold` failures in a row,
/// an unhealthy one healthy after `recoveryThreshold` successes in a row. The first result of all counts at once.
public struct HealthTracker: Sendable, Equatable {
    /// Which way it is going: so many of so many results in a row have been against what it is.
    public enum Heading: Sendable, Equatable {
        case steady
        case down(failures: Int, of: Int)
        case up(successes: Int, of: Int)
    }

    public private(set) var status = BackendStatus.unknown
    private var failures = 0
    private var successes = 0
    private var failureThreshold = 1
    private var recoveryThreshold = 1

    /// Thresholds below 1 count as 1.
    public init(failureThreshold: Int, recoveryThreshold: Int) {
        setThresholds(failure: failureThreshold, recovery: recoveryThreshold)
    }

    /// Other thresholds from the next result on.
    public mutating func setThresholds(failure: Int, recovery: Int) {
        failureThreshold = max(1, failure)
        recoveryThreshold = max(1, recovery)
    }

    public var heading: Heading {
        switch status {
        case .healthy where failures > 0: .down(failures: failures, of: failureThreshold)
        case .unhealthy where successes > 0: .up(successes: successes, of: recoveryThreshold)
        default: .steady
        }
    }

    /// Takes one result. True when the status changed.
    public mutating func record(success: Bool) -> Bool {
        let before = status
        if success {
            failures = 0
            successes = min(successes + 1, recoveryThreshold)
            if status == .unknown || successes >= recoveryThreshold { status = .healthy }
        } else {
            successes = 0
            failures = min(failures + 1, failureThreshold)
            if status == .unknown || failures >= failureThreshold { status = .unhealthy }
        }
        return status != before
    }
}
