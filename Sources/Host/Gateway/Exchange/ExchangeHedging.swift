import AdapterHost
import Core
import Dialects
import NIOCore
import Upstream

/// How an exchange whose answer is late asks a second backend (`Dispatch.Hedge`). Nothing of this runs where requests are not hedged.
extension Exchange {
    /// Nil: names that only clients made up are not kept.
    private var timesKey: FirstTokenTimes.Key? {
        let model = dispatch.request.model
        return loop.snapshot.holders[model] == nil ? nil : FirstTokenTimes.Key(model: model, isWhole: !stream)
    }

    // MARK: Beginning

    /// An attempt has begun: a second one follows when its answer is late.
    func planHedge() {
        guard !dispatch.hasAnswer, forms.request.kind.mayBeHedged(stream: stream), let key = timesKey else { return }
        isHedging = true
        guard dispatch.mayHedge, let late = loop.shared.hedges.late(for: key) else { return }
        let (exchange, attempts) = (NIOLoopBound(self, eventLoop: loop.eventLoop), dispatch.attempts)
        hedgeTimer = loop.eventLoop.scheduleTask(in: .nanoseconds(Int64(clamping: late))) {
            exchange.value.answerIsLate(of: attempts)
        }
    }

    /// - Parameter attempts: those begun when it was planned.
    private func answerIsLate(of attempts: Int) {
        hedgeTimer = nil
        guard isHedging, dispatch.attempts == attempts, dispatch.mayHedge, mayLook,
            let hedge = hedgeWithPlaces()
        else { return }
        start(hedge)
    }

    /// A second attempt at the best of those that are well and have a place at once, with its places and a retry of all. Nil: there
    /// is none. A hedge is no load that has to be, so it never waits, and takes no last resort.
    private func hedgeWithPlaces() -> Hedge? {
        let (snapshot, instant, model) = (loop.snapshot, now.uptimeNanoseconds, dispatch.request.model)
        var eligibility = dispatch.eligibility
        if let current = backend?.identity.id { eligibility.tried.append(current) }
        let able: (BackendSnapshot) -> Bool = { [self] in readyForm(for: $0) != nil }
        guard case .some(let eligible) = eligibility.candidates(in: snapshot, able: able) else { return nil }
        let fit = eligible.filter { index in
            let backend = snapshot.backends[index]
            return backend.hasPlace && backend.status == .healthy && backend.counters.breaker.isClosed
                && backend.counters.asideUntil(model, now: instant) == 0
        }
        guard !fit.isEmpty, loop.retries.hasRoom(now: instant) else { return nil }
        var ranking = loop.router.rank(fit, for: model, in: snapshot, isRetry: true, isWhole: !stream, now: instant)
        guard let index = ranking.next(), let form = readyForm(for: snapshot.backends[index]) else { return nil }
        let backend = snapshot.backends[index]
        guard let shared = loop.limits.lease(model: model),
            let lease = backend.counters.begin(
                limit: backend.identity.maxConcurrent, now: instant, isLastResort: false),
            loop.retries.takeRetry(now: instant)
        else {
            // What was taken of the one is given back for want of the other.
            loop.shared.admission.placesChanged()
            return nil
        }
        let (trial, counters) = (lease.trial, backend.counters)
        var attempt: ModelStanding.Attempt?
        if let standing = snapshot.standings[model]?[index] {
            attempt = standing.begin(ahead: Double(counters.load - 1) / Double(counters.slots ?? 1))
        }
        return Hedge(
            self, at: backend, reason: ranking.reason(isRetry: false).hedged,
            places: Places(backend: lease, shared: shared), trial: trial, modelAttempt: attempt.take(),
            translation: form.translation)
    }

    private func start(_ hedge: Hedge) {
        let backend = hedge.backend
        self.hedge = hedge
        loop.shared.hedges.began()
        log(
            "the answer is late; a second backend is asked",
            ["backend": "\(backend.identity.name)", "why": "\(hedge.reason.text)"])
        let number = dispatch.attempts
        dispatch.hedgeStarted(at: backend.identity, reason: hedge.reason, now: now)
        guard hedge.countBody() else { return hedgeFailed(hedge, .outOfMemory) }
        let task = backend.driver.submit(
            submitted(hedge.translation, to: backend.identity, attempt: number), sink: hedge, on: loop.eventLoop,
            deadline: .distantFuture)
        // Inside submit it may have ended or taken over already.
        if self.hedge === hedge {
            hedge.task = task
            guard task == nil else { return }
            hedgeFailed(
                hedge, ExchangeFailure(kind: .adapter, message: "The gateway has too many exchanges under way."))
        } else if !dispatch.isOver, self.backend === backend, self.task == nil, places != nil {
            self.task = task
        } else {
            task?.cancel()
        }
    }

