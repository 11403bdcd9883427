import AdapterHost
import Core
import Dialects
import NIOCore
import Routing
import Upstream

/// One client request on its way through backends. Carries out what `Dispatch` decides, and decides nothing itself.
/// Lives on one event loop. Every path through it ends in exactly one record.
final class Exchange {
    let loop: LoopState
    let context: RequestContext
    let client: any AnswerSink
    let asked: RequestPeek
    let stream: Bool
    /// Which of its loop's exchanges it is.
    let number: UInt64
    var forms: RequestForms
    /// For which of the name's models `forms` are, as `Dispatch.target` counts.
    var formsTarget = 0
    /// Backends that cannot be asked for any of the models so far; each once.
    var leftOut: [LeftOut] = []
    /// Invariant behind the unchecked exclusivity: what changes a `Dispatch` calls nothing outside itself, so that no access to
    /// it begins while another one changes it. It is asked at every piece.
    @exclusivity(unchecked) var dispatch: Dispatch
    /// Called when it has ended, before the client's next request.
    let onEnd: () -> Void

    // MARK: Of the attempt under way

    /// Nil before the first.
    var backend: BackendSnapshot?
    /// The place at the backend, and those of the gateway's own limits.
    private var places: Places?
    /// While it waits for them.
    var ticket: Admission.Ticket?
    /// The first of the models that could be served if there were a place, while all of them are gone through.
    var full: Dispatch.Standing?
    /// Where it stood when it began to wait for a place.
    var waitsAt: Dispatch.Standing?
    /// The attempt is a trial of the backend's breaker, which has not been told of it yet.
    var trial: BreakerGate.Trial?
    var task: (any Attempt)?
    /// The request as this attempt sends it.
    var requestBody = ByteBuffer()
    /// It is in the client's own words.
    var isNative = true
    private(set) var attemptStart: NIODeadline
    var path = AnswerPath(nil, stream: false)
    var answerStatus = 200
    var answerType = AnswerType.json
    /// Of an answer that its client reads line by line. Unchecked as `dispatch` is, like what else is touched at every piece.
    @exclusivity(unchecked) var separators: LineSeparators?
    /// The type in the server's words; nil: the gateway's.
    var exactType: String?
    var held: ByteBuffer?
    /// Of what waits to be sent, and of a request in other words than the client's.
    var heldMemory: MemoryShare
    var warnings: [String] = []
    /// Fields of the server's answer that the client gets.
    var answerFields: [HeaderField] = []
    private var reason: RouteReason?
    /// At one of several backends that have the model.
    private var modelAttempt: ModelStanding.Attempt?

    /// When the client heard the last of us.
    @exclusivity(unchecked) var lastSign: NIODeadline
    /// Of what was sent of a stream of events: where something may be put in.
    @exclusivity(unchecked) var events = EventBoundary()
    /// Of what was sent of a stream.
    @exclusivity(unchecked) var eventCount = EventCount()

    /// - Parameter onEnd: called when it has ended, before the client's next request.
    init(
        _ request: ClientRequest, context: RequestContext, client: any AnswerSink, loop: LoopState,
        onEnd: @escaping () -> Void
    ) {
        self.context = context
        self.client = client
        self.loop = loop
        self.onEnd = onEnd
        asked = request.peek
        stream = request.stream
        number = loop.takeExchangeNumber()
        // Not the request's id, which is the client's, and need not be another for each request. What is passed on needs none.
        forms = RequestForms(request, answerID: request.dialect == .openAI ? "" : loop.nextRequestID())
        heldMemory = MemoryShare(of: loop.shared.memory)
        attemptStart = context.arrival
        lastSign = context.arrival
        dispatch = Dispatch(
            Dispatch.Request(
                model: request.model, stream: request.stream, takesComments: request.takesComments,
                maximumAttempts: loop.settings.maximumAttempts, targets: request.chain?.targets ?? [],
                needs: Needs(
                    request.peek, kind: request.kind, path: request.path, bytes: request.body.readableBytes)),
            timeouts: loop.settings.timeouts.of(request.model, loop.settings.modelTimeouts), arrival: context.arrival)
    }

