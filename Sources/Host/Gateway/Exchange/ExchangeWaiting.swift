import Core
import NIOCore

/// How an exchange waits for its places.
extension Exchange {
    private var admission: Admission { loop.shared.admission }

    /// Whether it may look for a place now: it is its turn, or nobody waits for the same.
    var mayLook: Bool { ticket != nil || admission.mayTry(wants) }

    /// What it waits for, or would.
    var wants: Admission.Wants {
        let model = dispatch.request.model
        return Admission.Wants(
            // Made-up names are one to the backends that take any. Where nobody does, one of them may become known.
            model: loop.snapshot.holders[model] == nil && !loop.snapshot.takingAny.isEmpty ? "" : model,
            kind: forms.request.kind, tried: dispatch.tried,
            backend: dispatch.eligibility.backend, unfit: dispatch.eligibility.unfit(in: loop.snapshot),
            limit: loop.limits.limit(of: model)?.pattern, waitsForRestart: loop.settings.queue.waitForRestart,
            allowed: dispatch.request.scope?.backends ?? [])
    }

    /// There is no place for the model that is tried now: tries the next one, or waits if there is none.
    func noPlace(orElse error: @autoclosure () -> ErrorBody) {
        if ticket == nil {
            if full == nil { full = dispatch.standing }
            if tryNextTarget() { return }
        }
        waitForPlace(orElse: error())
    }

    /// There is no place now: waits for one, or goes on waiting.
    /// - Parameter error: told where requests do not wait.
    func waitForPlace(orElse error: @autoclosure () -> ErrorBody) {
        // What may serve it can have changed since it began to wait; another model than the first is only looked at in passing.
        if let ticket { return admission.stays(ticket, wants: dispatch.standing == waitsAt ? wants : nil) }
        let queue = loop.settings.queue
        guard queue.enabled, queue.maxSize > 0 else { return giveUp(error()) }
        // The first that somebody can serve is the one that is wanted most; if nobody can serve any, the first of all.
        if let standing = full ?? (dispatch.attempts == 0 ? .first : nil) {
            dispatch.goBack(to: standing)
            takeTimeouts()
        }
        full = nil
        waitsAt = dispatch.standing
        let exchange = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let entered = admission.enter(
            client: context.client, priority: context.priority ?? .normal, wants: wants, on: loop.eventLoop
        ) { exchange.value.look($0) }
        switch entered {
        case .waits(let ticket):
            self.ticket = ticket
            log("waits for a place", ["waiting": .number(admission.count)])
            dispatch.queued(limit: longestWait, now: now)
        case .overShare(let waiting, let seconds): giveUp(.queueShare(waiting: waiting, retryAfter: seconds))
        case .full(let waiting, let seconds): giveUp(.queueFull(waiting: waiting, retryAfter: seconds))
        }
    }

    /// For how long it may wait: as long as the most patient of the backends that may serve it allows.
    private var longestWait: Duration {
        let (settings, snapshot, model) = (loop.settings, loop.snapshot, dispatch.request.model)
        let eligibility = dispatch.eligibility
        var longest: Duration?
        // Most backends have the same rules, whose patterns are compared once then.
        var rules: [Configuration.ModelTimeouts] = []
        var ofRules: Duration?
        for index in snapshot.candidates(for: model) ?? snapshot.holders[model] ?? [] {
            let identity = snapshot.backends[index].identity
            guard eligibility.isMeant(identity), eligibility.isAllowed(identity) else { continue }
            if identity.modelTimeouts != rules {
                rules = identity.modelTimeouts
                ofRules = Configuration.Timeouts.queue(of: model, rules)
            }
            longest = max(longest ?? .zero, ofRules ?? identity.timeouts.queue ?? settings.queue.maxWait)
        }
        return longest ?? Configuration.Timeouts.queue(of: model, settings.modelTimeouts) ?? settings.timeouts.queue
            ?? settings.queue.maxWait
    }

    /// It is its turn.
    private func look(_ ticket: Admission.Ticket) {
        guard self.ticket == ticket, !dispatch.isOver else { return }
        // From where it began to wait, by how things stand now.
        passedOver = []
        if let waitsAt { dispatch.goBack(to: waitsAt) }
        choose()
    }

    /// Has its places.
    func endWaiting() {
        guard let ticket = ticket.take() else { return }
        admission.admitted(ticket)
    }

    /// Waits no longer, whyever the exchange ends.
    func leaveQueue(_ leaving: Admission.Leaving = .gone) {
        guard let ticket = ticket.take() else { return }
        admission.leave(ticket, leaving)
    }

    /// It has waited for too long.
    func waitedTooLong(_ failure: ExchangeFailure) {
        leaveQueue(.timedOut)
        giveUp(.queueTimeout(failure.message, retryAfter: admission.retryAfter))
    }

    /// None of those that have the model is healthy, some may be again, and that is waited for.
    func waitsForRestart(of backends: [BackendSnapshot]) -> Bool {
        loop.settings.queue.waitForRestart
            && loop.snapshot.candidates(for: dispatch.request.model) == nil
            && backends.contains { $0.status != .draining && !$0.status.serves }
    }

    /// A comment for a stream whose client waits.
    var waitingComment: ByteBuffer? {
        // Where so many wait, finding its place would take others' time.
        guard let ticket, admission.count <= 1000, let place = admission.place(of: ticket) else { return nil }
        return ByteBuffer(string: ": waiting for a place, number \(place) in the queue\n\n")
    }
}