    /// A form that is there, or is made at once.
    private func readyForm(for backend: BackendSnapshot) -> (translation: Translation?, isNative: Bool)? {
        switch forms.form(for: backend) {
        case .native: (nil, true)
        case .translated(let translation): (translation, false)
        case nil, .unprepared, .answered, .refused: nil
        }
    }

    // MARK: The end of the race

    /// The attempt under way begins to answer.
    func answerBegins() {
        guard dispatch.takesPieces else { return }
        noteTime(attemptMicroseconds)
        endHedging()
    }

    private func noteTime(_ microseconds: UInt64) {
        if let key = timesKey { loop.shared.hedges.note(microseconds * 1000, of: key) }
    }

    /// No second attempt is wanted any more.
    func endHedging() {
        isHedging = false
        hedgeTimer?.cancel()
        hedgeTimer = nil
        guard let hedge = hedge.take() else { return }
        let task = hedge.task
        dispatch.hedgeLost(now: now)
        end(hedge)
        task?.cancel()
    }

    private func end(_ hedge: Hedge) {
        hedge.end()
        loop.shared.admission.placesChanged()
    }

    /// The second attempt begins to answer, before the first.
    func hedgeAnswers(_ hedge: Hedge) {
        guard self.hedge === hedge, !dispatch.isOver else { return }
        // It would have taken at least so long. What the second one has taken is no news of the model: such a pause is known.
        noteTime(attemptMicroseconds)
        if stream { modelAttempt?.waited(attemptMicroseconds, now: now.uptimeNanoseconds) }
        loop.shared.hedges.won()
        log("the second backend answers first", ["backend": "\(hedge.backend.identity.name)"])
        let loser = task
        release(.neutral)
        take(over: hedge, after: nil)
        isHedging = false
        loser?.cancel()
    }

    /// The attempt under way has failed: the second one goes on alone. False: there is none, or what failed is the request's fault.
    func hedgeLeads(after failure: ExchangeFailure, at failed: BackendSnapshot) -> Bool {
        guard let hedge, failure.isRetryable else {
            endHedging()
            return false
        }
        release(failure.isOfTheBackend ? .failure : .neutral, after: failure)
        if failure.kind == .connect { loop.shared.noteUnreachable(failed) }
        take(over: hedge, after: failure)
        return true
    }

    /// - Parameter failure: of the attempt until now, which is over.
    private func take(over hedge: Hedge, after failure: ExchangeFailure?) {
        self.hedge = nil
        hedgeTimer?.cancel()
        hedgeTimer = nil
        dispatch.hedgeLeads(after: failure, now: now)
        hedge.lead()
        (backend, trial, task, reason) = (hedge.backend, hedge.trial, hedge.task, hedge.reason)
        (attemptStart, requestBody, isNative) = (hedge.start, hedge.requestBody, hedge.translation == nil)
        path = AnswerPath(hedge.translation?.answer, stream: stream)
        warnings = hedge.translation?.warnings ?? []
        (answerFields, exactType, held, separators) = ([], nil, nil, nil)
        if let head = hedge.head { _ = attemptBegan(head) }
        if !client.isWritable { setPaused(true) }
    }

    /// The second attempt has failed; the first goes on.
    func hedgeFailed(_ hedge: Hedge, _ told: ExchangeFailure) {
        guard self.hedge === hedge, !dispatch.isOver else { return }
        self.hedge = nil
        var failure = context.dialect.understood(told)
        if failure.kind == .connect, LocalShortage.happened(since: hedge.start) { failure.kind = .busy }
        noteRest(failure, of: hedge.backend)
        dispatch.hedgeFailed(failure, now: now)
        log("the second backend failed", ["backend": "\(hedge.backend.identity.name)", "reason": "\(failure.message)"])
        hedge.backend.counters.ended(failure.isOfTheBackend ? .failure : .neutral)
        tellBreaker(of: hedge.backend, trial: hedge.trial, after: failure)
        end(hedge)
        if failure.kind == .connect { loop.shared.noteUnreachable(hedge.backend) }
    }

    /// Ends a second attempt that takes longer than it may.
    func lookAtHedge(now: NIODeadline) {
        guard let hedge, let failure = dispatch.hedgePassed(now: now) else { return }
        let task = hedge.task
        hedgeFailed(hedge, failure)
        task?.cancel()
    }
}