    var now: NIODeadline { loop.eventLoop.now }

    // MARK: Choosing

    /// Chooses a backend and gives the request to it; the exchange may end inside this call.
    func start() {
        loop.retries.requestCame(now: now.uptimeNanoseconds)
        choose()
    }

    func choose() {
        if dispatch.target != formsTarget { return takeTarget() }
        if forms.needsTranslation(for: untried) { return translate() }
        let snapshot = loop.snapshot
        if !snapshot.shortlists.isEmpty, placeAtSome(in: snapshot) { return }
        let eligible = dispatch.eligibility.candidates(in: snapshot, able: { forms.form(for: $0) != nil })
        if case .some(let eligible) = eligible { return place(eligible, in: snapshot) }
        noteLeftOut(eligible, in: snapshot)
        guard !tryNextTarget() else { return }
        // Another model only has no place now.
        if full != nil { return waitForPlace(orElse: .busy(asked.model)) }
        // An estimate refuses nothing by itself.
        if leftOut.contains(where: \.isTooLong), dispatch.takeTooLong() {
            leftOut = []
            return choose()
        }
        let waited = leftOut.filter { !$0.why.isOfTheRequest }.map(\.backend)
        if waitsForRestart(of: waited) { return waitForPlace(orElse: unavailable(in: snapshot)) }
        switch eligible {
        case .unknownModel where leftOut.isEmpty: giveUp(unknownModel(in: snapshot))
        case .some, .unknownModel, .nobody, .nobodyReached: giveUp(unavailable(in: snapshot))
        }
    }

    /// Takes a place at the best of them that has one.
    private func place(_ eligible: [Int], in snapshot: RegistrySnapshot) {
        guard mayLook else { return noPlace(orElse: .busy(asked.model)) }
        var shared: SharedPlaces?
        var ranking = loop.router.rank(
            eligible, for: dispatch.request.model, in: snapshot, isRetry: !dispatch.tried.isEmpty,
            now: now.uptimeNanoseconds)
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
            others, for: dispatch.request.model, in: snapshot, isRetry: true, now: now.uptimeNanoseconds)
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
            eligible, for: dispatch.request.model, in: snapshot, now: now.uptimeNanoseconds,
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

    // MARK: Attempts

    /// Gives the request to a backend at which a place is taken, in the form that fits it.
    private func run(_ backend: BackendSnapshot) {
        let request = forms.request
        var submitted = SubmittedRequest(
            kind: request.kind, model: request.model, requestID: context.id, path: request.path,
            contentType: request.contentType, stream: stream, includeUsage: asked.includeUsage, tools: asked.tools,
            images: asked.images, headers: context.fields, deadline: dispatch.end(at: backend.identity))
        warnings = []
        answerFields = []
        exactType = nil
        switch forms.form(for: backend) {
        // Neither occurs: only backends with a form are eligible, and what needs a translation has one by now.
        case nil, .unprepared:
            release(.neutral)
            return giveUp(
                .unavailable(asked.model, [LeftOut(backend: backend, why: .wrongKind)], kind: request.kind.name))
        case .native:
            isNative = true
            path = AnswerPath(nil, stream: stream)
            requestBody = request.body
        case .translated(let translation):
            isNative = false
            path = AnswerPath(translation.answer, stream: stream)
            requestBody = ByteBuffer(bytes: translation.body)
            warnings = translation.warnings
            submitted = SubmittedRequest(
                translation, model: request.model, requestID: context.id, stream: stream, tools: asked.tools,
                images: asked.images)
            submitted.headers = context.fields
            submitted.deadline = dispatch.end(at: backend.identity)
        case .answered(let bytes, let warning):
            release(.neutral)
            // Its words come from here; no backend has been asked.
            self.backend = nil
            warnings = warning.isEmpty ? [] : [warning]
            return answerHere(bytes)
        case .refused(let error):
            release(.neutral)
            return refuse(ErrorBody(error))
        }
        if !backend.identity.modelTimeouts.isEmpty {
            submitted.connectLimit = backend.identity.timeouts(of: request.model).connect
        }
        submit(submitted, to: backend)
    }

