import AdapterHost
import Core
import NIOCore

/// A request whose body is decoded or looked into away from the connection's event loop, because it is large. Lives on that loop, and
/// ends in exactly one way: the request goes on, or it is refused, or the client has gone, or the gateway stops. What the
/// pool finds out after the end is dropped.
final class RequestPreparation {
    private var service: RequestService?

    private init(_ service: RequestService) { self.service = service }

    /// Nil: too much is under way already.
    /// - Parameters:
    ///   - size: bytes that are worked on.
    ///   - work: done on another thread.
    ///   - then: gets what came of it, back on the loop.
    static func start<Found: Sendable>(
        size: Int, for service: RequestService, on loop: LoopState, _ work: @escaping @Sendable () -> Found,
        then: @escaping @Sendable (RequestService, Found) -> Void
    ) -> RequestPreparation? {
        let preparation = RequestPreparation(service)
        let eventLoop = loop.eventLoop
        let bound = NIOLoopBound(preparation, eventLoop: eventLoop)
        let isTaken = loop.shared.work.submit(size: size) {
            let found = work()
            eventLoop.execute { if let service = bound.value.take() { then(service, found) } }
        }
        return isTaken ? preparation : nil
    }

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
