import Core
import HTTP1
import NIOCore

/// A connection that becomes a WebSocket.
extension ClientConnection {
    func handOver(_ headBytes: ByteBuffer, rest: ByteBuffer, query: WebSocketQuery, of request: RequestContext) throws {
        guard let context else { return }
        let key = try WebSocketUpgrade.key(of: head, headBytes)
        guard loop.takesSessions else { throw ErrorBody.outOfDescriptors }
        if let watched = query.watched {
            do throws(ErrorBody) {
                return try watch(watched, key, query, of: request)
            } catch {
                noteWatching(request, error)
                throw error
            }
        }
        phase = .handedOver
        pending = nil
        WebSocketUpgrade.takeOver(
            context: context, handler: self, key: key, rest: rest, loop: loop,
            opening: WebSocketSession.Opening(query: query, signIn: request.principal.session?.number))
    }

    /// Becomes a WebSocket that shows the text of an exchange, once it is known that there is one.
    private func watch(
        _ exchange: String, _ key: String, _ query: WebSocketQuery, of request: RequestContext
    ) throws(ErrorBody) {
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
                connection.value.watch(watch, found.compactMap { $0 }.first, else: error, key, query, of: request)
            })
    }

    private static let switchingProtocols = 101

    /// Who has read what a client and a model say is known afterwards, as of captures.
    private func noteWatching(_ request: RequestContext, _ error: ErrorBody?) {
        AuditAnswers(state: loop.shared).append(
            request, status: error?.status ?? Self.switchingProtocols, problem: error?.message)
    }

    private func watch(
        _ watch: GlassWatch, _ exchange: ActiveExchange?, else error: ErrorBody, _ key: String, _ query: WebSocketQuery,
        of request: RequestContext
    ) {
        guard case .answering = phase, !isInactive, let context else { return watch.end() }
        guard let exchange else {
            watch.end()
            noteWatching(request, error)
            writeError(error, origin: nil)
            return answered()
        }
        noteWatching(request, nil)
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
            context: context, handler: self, key: key, rest: rest, loop: loop,
            opening: WebSocketSession.Opening(
                query: query, signIn: request.principal.session?.number,
                watching: WebSocketSession.Watching(watch: watch, exchange: exchange)))
    }
}