    private func submit(_ request: SubmittedRequest, to backend: BackendSnapshot) {
        attemptStart = now
        dispatch.attemptStarted(
            at: backend.identity, reason: reason ?? .only, hasAlternative: hasAlternative, now: attemptStart)
        guard countHeld() else { return attemptFailed(.outOfMemory) }
        let attempts = dispatch.attempts
        let task = backend.driver.submit(request, sink: self, on: loop.eventLoop, deadline: .distantFuture)
        // The backend may have ended the attempt inside submit, and a next one may be under way.
        guard dispatch.attempts == attempts, !dispatch.isOver, places != nil else {
            // The client may have gone inside submit as well; where the backend has ended it, this does nothing.
            task?.cancel()
            return
        }
        if let task {
            self.task = task
        } else {
            attemptFailed(ExchangeFailure(kind: .adapter, message: "The gateway has too many exchanges under way."))
        }
    }

    /// Counts how the attempt ended, and gives its place back.
    /// - Parameter failure: nil: none, or one that is no backend's.
    func release(_ end: BackendCounters.End, after failure: ExchangeFailure? = nil) {
        task = nil
        guard let places = places.take() else { return }
        modelAttempt = nil
        backend?.counters.ended(
            end, model: dispatch.request.model, began: attemptStart.uptimeNanoseconds)
        if let backend, failure != nil || end.isSuccess { tellBreaker(of: backend, after: failure) }
        trial = nil
        places.end()
        loop.shared.admission.placesChanged()
    }

    /// The first of the answer has come.
    func noteFirstToken() { modelAttempt?.answered(after: attemptMicroseconds, now: now.uptimeNanoseconds) }

    /// How long the attempt under way has taken, in microseconds.
    var attemptMicroseconds: UInt64 { UInt64(max(0, (now - attemptStart).nanoseconds)) / 1000 }

    func attemptFailed(_ told: ExchangeFailure) {
        guard !dispatch.isOver, let backend else { return }
        var failure = context.dialect.understood(told)
        // What this process has no descriptor or memory for says nothing of the server.
        if failure.kind == .connect, LocalShortage.happened(since: attemptStart) { failure.kind = .busy }
        held = nil
        _ = heldMemory.set(0)
        (answerFields, warnings, exactType) = ([], [], nil)
        noteRest(failure, of: backend)
        let canRephrase =
            failure.kind == .unsupported && isNative && !dispatch.isCommitted && forms.refused(by: backend)
        let action = dispatch.failed(
            failure, hasAlternative: hasAlternative, canRephrase: canRephrase,
            takesRetry: loop.retries.takeRetry(now: now.uptimeNanoseconds), now: now)
        release(failure.isOfTheBackend ? .failure : .neutral, after: failure)
        if failure.kind == .connect { loop.shared.noteUnreachable(backend) }
        switch action {
        case .ignore: return
        case .retry: tryAgain("retrying elsewhere", after: failure, at: backend)
        case .rephrase: tryAgain("trying again in other words", after: failure, at: backend)
        case .tell(let telling): tell(telling)
        }
    }

    /// A server that said for how long it wants to be left alone, or with one model, is passed over until then, where another can
    /// serve. Not for the limits of an organization or a project that the client chose by itself.
    private func noteRest(_ failure: ExchangeFailure, of backend: BackendSnapshot) {
        let model = dispatch.request.model
        guard let scope = RestScope(failure, model: model),
            !context.fields.contains(where: { $0.name == "openai-organization" || $0.name == "openai-project" })
        else { return }
        backend.counters.rest(
            scope == .model ? model : nil, milliseconds: failure.retryAfterMilliseconds, now: now.uptimeNanoseconds)
    }

