import Core
import Logging

/// What an exchange tells the log while it is under way, for those that want details. What became of it `RequestLog` tells.
extension Exchange {
    /// What was decided. Costs one look at a number where nobody wants to know.
    func log(_ message: @autoclosure () -> Logger.Message, _ fields: @autoclosure () -> Logger.Metadata) {
        guard GatewayLog.wants(.debug, of: .routing) else { return }
        loop.shared.logs.routing.debug(message(), metadata: fields().merging(["request": "\(context.id)"]) { $1 })
    }

    /// How far the connection to the backend has come.
    func trace(_ sign: AttemptSign) {
        guard GatewayLog.wants(.trace, of: .connections) else { return }
        let words: Logger.Message
        switch sign {
        case .connecting: words = "connection to the backend is being made"
        case .handshaking: words = "connection to the backend begins TLS"
        case .connected: words = "connection to the backend is there"
        case .requestWritten: words = "request was sent to the backend"
        case .head(let status): words = "backend begins to answer with status \(status)"
        case .piece: return
        }
        loop.shared.logs.connections.trace(
            words, metadata: ["request": "\(context.id)", "backend": "\(backend?.identity.name ?? "")"])
    }
}
