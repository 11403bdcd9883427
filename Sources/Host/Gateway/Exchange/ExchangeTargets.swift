import Core
import NIOCore

/// How an exchange goes on to the next of the models that its client's name stands for.
extension Exchange {
    /// Bytes of a body that is copied on the event loop.
    private static let inlineLimit = 256 * 1024

    /// Nobody can be asked for the model: tries the next. False: there is none.
    func tryNextTarget() -> Bool {
        let before = dispatch.request.model
        guard dispatch.nextTarget(now: now) else { return false }
        log(
            "nobody can be asked for the model now; the next of its name is tried",
            [
                "model": "\(EntryLimits.cut(before, to: EntryLimits.model))",
                "next": "\(EntryLimits.cut(dispatch.request.model, to: EntryLimits.model))",
            ])
        choose()
        return true
    }

    /// Nobody can be asked for the model that is tried now. Who is left out, and why, is worked out only if that is told.
    func passOver(_ eligible: Dispatch.Eligible) {
        switch eligible {
        case .some, .unknownModel: return
        case .nobody: passedOver.append(PassedOver(eligibility: dispatch.eligibility))
        case .nobodyReached: passedOver.append(PassedOver(eligibility: nil))
        }
    }

    /// Backends that cannot be asked for any of the models; each once.
    func leftOut(in snapshot: RegistrySnapshot) -> [LeftOut] {
        var all: [LeftOut] = []
        let now = now.uptimeNanoseconds
        for one in passedOver {
            guard let eligibility = one.eligibility else {
                for backend in snapshot.backends {
                    all.note(LeftOut(backend: backend, why: .down(backend.status, error: backend.lastError)))
                }
                continue
            }
            for (index, why) in eligibility.exclusions(in: snapshot, now: now, able: { forms.form(for: $0) != nil }) {
                all.note(LeftOut(backend: snapshot.backends[index], why: why))
            }
        }
        return all
    }

    /// Nobody can be asked: what the client is told.
    func unavailable(_ leftOut: [LeftOut], in snapshot: RegistrySnapshot) -> ErrorBody {
        .nobody(
            asked.model, leftOut, kind: forms.request.kind.name, needs: dispatch.request.needs, in: snapshot,
            isBrief: !seesReasons)
    }

    /// Nobody has the model, or the only backend that may be asked does not.
    func unknownModel(in snapshot: RegistrySnapshot) -> ErrorBody {
        guard let backend = dispatch.eligibility.backend else {
            return .unknownModel(
                asked.model, standingFor: standsFor,
                among: context.scope?.names(in: snapshot) ?? Array(snapshot.candidates.keys),
                silent: silent(in: snapshot))
        }
        let holders = (snapshot.candidates(for: dispatch.request.model) ?? []).map {
            snapshot.backends[$0].identity.name
        }
        return .notAt(backend, asked.model, holders: holders)
    }

    private func silent(in snapshot: RegistrySnapshot) -> ErrorBody.SilentBackends {
        let names = snapshot.silent.map(\.identity.name)
        return names.isEmpty ? .none : seesReasons ? .named(names) : .some
    }

    /// The models for which the client's name stands, where it is the operator's; empty: it is a model's own.
    private var standsFor: [String] {
        let targets = forms.request.chain?.targets.map(\.model) ?? [dispatch.request.model]
        return targets == [asked.model] ? [] : targets
    }

    /// What the tokens that the server counts are to be compared with; 0: they say nothing of the text alone.
    var learntEstimate: UInt64 {
        asked.images || asked.dataBytes > 0 ? 0 : dispatch.request.needs.tokens
    }

    /// Puts the name of the model that is tried now into the request, and goes on.
    func takeTarget() {
        let model = dispatch.request.model
        takeTimeouts()
        guard let original = forms.request.chain?.original else {
            formsTarget = dispatch.target
            return choose()
        }
        guard original.readableBytes > Self.inlineLimit else {
            return took(model, forms.request.named(model, in: original))
        }
        let (make, eventLoop) = (forms.naming(model, in: original), loop.eventLoop)
        let exchange = NIOLoopBound(self, eventLoop: eventLoop)
        let isTaken = loop.shared.work.submit(size: original.readableBytes) {
            let body = make()
            eventLoop.execute { exchange.value.took(model, body) }
        }
        if !isTaken { refuse(.overloaded) }
    }

    /// Limits of time that are set for the model that is tried now.
    func takeTimeouts() {
        let settings = loop.settings
        guard !settings.modelTimeouts.isEmpty else { return }
        dispatch.modelChanged(timeouts: settings.timeouts.of(dispatch.request.model, settings.modelTimeouts))
    }

    private func took(_ model: String, _ body: ByteBuffer) {
        // One that waits may have been woken meanwhile, and have begun.
        guard !dispatch.isOver, !dispatch.isTrying, dispatch.request.model == model else { return }
        formsTarget = dispatch.target
        forms.take(model, body: body)
        choose()
    }

    /// The model that is tried, if it is another than the first.
    var fallbackModel: String? { dispatch.target > 0 && backend != nil ? dispatch.request.model : nil }
}

/// A backend that is not asked, and why.
struct LeftOut {
    let backend: BackendSnapshot
    let why: Exclusion

    var isTooLong: Bool { if case .contextTooShort = why { true } else { false } }
}

extension [LeftOut] {
    /// Of more than are told to a client those are kept that may serve it one day: they say whether waiting helps.
    fileprivate mutating func note(_ one: LeftOut) {
        if let index = firstIndex(where: { $0.backend.identity.id == one.backend.identity.id }) {
            // Of several models at one backend the one counts that may be served there one day, or was only judged by its length.
            let before = self[index]
            if before.why.isOfTheRequest, !one.why.isOfTheRequest || one.isTooLong && !before.isTooLong {
                self[index] = one
            }
            return
        }
        if count < ErrorBody.contextLimit { return append(one) }
        if !one.why.isOfTheRequest || one.isTooLong, let last, last.why.isOfTheRequest { self[count - 1] = one }
    }
}

/// A model for which nobody can be asked.
struct PassedOver {
    /// Nil: no backend has been reached, so that it is not known what they have.
    let eligibility: Eligibility?
}
