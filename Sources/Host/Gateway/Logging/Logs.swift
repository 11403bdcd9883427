import Core
import Logging

/// The loggers of the gateway, one for each component.
struct Logs: Sendable {
    let gateway: Logger
    let backends: Logger
    let routing: Logger
    let adapters: Logger
    let connections: Logger
    let operators: Logger
    let history: Logger
    let tracing: Logger

    init(_ make: (Configuration.Logging.Component) -> Logger) {
        gateway = make(.gateway)
        backends = make(.backends)
        routing = make(.routing)
        adapters = make(.adapters)
        connections = make(.connections)
        operators = make(.operators)
        history = make(.history)
        tracing = make(.tracing)
    }

    /// Nothing is told: for gateways that run inside another program.
    static var silent: Logs { Logs { _ in Logger(label: "nexus") { _ in SwiftLogNoOpLogHandler() } } }
}

extension Logger.MetadataValue {
    /// A number that stays one.
    static func number(_ value: some FixedWidthInteger & Sendable) -> Logger.MetadataValue { .stringConvertible(value) }
}