    /// Another backend than the one of the attempt is left to try, or another model.
    var hasAlternative: Bool {
        if dispatch.hasNextTarget { return true }
        let current = dispatch.backend?.id
        return dispatch.eligibility.hasAlternative(to: current, in: loop.snapshot) { forms.form(for: $0) != nil }
    }

    /// Ends what takes longer than it may; to be called several times a second.
    func lookAtTime(now: NIODeadline) {
        lookForSilence(now: now)
        guard dispatch.isDue(now: now), let failure = dispatch.passed(now: now, hasAlternative: hasAlternative) else {
            return
        }
        if failure.deadline == .queue { return waitedTooLong(failure) }
        guard dispatch.isTrying else { return refuse(.timedOut(failure)) }
        let task = task
        attemptFailed(failure)
        task?.cancel()
    }

    private func tryAgain(_ how: String, after failure: ExchangeFailure, at backend: BackendSnapshot) {
        loop.shared.logger.info(
            "\(how)",
            metadata: [
                "request": "\(context.id)", "backend": "\(backend.identity.name)", "reason": "\(failure.message)",
            ])
        // In a turn of its own: a call of the adapter that failed is on the stack, and the next one may be of the same.
        let exchange = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let again: @Sendable () -> Void = {
            if !exchange.value.dispatch.isOver { exchange.value.choose() }
        }
        // Of many that fail together not all come to the next backend at the same instant.
        let pause = loop.retryPause()
        if pause == .zero { loop.eventLoop.execute(again) } else { loop.eventLoop.scheduleTask(in: pause, again) }
    }

    // MARK: What the client's connection tells

    /// The client closed its connection.
    func clientGone() {
        guard dispatch.clientGone(now: now) else { return }
        cancel()
        record()
        onEnd()
    }

    /// The gateway stops and waits no longer.
    func stop() { _ = end(with: .shuttingDown) }

    /// Ends it, whatever it is at, and tells the client why. False: it had ended before.
    func end(with error: ErrorBody) -> Bool {
        guard let telling = dispatch.stopped(status: error.status, message: error.message, now: now) else {
            return false
        }
        cancel()
        tell(telling, own: error)
        return true
    }

    private func cancel() {
        let task = task
        release(.neutral)
        task?.cancel()
    }

    /// Slow clients push back.
    func setPaused(_ paused: Bool) {
        dispatch.setPaused(paused, now: now)
        task?.setPaused(paused)
    }

    // MARK: The end

    /// To be called once, when `dispatch` is over and before the client is told: a client that has its answer finds it recorded.
    func record() {
        if ticket != nil { leaveQueue() }
        let request = ExchangeRecord.Request(
            id: context.id, model: asked.model,
            knownModel: isModelKnown ? dispatch.request.model : nil,
            stream: stream, endpoint: context.path, promptEstimate: learntEstimate)
        loop.record(request, dispatch.timeline)
    }

    /// Not a name that only a client made up: a backend without a list takes any.
    private var isModelKnown: Bool {
        let snapshot = loop.snapshot
        if snapshot.holders[dispatch.request.model] != nil { return true }
        return backend != nil && snapshot.takingAny.isEmpty
    }

    /// Where the answer comes from, for its head.
    var origin: AnswerOrigin {
        AnswerOrigin(
            backend: backend?.identity.name, attempts: dispatch.attempts, reason: backend == nil ? nil : reason?.text,
            fallback: fallbackModel,
            warning: warnings.isEmpty ? nil : EntryLimits.cut(warnings.joined(separator: " "), to: 1024),
            fields: answerFields, contentType: exactType)
    }
}
