import Core
import HTTP1
import NIOCore

/// A connection that becomes a WebSocket.
extension ClientConnection {
    func handOver(_ headBytes: ByteBuffer, rest: ByteBuffer, query: WebSocketQuery) throws {
        guard let context else { return }
        let key = try WebSocketUpgrade.key(of: head, headBytes)
        guard loop.takesSessions else { throw ErrorBody.outOfDescriptors }
        if let watched = query.watched { return try watch(watched, key, query) }
        phase = .handedOver
        pending = nil
        WebSocketUpgrade.takeOver(context: context, handler: self, key: key, rest: rest, loop: loop, query: query)
    }

    /// Becomes a WebSocket that shows the text of an exchange, once it is known that there is one.
    private func watch(_ exchange: String, _ key: String, _ query: WebSocketQuery) throws(ErrorBody) {
        guard let wanted = ActiveExchange.Key(exchange) else { throw .noExchangeKey }
        let watch = try loop.shared.glass.watch(wanted)
        let pane = watch.pane
        let connection = NIOLoopBound(self, eventLoop: loop.eventLoop)
        // What the client sends meanwhile waits as if it were a further request.
        phase = .answering
        loop.shared.loops.ask(
            only: wanted.loop, on: loop.eventLoop, { $0.show(wanted, on: pane) },
            then: { found, silent in
                let error = silent > 0 ? ErrorBody.loopsHeldUp(silent) : .exchangeNotFound(wanted)
                connection.value.watch(watch, found.compactMap { $0 }.first, else: error, key, query)
            })
    }

    private func watch(
        _ watch: GlassWatch, _ exchange: ActiveExchange?, else error: ErrorBody, _ key: String, _ query: WebSocketQuery
    ) {
        guard case .answering = phase, !isInactive, let context else { return watch.end() }
        guard let exchange else {
            watch.end()
            writeError(error, origin: nil)
            return answered()
        }
        loop.shared.logs.operators.notice(
            "an operator watches a request",
            metadata: [
                "request": "\(exchange.id)", "exchange": "\(exchange.key.text)",
                "operator": "\(context.channel.remoteAddress?.ipAddress ?? "unknown")",
            ])
        phase = .handedOver
        let rest = pending ?? ByteBuffer()
        pending = nil
        WebSocketUpgrade.takeOver(
            context: context, handler: self, key: key, rest: rest, loop: loop, query: query,
            watching: WebSocketSession.Watching(watch: watch, exchange: exchange))
    }
}
