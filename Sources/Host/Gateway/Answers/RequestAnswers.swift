import Core
import NIOCore

/// The exchanges under way over HTTP: lists them, cancels them.
struct RequestAnswers {
    /// Exchanges that one order cancels.
    static let cancelLimit = 100

    let state: GatewayState

    /// `GET /v1/requests/active`.
    func list(_ call: RouteCall, _ later: LaterAnswer) {
        let limit: Int
        do throws(ErrorBody) {
            limit = try Self.limit(call.context.query)
        } catch {
            return later.answer(.error(error))
        }
        let (state, remote) = (state, later.remote)
        state.exchangesUnderWay(limit: limit, on: later.eventLoop) { list in
            let isTaken = state.complete(list) {
                remote.answer(LocalAnswer(body: ContractEncoder.activeExchanges($0)))
            }
            if !isTaken { remote.answer(.error(.overloaded)) }
        }
    }

    private static func limit(_ query: String) throws(ErrorBody) -> Int {
        guard let text = QueryValues(query).all.last(where: { $0.name == "limit" })?.value else {
            return ActiveExchanges.limit
        }
        guard let limit = Int(text), (1...ActiveExchanges.limit).contains(limit) else {
            throw ErrorBody(
                status: 400, message: "limit must be a number from 1 to \(ActiveExchanges.limit).", param: "limit",
                code: "invalid_argument")
        }
        return limit
    }

    // MARK: Cancelling

    /// `DELETE /v1/requests/{id}`.
    func cancel(_ call: RouteCall, _ later: LaterAnswer) {
        let order: Order
        do throws(ErrorBody) {
            order = try Order(call)
        } catch {
            return later.answer(.error(error))
        }
        let (remote, eventLoop) = (later.remote, later.eventLoop)
        state.loops.ask(
            only: order.key?.loop, on: eventLoop,
            { $0.exchanges(id: order.id, number: order.key?.number, limit: Self.cancelLimit) },
            then: { parts, silent in
                let found = ActiveExchanges(merging: parts, limit: Self.cancelLimit, silentLoops: silent)
                guard found.total > 0 else { return remote.answer(.error(Self.nothing(order.id, silent: silent))) }
                guard found.total == 1 || order.all else {
                    return remote.answer(.error(.ambiguousRequest(order.id, found.total)))
                }
                let cancel: @Sendable (ActiveExchanges) -> Void = { end($0, order, on: eventLoop, remote) }
                if !state.complete(found, then: cancel) { cancel(found) }
            })
    }

    /// What is to be cancelled.
    private struct Order {
        var id: String
        var key: ActiveExchange.Key?
        var all: Bool
        /// Who wants it.
        var peer: String

        init(_ call: RouteCall) throws(ErrorBody) {
            id = call.values[0]
            all = call.isSet("all")
            peer = call.context.peer?.ipAddress ?? "unknown"
            guard let text = QueryValues(call.context.query).all.last(where: { $0.name == "exchange" })?.value else {
                return
            }
            guard let key = ActiveExchange.Key(text) else {
                throw ErrorBody(
                    status: 400, message: "exchange must be as GET /v1/requests/active has it, such as 0-17.",
                    param: "exchange", code: "invalid_argument")
            }
            self.key = key
        }
    }

    private func end(
        _ found: ActiveExchanges, _ order: Order, on eventLoop: any EventLoop, _ remote: LaterAnswer.Remote
    ) {
        let before = Dictionary(found.exchanges.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        let keys = Set(before.keys)
        // Orders for one are no business of the other loops.
        let only = Set(keys.map(\.loop))
        state.loops.ask(
            only: only.count == 1 ? only.first : nil, on: eventLoop, { $0.cancel(keys) },
            then: { parts, silent in
                let ended = parts.flatMap { $0 }.map { $0.completed(by: before[$0.key]) }
                    .sorted { ($0.arrival, $0.key) < ($1.arrival, $1.key) }
                guard !ended.isEmpty else { return remote.answer(.error(Self.nothing(order.id, silent: silent))) }
                state.pictures.outdate()
                for exchange in ended { tell(exchange, endedBy: order.peer) }
                let leftOut = max(0, found.total - ended.count)
                remote.answer(LocalAnswer(body: ContractEncoder.cancelled(ended, leftOut: leftOut)))
            })
    }

    private func tell(_ exchange: ActiveExchange, endedBy peer: String) {
        state.broadcaster.publish(.cancelled(exchange))
        state.logs.operators.notice(
            "an operator cancelled a request",
            metadata: [
                "request": "\(exchange.id)", "model": "\(EntryLimits.cut(exchange.model, to: EntryLimits.model))",
                "phase": "\(exchange.phase.rawValue)", "operator": "\(peer)",
            ])
    }

    private static func nothing(_ id: String, silent: Int) -> ErrorBody {
        silent > 0 ? .loopsHeldUp(silent) : .requestNotFound(id)
    }
}

extension ErrorBody {
    static func requestNotFound(_ id: String) -> ErrorBody {
        ErrorBody(
            status: 404,
            message: "No request with the id '\(EntryLimits.cut(id, to: 200))' is under way; it may have ended. "
                + "GET /v1/requests/active lists those that are, GET /v1/history the last that ended.",
            code: "request_not_found")
    }

    static func ambiguousRequest(_ id: String, _ count: Int) -> ErrorBody {
        ErrorBody(
            status: 409,
            message: "\(count) requests under way have the id '\(EntryLimits.cut(id, to: 200))', which their clients "
                + "chose. Add ?exchange= with the value that GET /v1/requests/active has for the one you mean, or "
                + "?all=true to cancel them all.",
            code: "ambiguous_request")
    }

    /// - Parameter count: of the loops that did not answer.
    static func loopsHeldUp(_ count: Int) -> ErrorBody {
        ErrorBody(
            status: 503,
            message: "The request is not among those that can be seen now: \(count) of the gateway's event loops "
                + "\(count == 1 ? "is" : "are") held up, see the log. Try again.",
            type: "service_unavailable_error", code: "loop_held_up", retryAfter: 1)
    }
}
