import Core

@testable import Gateway

/// One exchange, as the rules of the queue see it.
struct ExchangeView {
    let exchange: Exchange

    var key: ObjectIdentifier { ObjectIdentifier(exchange) }
    /// Which request it is; nil: one that could not be read.
    var ask: Int? { Ask.number(of: exchange.context.id) }
    /// While it waits.
    var ticket: Admission.Ticket? { exchange.ticket }
    var wants: Admission.Wants { exchange.wants }
    var isOver: Bool { exchange.dispatch.isOver }
    /// It has its places.
    var isTrying: Bool { exchange.dispatch.isTrying }
    var attempts: Int { exchange.dispatch.attempts }
    /// What is tried now, and which of the name's models that is.
    var model: String { exchange.dispatch.request.model }
    var target: Int { exchange.dispatch.target }
    var targets: [ModelTarget] { exchange.dispatch.request.targets }
    var tried: [String] { exchange.dispatch.tried }
    var backend: BackendSnapshot? { exchange.backend }
    /// Where a second attempt runs beside the first.
    var hedge: BackendSnapshot? { exchange.hedge?.backend }
    var hasHedged: Bool { exchange.dispatch.hasHedged }
    /// Something of its answer has been sent.
    var isCommitted: Bool { exchange.dispatch.isCommitted }
    /// At which backend alone, by its name.
    var onlyBackend: String? { exchange.dispatch.eligibility.backend }

    /// The backends as its loop has them.
    var snapshot: RegistrySnapshot { exchange.loop.snapshot }

    /// Those that may be asked for the model that is tried now.
    var open: [BackendSnapshot] {
        candidates(of: exchange.dispatch.eligibility).map { snapshot.backends[$0] }
    }

    /// Places in the snapshot of those that may be asked for a model before any attempt.
    func candidates(for target: ModelTarget) -> [Int] {
        let needs = exchange.dispatch.request.needs
        return candidates(of: Eligibility(model: target.model, backend: target.backend, needs: needs))
    }

    private func candidates(of eligibility: Eligibility) -> [Int] {
        guard case .some(let indices) = eligibility.candidates(in: snapshot, able: { _ in true }) else { return [] }
        return indices
    }

    /// Its wake-ups reach nobody from here on: a planted fault. What it holds is the number of one that has left.
    func loseWakeUps() {
        let admission = exchange.loop.shared.admission
        let entered = admission.enter(
            client: .min, priority: .low, wants: Admission.Wants(model: "nobody-has-it", kind: .chat, limit: "none"),
            on: exchange.loop.eventLoop
        ) { _ in }
        guard case .waits(let ticket) = entered else { return }
        admission.leave(ticket, .gone)
        exchange.ticket = ticket
    }

    /// The queue forgets it: a planted fault.
    func forget() { if let ticket { exchange.loop.shared.admission.leave(ticket, .gone) } }
}

extension GatewayView {
    /// All that have begun and are not answered.
    var exchanges: [ExchangeView] {
        var all: [ExchangeView] = []
        for connection in loop.connections {
            if let exchange = connection.service?.exchange { all.append(ExchangeView(exchange: exchange)) }
        }
        return all
    }

    /// Second attempts under way.
    var hedgeCount: Int { exchanges.count { $0.hedge != nil } }

    /// As the loop has it.
    var queue: Configuration.Queue { loop.settings.queue }
    /// As all have it; the loop takes it over a little later.
    var newestQueue: Configuration.Queue { state.settings.queue }
    var queueFigures: Admission.Figures { state.admission.figures }

    /// Places that are taken of a limit; nil: there is no such limit.
    /// - Parameter pattern: empty: of the total.
    func placesTaken(of pattern: String) -> Int? {
        let limit = pattern.isEmpty ? loop.limits.total : loop.limits.models.first { $0.pattern == pattern }
        return limit?.capacity.inUse
    }

    /// Takes places of the gateway's own limits for nobody: a planted fault.
    func takePlaces(model: String) -> SharedPlaces? { loop.limits.lease(model: model) }

    /// What is told of the models of a backend that serves.
    func told(_ model: String, of backend: BackendSnapshot) -> Model? {
        state.registry.views.first { $0.id == backend.identity.id }?.models.first { $0.id == model }
    }
}
