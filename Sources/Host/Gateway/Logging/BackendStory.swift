import Core
import Logging

/// What the log says of a backend that stands otherwise than before: once for each change, with the reason. Pure.
struct BackendStory: Equatable {
    var level: Logger.Level
    var message: String
    var reason: String?
    /// How long it did not serve, in seconds; nil: it did.
    var awaySeconds: Double?

    /// Nil: another line tells of it, or there is nothing to tell.
    init?(_ change: BackendChange) {
        guard change.before.status != change.after.status else {
            guard change.before.state != change.after.state else { return nil }
            (level, reason) = (.debug, change.reason ?? change.stateReason)
            message =
                switch change.after.state {
                case .goingDown: "backend begins to fail"
                case .goingUp: "backend begins to answer"
                default: "backend is as it was"
                }
            if let state = change.stateReason, let why = change.reason { reason = "\(state) \(why)" }
            return
        }
        switch change.after.status {
        case .healthy where change.before.status == .degraded:
            (level, message) = (.notice, "backend serves again")
        case .healthy where change.before.status == .unhealthy:
            (level, message, awaySeconds) = (.notice, "backend is up again", change.lasted)
        case .healthy where change.before.status == .unknown: (level, message) = (.info, "backend is up")
        case .unhealthy: (level, message, reason) = (.warning, "backend is down", change.reason)
        case .degraded:
            (level, reason) = (.warning, change.reason)
            message = "backend is left alone for a while, where another can serve"
        // Who drains, enables or replaces one says so.
        case .healthy, .draining, .unknown: return nil
        }
    }

    /// Writes it.
    static func tell(_ change: BackendChange, to logger: Logger) {
        guard let story = BackendStory(change) else { return }
        guard logger.logLevel <= story.level else { return }
        var fields: Logger.Metadata = ["backend": "\(change.backend)"]
        if let reason = story.reason { fields["reason"] = "\(reason)" }
        if let seconds = story.awaySeconds {
            fields["down_seconds"] = .stringConvertible((seconds * 10).rounded() / 10)
        }
        logger.log(level: story.level, "\(story.message)", metadata: fields)
    }
}
