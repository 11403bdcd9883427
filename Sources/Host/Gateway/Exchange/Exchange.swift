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
    /// The models so far for which nobody can be asked.
    var passedOver: [PassedOver] = []
    /// Invariant behind the unchecked exclusivity: what changes a `Dispatch` calls nothing outside itself, so that no access to
    /// it begins while another one changes it. It is asked at every piece.
    @exclusivity(unchecked) var dispatch: Dispatch
    /// Called when it has ended, before the client's next request.
    let onEnd: () -> Void
    /// Where it stands in a trace; nil: exchanges are not traced.
    let trace: ExchangeTrace?

    // MARK: Of the attempt under way

    /// Nil before the first.
    var backend: BackendSnapshot?
    /// The place at the backend, and those of the gateway's own limits.
    var places: Places?
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
    /// Of the client's body, and of what the client was sent.
    let requestBytes: UInt64
    var answerBytes: UInt64 = 0
    /// It is in the client's own words.
    var isNative = true
    var attemptStart: NIODeadline
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
    var reason: RouteReason?
    /// At one of several backends that have the model.
    var modelAttempt: ModelStanding.Attempt?
    /// It stands in the history when it has ended.
    var isRecorded = true
    /// What it has taken of its key's limits.
    var allowance: KeyUsage.Grant?
    /// A second attempt, beside the one under way.
    var hedge: Hedge?
    /// The answer has not begun, and a second attempt is under way or may follow. Never so where requests are not hedged.
    var isHedging = false
    /// When the second attempt is due.
    var hedgeTimer: Scheduled<Void>?

    /// Where what the client is sent is shown to those that watch; nil: nobody does.
    @exclusivity(unchecked) var glass: GlassTap?
    /// What takes the bodies that are kept; nil: none are.
    @exclusivity(unchecked) var capture: CaptureTap?
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
        requestBytes = UInt64(request.body.readableBytes)
        number = loop.takeExchangeNumber()
        // Not the request's id, which is the client's, and need not be another for each request. What is passed on needs none.
        forms = RequestForms(request, answerID: request.dialect == .openAI ? "" : loop.nextRequestID())
        trace = loop.trace(context)
        heldMemory = MemoryShare(of: loop.shared.memory)
        attemptStart = context.arrival
        lastSign = context.arrival
        dispatch = Dispatch(
            Dispatch.Request(
                model: request.model, stream: request.stream, takesComments: request.takesComments,
                maximumAttempts: loop.settings.maximumAttempts, targets: request.chain?.targets ?? [],
                needs: Needs(
                    request.peek, kind: request.kind, path: request.path, bytes: request.body.readableBytes),
                scope: context.scope),
            timeouts: loop.settings.timeouts.of(request.model, loop.settings.modelTimeouts), arrival: context.arrival)
        if let rules = loop.settings.captures, let original = request.original {
            capture = CaptureTap(
                rules, loop.shared.captures, original, type: request.contentType, key: context.key?.name,
                models: [request.peek.model, request.model])
            forms.forgetOriginal()
        }
    }

    var now: NIODeadline { loop.eventLoop.now }

    /// Chooses a backend and gives the request to it; the exchange may end inside this call.
    func start() {
        loop.retries.requestCame(now: now.uptimeNanoseconds)
        if let key = context.key, let error = takeAllowance(of: key) {
            isRecorded = key.usage.showsRefusal(now: now.uptimeNanoseconds)
            return refuse(error)
        }
        choose()
    }

    // MARK: Attempts

    /// Gives the request to a backend at which a place is taken, in the form that fits it.
    func run(_ backend: BackendSnapshot) {
        let request = forms.request
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
            submit(submitted(nil, to: backend.identity, attempt: dispatch.attempts), to: backend)
        case .translated(let translation):
            isNative = false
            path = AnswerPath(translation.answer, stream: stream)
            requestBody = ByteBuffer(bytes: translation.body)
            warnings = translation.warnings
            submit(submitted(translation, to: backend.identity, attempt: dispatch.attempts), to: backend)
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
    }

    /// The request as a backend gets it, without its body.
    /// - Parameters:
    ///   - translation: nil: in the client's own words.
    ///   - attempt: which of the exchange's, from 0.
    func submitted(
        _ translation: Translation?, to backend: BackendIdentity, attempt: Int
    ) -> SubmittedRequest {
        let request = forms.request
        var submitted =
            if let translation {
                SubmittedRequest(
                    translation, model: request.model, requestID: context.id, stream: stream, tools: asked.tools,
                    images: asked.images)
            } else {
                SubmittedRequest(
                    kind: request.kind, model: request.model, requestID: context.id, path: request.path,
                    contentType: request.contentType, stream: stream, includeUsage: asked.includeUsage,
                    tools: asked.tools, images: asked.images)
            }
        submitted.headers = trace?.fields(context.fields, attempt: attempt) ?? context.fields
        submitted.deadline = dispatch.end(at: backend)
        if !backend.modelTimeouts.isEmpty { submitted.connectLimit = backend.timeouts(of: request.model).connect }
        return submitted
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
            if loop.settings.hedges { planHedge() }
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
    func noteFirstPiece() {
        // Of a whole answer it comes when all is done: see `noteWhole`.
        guard stream else { return }
        modelAttempt?.answered(after: attemptMicroseconds, isWhole: false, now: now.uptimeNanoseconds)
    }

    /// A whole answer is there. When its first token was only the server can tell.
    func noteWhole(_ outcome: ExchangeOutcome) {
        modelAttempt?.answered(after: attemptMicroseconds, isWhole: true, now: now.uptimeNanoseconds)
        let speed = GenerationSpeed(outcome, microseconds: attemptMicroseconds, firstPiece: nil)
        if let milliseconds = speed.timeToFirstTokenMilliseconds {
            modelAttempt?.answered(after: milliseconds * 1000, isWhole: false, now: now.uptimeNanoseconds)
        }
    }

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
        if isHedging, hedgeLeads(after: failure, at: backend) { return }
        let canRephrase =
            failure.lacksForm && isNative && !dispatch.isCommitted && forms.refused(by: backend)
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
    func noteRest(_ failure: ExchangeFailure, of backend: BackendSnapshot) {
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
        if hedge != nil { lookAtHedge(now: now) }
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
        log("attempt failed; \(how)", ["backend": "\(backend.identity.name)", "reason": "\(failure.message)"])
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
        if isHedging { endHedging() }
        settleAllowance()
        var request = ExchangeRecord.Request(
            id: context.id, model: asked.model,
            knownModel: isModelKnown ? dispatch.request.model : nil,
            stream: stream, endpoint: context.path, promptEstimate: learntEstimate, client: context.peer,
            key: context.key?.name)
        (request.requestBytes, request.answerBytes) = (requestBytes, answerBytes)
        request.trace = trace
        if isRecorded { loop.record(request, dispatch.timeline) }
        if glass != nil { endGlass() }
        if capture != nil { endCapture(request) }
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
