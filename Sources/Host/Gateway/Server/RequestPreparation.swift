import AdapterHost
import Core
import NIOCore

/// A request that is being looked into away from the connection's event loop, because it is large. Lives on that loop, and
/// ends in exactly one way: the request goes on, or it is refused, or the client has gone, or the gateway stops. What the
/// pool finds out after the end is dropped.
final class RequestPreparation {
    private var connection: ClientConnection?
    private let eventLoop: any EventLoop

    private init(_ connection: ClientConnection) {
        self.connection = connection
        eventLoop = connection.loop.eventLoop
    }

    /// Nil: too much is under way already.
    static func start(_ draft: RequestDraft, for connection: ClientConnection) -> RequestPreparation? {
        let preparation = RequestPreparation(connection)
        let bound = NIOLoopBound(preparation, eventLoop: preparation.eventLoop)
        let (loop, names) = (preparation.eventLoop, connection.loop.names)
        let isTaken = connection.loop.shared.work.submit(size: draft.body.readableBytes) {
            let result = Result { () throws(RequestPeekError) in try draft.request(resolve: names.resolved) }
            loop.execute { bound.value.ended(result) }
        }
        return isTaken ? preparation : nil
    }

    private func ended(_ result: Result<ClientRequest, RequestPeekError>) { take()?.prepared(result) }

    /// The client closed its connection.
    func clientGone() {
        take()?.record(ErrorBody(status: 499, message: "The client closed the connection."))
    }

    /// The gateway stops and waits no longer.
    func stop() {
        take()?.refuseRecorded(
            ErrorBody(
                status: 503, message: "The gateway is shutting down.", type: "service_unavailable_error",
                code: "shutting_down", retryAfter: 5))
    }

    private func take() -> ClientConnection? {
        defer { connection = nil }
        return connection
    }
}
