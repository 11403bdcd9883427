import AdapterHost
import Core
import NIOCore

/// A request that is being looked into away from the connection's event loop, because it is large. Lives on that loop, and
/// ends in exactly one way: the request goes on, or it is refused, or the client has gone, or the gateway stops. What the
/// pool finds out after the end is dropped.
final class RequestPreparation {
    private var service: RequestService?

    private init(_ service: RequestService) { self.service = service }

    /// Nil: too much is under way already.
    static func start(
        _ draft: RequestDraft, for service: RequestService, on loop: LoopState
    ) -> RequestPreparation? {
        let preparation = RequestPreparation(service)
        let (eventLoop, names) = (loop.eventLoop, loop.names)
        let bound = NIOLoopBound(preparation, eventLoop: eventLoop)
        let isTaken = WorkPool.gateway.submit(size: draft.body.readableBytes) {
            let result = Result { () throws(RequestPeekError) in try draft.request(resolve: names.resolved) }
            eventLoop.execute { bound.value.ended(result) }
        }
        return isTaken ? preparation : nil
    }

    private func ended(_ result: Result<ClientRequest, RequestPeekError>) { take()?.prepared(result) }

    /// The client closed its connection.
    func clientGone() {
        take()?.record(ErrorBody(status: 499, message: "The client closed the connection."))
    }

    /// The gateway stops and waits no longer.
    func stop() { take()?.refuse(.shuttingDown) }

    private func take() -> RequestService? {
        defer { service = nil }
        return service
    }
}
