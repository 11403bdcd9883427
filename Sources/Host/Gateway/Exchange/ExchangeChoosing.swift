import Core
import NIOCore
import Routing

/// How an exchange chooses its backend, and takes its places there.
extension Exchange {
    func choose() {
        if dispatch.target != formsTarget { return takeTarget() }
        if forms.needsTranslation(for: untried) { return translate() }
        let snapshot = loop.snapshot
        if !snapshot.shortlists.isEmpty, placeAtSome(in: snapshot) { return }
        let eligible = dispatch.eligibility.candidates(in: snapshot, able: { forms.form(for: $0) != nil })
        if case .some(let eligible) = eligible { return place(eligible, in: snapshot) }
        passOver(eligible)
        guard !tryNextTarget() else { return }
        // Another model only has no place now.
        if full != nil { return waitForPlace(orElse: .busy(asked.model)) }
        nobody(eligible, in: snapshot)
    }

    /// Nobody can be asked for any of the models.
    private func nobody(_ eligible: Dispatch.Eligible, in snapshot: RegistrySnapshot) {
        let leftOut = leftOut(in: snapshot)
        // An estimate refuses nothing by itself.
        if leftOut.contains(where: \.isTooLong), dispatch.takeTooLong() {
            passedOver = []
            return choose()
        }
        let waited = leftOut.filter { !$0.why.isOfTheRequest }.map(\.backend)
        if waitsForRestart(of: waited) { return waitForPlace(orElse: unavailable(leftOut, in: snapshot)) }
        switch eligible {
        case .unknownModel where leftOut.isEmpty: giveUp(unknownModel(in: snapshot))
        case .some, .unknownModel, .nobody, .nobodyReached: giveUp(unavailable(leftOut, in: snapshot))
        }
    }

    /// Takes a place at the best of them that has one.
    private func place(_ eligible: [Int], in snapshot: RegistrySnapshot) {
        guard mayLook else { return noPlace(orElse: .busy(asked.model)) }
        var shared: SharedPlaces?
        var ranking = loop.router.rank(
            eligible, for: dispatch.request.model, in: snapshot, isRetry: !dispatch.tried.isEmpty,
            isWhole: !stream, now: now.uptimeNanoseconds)
        while let index = ranking.next() {
            if take(index, in: snapshot, of: ranking, isLastResort: ranking.isLastResort, &shared) { return }
        }
        // The last trial of a breaker may have gone to another loop meanwhile.
        for index in eligible where take(index, in: snapshot, of: ranking, isLastResort: true, &shared) { return }
        if takeBehind(eligible, in: snapshot, &shared) { return }
        giveBack(&shared)
        let isBusy = eligible.contains { !snapshot.backends[$0].hasPlace }
        noPlace(orElse: isBusy ? .busy(asked.model) : .atLimit(asked.model))
    }

    /// Takes a place at one that does not tell whether it can do all that is asked, where those that do have none.
    private func takeBehind(_ first: [Int], in snapshot: RegistrySnapshot, _ shared: inout SharedPlaces?) -> Bool {
        let others = dispatch.eligibility.candidates(
            behind: first, in: snapshot, able: { forms.form(for: $0) != nil })
        guard !others.isEmpty else { return false }
        var ranking = loop.router.rank(
            others, for: dispatch.request.model, in: snapshot, isRetry: true, isWhole: !stream,
            now: now.uptimeNanoseconds)
        while let index = ranking.next() {
            if take(index, in: snapshot, of: ranking, isLastResort: ranking.isLastResort, &shared) { return true }
        }
        return false
    }

    /// Takes a place at the best of a few, where so many have the model that looking at all would take too long. False: none of
    /// these can be asked, or has a place.
    private func placeAtSome(in snapshot: RegistrySnapshot) -> Bool {
        guard dispatch.tried.isEmpty, let drawn = loop.router.draw(for: dispatch.request.model, in: snapshot),
            case .some(let eligible) = dispatch.eligibility.candidates(
                in: snapshot, among: drawn.indices, able: { forms.form(for: $0) != nil }),
            mayLook
        else { return false }
        var shared: SharedPlaces?
        var ranking = loop.router.rank(
            eligible, for: dispatch.request.model, in: snapshot, isWhole: !stream, now: now.uptimeNanoseconds,
            of: drawn.count)
        while let index = ranking.next(), !ranking.isLastResort {
            if take(index, in: snapshot, of: ranking, isLastResort: false, &shared) { return true }
        }
        giveBack(&shared)
        return false
    }

    /// False: there is no place.
    /// - Parameter shared: places of the gateway's own limits, as soon as some backend has one.
    private func take(
        _ index: Int, in snapshot: RegistrySnapshot, of ranking: Ranking, isLastResort: Bool,
        _ shared: inout SharedPlaces?
    ) -> Bool {
        let (backend, limits) = (snapshot.backends[index], loop.limits)
        // First, so that whoever is to wait takes no place of others, not even for a moment.
        guard limits.isEmpty || backend.hasPlace else { return false }
        if shared == nil { shared = limits.lease(model: dispatch.request.model) }
        guard shared != nil,
            let lease = backend.counters.begin(
                limit: backend.identity.maxConcurrent, now: now.uptimeNanoseconds, isLastResort: isLastResort),
            let shared = shared.take()
        else { return false }
        trial = lease.trial
        places = Places(backend: lease, shared: shared)
        self.backend = backend
        reason = ranking.reason(isRetry: !dispatch.tried.isEmpty)
        full = nil
        log(
            "backend chosen",
            [
                "backend": "\(backend.identity.name)", "attempt": .number(dispatch.attempts + 1),
                "why": "\(reason?.text ?? "")",
                "model": "\(EntryLimits.cut(dispatch.request.model, to: EntryLimits.model))",
            ])
        if !snapshot.standings.isEmpty, let standing = snapshot.standings[dispatch.request.model]?[index] {
            // The place that it has taken itself is no work in front of it.
            modelAttempt = standing.begin(
                ahead: Double(backend.counters.load - 1) / Double(backend.counters.slots ?? 1))
        }
        endWaiting()
        run(backend)
        return true
    }

    /// Places of the gateway's own limits, for which no backend had one.
    private func giveBack(_ shared: inout SharedPlaces?) {
        guard shared != nil else { return }
        shared = nil
        if !loop.limits.isEmpty { loop.shared.admission.placesChanged() }
    }

    /// Those that have the model, may be asked and were not tried yet.
    private var untried: [BackendSnapshot] {
        let (snapshot, eligibility) = (loop.snapshot, dispatch.eligibility)
        guard case .some(let first) = eligibility.candidates(in: snapshot, able: { _ in true }) else { return [] }
        let others = eligibility.candidates(behind: first, in: snapshot, able: { _ in true })
        return (first + others).map { snapshot.backends[$0] }
    }

    /// Translates a large request away from this loop, and goes on when that is done, if the client is still there.
    private func translate() {
        let (make, eventLoop) = (forms.makeTranslation, loop.eventLoop)
        let exchange = NIOLoopBound(self, eventLoop: eventLoop)
        let isTaken = loop.shared.work.submit(size: forms.request.body.readableBytes) {
            let form = make()
            eventLoop.execute { exchange.value.translated(form) }
        }
        if !isTaken { refuse(.overloaded) }
    }

    private func translated(_ form: RequestForms.Form) {
        guard !dispatch.isOver, !dispatch.isTrying else { return }
        forms.take(form)
        choose()
    }
}
