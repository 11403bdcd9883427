import Core
import NIOCore

/// What of the configuration counts for each request and can change while the gateway runs. Each loop has a copy.
struct LiveSettings: Sendable {
    let routing: Configuration.Routing
    let requestTimeout: TimeAmount
    let maximumBody: Int
    let maximumAttempts: Int
    let allowedOrigins: [String]
    /// After how long without a sign a stream's client gets a comment; nil: never.
    let keepAlive: TimeAmount?

    init(_ configuration: Configuration) {
        routing = configuration.routing
        requestTimeout = TimeAmount(configuration.server.requestTimeout)
        maximumBody = configuration.server.maxBodyBytes
        maximumAttempts = 1 + configuration.routing.maxRetries
        allowedOrigins = configuration.server.allowedOrigins
        let seconds = configuration.server.streamKeepAlive
        keepAlive = seconds == .zero ? nil : TimeAmount(seconds)
    }

    /// For the x-nexus-route-reason field: how the backend was chosen.
    func routeReason(candidates: Int, retried: Bool) -> String {
        let base = candidates == 1 ? "only-candidate" : "\(routing.strategy.rawValue);candidates=\(candidates)"
        return retried ? base + ";retry" : base
    }
}

extension TimeAmount {
    /// Cut to the nanosecond; durations beyond 292 years count as that.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let whole = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let sum = whole.partialValue.addingReportingOverflow(attoseconds / 1_000_000_000)
        self = .nanoseconds(
            whole.overflow || sum.overflow ? (seconds < 0 ? .min : .max) : sum.partialValue)
    }
}
