import Core
import NIOCore
import Synchronization

/// The exchanges under way at one loop. There is no list of them besides that of the connections.
extension LoopState {
    private var exchanges: some Sequence<Exchange> { connections.lazy.compactMap { $0.service?.exchange } }

    /// The oldest of them, at most `limit`, and how many there are in each phase.
    func exchangesUnderWay(limit: Int) -> ActiveExchanges {
        let now = eventLoop.now
        var phases: [ExchangePhase: Int] = [:]
        var found: [(exchange: Exchange, phase: ExchangePhase)] = []
        for exchange in exchanges {
            guard let phase = exchange.dispatch.progress else { continue }
            phases[phase, default: 0] += 1
            found.append((exchange, phase))
        }
        found.sort { Self.isOlder($0.exchange, $1.exchange) }
        return ActiveExchanges(found.prefix(limit).map { $0.exchange.view($0.phase, now: now) }, phases: phases)
    }

    private static func isOlder(_ one: Exchange, _ other: Exchange) -> Bool {
        (one.context.arrival, one.number) < (other.context.arrival, other.number)
    }

    /// Those whose request has the id, at most `limit`, and how many there are.
    /// - Parameter number: the one that is meant; nil: any.
    func exchanges(id: String, number: UInt64?, limit: Int) -> ActiveExchanges {
        let now = eventLoop.now
        var phases: [ExchangePhase: Int] = [:]
        var found: [ActiveExchange] = []
        for exchange in exchanges where exchange.context.id == id && (number == nil || exchange.number == number) {
            guard let phase = exchange.dispatch.progress else { continue }
            phases[phase, default: 0] += 1
            if found.count < limit { found.append(exchange.view(phase, now: now)) }
        }
        return ActiveExchanges(found, phases: phases)
    }

    /// Ends those of the exchanges that are of this loop and still under way; gives them as they were.
    func cancel(_ keys: Set<ActiveExchange.Key>) -> [ActiveExchange] {
        // First, since the end of one may change who is there.
        let found = exchanges.filter { keys.contains($0.key) }
        return found.compactMap { $0.cancelByOperator() }
    }
}

/// The exchanges under way at all loops.
extension GatewayState {
    /// - Parameters:
    ///   - limit: exchanges that are listed; the oldest.
    ///   - eventLoop: where `then` is called, in a later turn.
    ///   - then: gets them without what the loops do not know: see `complete`.
    func exchangesUnderWay(
        limit: Int, on eventLoop: any EventLoop, then: @escaping @Sendable (ActiveExchanges) -> Void
    ) {
        loops.ask(
            on: eventLoop, { $0.exchangesUnderWay(limit: limit) },
            then: { parts, silent in
                then(ActiveExchanges(merging: parts, limit: limit, silentLoops: silent))
            })
    }

    /// Gives the list with what the loops do not know: inside the call if that is little work, else on another thread. False:
    /// there is too much to do already.
    func complete(_ list: ActiveExchanges, then: @escaping @Sendable (ActiveExchanges) -> Void) -> Bool {
        let waits = list.exchanges.contains { $0.ticket != nil }
        let hasPrompts = list.exchanges.contains { $0.phase == .prefill }
        let fleet = hasPrompts ? registry.snapshot : RegistrySnapshot()
        let size =
            list.exchanges.count * 512 + (waits ? admission.count * 64 : 0)
            + (fleet.backends.count + fleet.holders.count) * 64
        guard size > AnswerSize.inlineLimit else {
            then(completed(list))
            return true
        }
        return work.submit(size: size) { then(self.completed(list)) }
    }

    /// The list with the places of those that wait, and with the models that are being loaded.
    private func completed(_ list: ActiveExchanges) -> ActiveExchanges {
        var list = list
        let waits = list.exchanges.contains { $0.ticket != nil }
        var asked: [String: Set<String>] = [:]
        for exchange in list.exchanges where exchange.phase == .prefill {
            guard let backendID = exchange.backendID else { continue }
            asked[backendID, default: []].insert(exchange.servedModel ?? exchange.model)
        }
        let loaded = asked.isEmpty ? [:] : registry.loaded(asked)
        list.complete(places: waits ? admission.places : [:]) { loaded[$0]?[$1] }
        return list
    }
}

/// Live updates of the exchanges under way, made once for all subscribers that ask within a while. Callable from any thread.
final class RequestPictures: Sendable {
    /// Between two pictures.
    static let interval = TimeAmount.milliseconds(500)
    /// A picture counts as new for a little less, so that no subscriber's clock misses each second one.
    private static let freshness = TimeAmount.milliseconds(400)

    private struct State {
        var newest: (update: Update, madeAt: NIODeadline)?
        var waiting: [@Sendable (Update) -> Void] = []
        /// Since when one is being made.
        var begunAt: NIODeadline?
    }

    private let state = Mutex(State())

    /// - Parameters:
    ///   - eventLoop: the caller's.
    ///   - then: called once, perhaps already inside the call, perhaps on another loop.
    func picture(of gateway: GatewayState, on eventLoop: any EventLoop, then: @escaping @Sendable (Update) -> Void) {
        let now = eventLoop.now
        let (newest, isBegun) = state.withLock { state -> (Update?, Bool) in
            if let newest = state.newest, now - newest.madeAt < Self.freshness { return (newest.update, true) }
            state.waiting.append(then)
            // Who began it may be held up himself.
            if let begunAt = state.begunAt, now - begunAt < LoopRoll.patience * 2 { return (nil, true) }
            state.begunAt = now
            return (nil, false)
        }
        if let newest { return then(newest) }
        guard !isBegun else { return }
        gateway.exchangesUnderWay(limit: ActiveExchanges.updateLimit, on: eventLoop) { list in
            let show: @Sendable (ActiveExchanges) -> Void = { self.show($0, now: eventLoop.now) }
            // Without the places rather than not at all.
            if !gateway.complete(list, then: show) { show(list) }
        }
    }

    private func show(_ list: ActiveExchanges, now: NIODeadline) {
        let update = Update(.requests(list))
        let waiting = state.withLock { state in
            state.newest = (update, now)
            state.begunAt = nil
            defer { state.waiting = [] }
            return state.waiting
        }
        for then in waiting { then(update) }
    }

    /// Something has changed that subscribers are to see at once.
    func outdate() { state.withLock { $0.newest = nil } }
}
