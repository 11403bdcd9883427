import Adapters
import Core
import Dashboard
import Logging
import NIOCore
import Synchronization

/// What all event loops share. Immutable but for the parts that synchronise themselves.
final class GatewayState: Sendable {
    static let version = "0.1.0"

    let configuration: Configuration
    let logger: Logger
    let registry: Registry
    let journal: Journal
    let broadcaster: Broadcaster
    let adapters: AdapterLibrary
    let actions: ActionRuns
    let requestTimeout: TimeAmount
    let maximumBody: Int
    let maximumAttempts: Int
    let allowedOrigins: [String]
    private let startedAt = NIODeadline.now()
    private let reprobe = Mutex<(@Sendable (BackendSnapshot) -> Void)?>(nil)
    private let strategyName: String

    init(
        configuration: Configuration, logger: Logger, registry: Registry, journal: Journal, broadcaster: Broadcaster,
        adapters: AdapterLibrary
    ) {
        self.configuration = configuration
        self.logger = logger
        self.registry = registry
        self.journal = journal
        self.broadcaster = broadcaster
        self.adapters = adapters
        actions = ActionRuns { broadcaster.publish(.action($0)) }
        requestTimeout = TimeAmount(configuration.server.requestTimeout)
        maximumBody = configuration.server.maxBodyBytes
        maximumAttempts = 1 + configuration.routing.maxRetries
        allowedOrigins = configuration.server.allowedOrigins
        strategyName = configuration.routing.strategy.rawValue
    }

    var uptimeSeconds: UInt64 { UInt64((NIODeadline.now() - startedAt).nanoseconds / 1_000_000_000) }

    var localAnswers: LocalAnswers { LocalAnswers(state: self) }

    var operatorAnswers: OperatorAnswers { OperatorAnswers(state: self) }

    /// For the x-nexus-route-reason field: how the backend was chosen.
    func routeReason(candidates: Int, retried: Bool) -> String {
        let base = candidates == 1 ? "only-candidate" : "\(strategyName);candidates=\(candidates)"
        return retried ? base + ";retry" : base
    }

    /// A backend could not be reached: it is probed at once rather than at the next round.
    func noteUnreachable(_ backend: BackendSnapshot) { reprobe.withLock { $0 }?(backend) }

    func onUnreachable(_ action: @escaping @Sendable (BackendSnapshot) -> Void) { reprobe.withLock { $0 = action } }

    var statistics: Statistics {
        let views = registry.views
        return Statistics(
            uptimeSeconds: uptimeSeconds, requests: journal.totals,
            backends: views.map {
                Statistics.Backend(
                    id: $0.id, name: $0.name, requests: $0.totalRequests,
                    averageLatencyMilliseconds: $0.averageLatencyMilliseconds, pending: $0.pendingRequests)
            },
            models: journal.models)
    }
}

extension TimeAmount {
    /// Cut to the nanosecond; durations beyond 292 years count as that.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        self = overflow ? .nanoseconds(.max) : .nanoseconds(product + attoseconds / 1_000_000_000)
    }
}
