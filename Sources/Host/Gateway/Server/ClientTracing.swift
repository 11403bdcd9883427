import Core
import Logging
import NIOCore

/// What a client's connection tells the log, for those that want details. Costs one look at a number where nobody does.
extension ClientConnection {
    func trace(_ message: Logger.Message) {
        guard GatewayLog.wants(.trace, of: .connections) else { return }
        loop.shared.logs.connections.trace(
            message,
            metadata: [
                "client": "\(context?.channel.remoteAddress?.ipAddress ?? "unknown")",
                "port": .number(context?.channel.remoteAddress?.port ?? 0),
                "tls": .stringConvertible(!closesHalf), "loop": .number(loop.index),
            ])
    }

    /// The head of a request was read.
    func trace(_ request: RequestContext) {
        guard GatewayLog.wants(.trace, of: .connections) else { return }
        loop.shared.logs.connections.trace(
            "request begins",
            metadata: [
                "request": "\(request.id)", "method": "\(request.method.text)",
                "path": "\(EntryLimits.cut(request.path, to: 200))",
            ])
    }

    /// The client is told an error that no backend has made.
    func tell(_ error: ErrorBody) {
        guard GatewayLog.wants(.debug, of: .connections) else { return }
        loop.shared.logs.connections.debug(
            "the gateway answers with an error of its own",
            metadata: [
                "request": "\(requestID)", "status": .number(error.status), "code": "\(error.code ?? "")",
                "reason": "\(EntryLimits.cut(error.message, to: EntryLimits.errorMessage))",
            ])
    }
}
