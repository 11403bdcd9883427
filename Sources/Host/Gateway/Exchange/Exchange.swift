import AdapterHost
import Core
import Dialects
import NIOCore
import Routing
import Upstream

/// One client request on its way through backends: drives the pure `ExchangeMachine`, and carries out what it decides.
/// Lives on one event loop. Every path through it ends in exactly one `complete`.
final class Exchange: AttemptSink {
    /// Of the attempt under way.
    private(set) var requestBody = ByteBuffer()
    private let connection: ClientConnection
    private let loop: LoopState
    private let peek: RequestPeek
    private let model: String
    private let stream: Bool
    private let dialect: Dialect
    private let keepsAlive: Bool
    private let arrival: NIODeadline
    private let deadline: NIODeadline
    private var forms: RequestForms
    private var machine: ExchangeMachine
    private var backend: BackendSnapshot?
    /// A place at the backend is taken and must be given back.
    private var holdsPlace = false
    private var candidates = 0
    private var tried: [String] = []
    private var task: AdapterTask?
    /// The attempt under way is in the client's own words.
    private var isNative = true
    private var attemptStart: NIODeadline
    private var firstByte: NIODeadline?
    /// When the client heard the last of us.
    private var lastSign: NIODeadline
    private var answerStatus = 200
    private var answerType = AnswerType.json
    private var path = AnswerPath(nil, stream: false)
    private var warnings: [String] = []
    private var held: ByteBuffer?
    /// Of `held`.
    private var heldMemory: MemoryShare
    private var lastFailure: (failure: ExchangeFailure, backend: String)?

    init(_ request: ClientRequest, arrival: NIODeadline, connection: ClientConnection, loop: LoopState) {
        peek = request.peek
        model = request.model
        stream = request.stream
        dialect = request.dialect
        keepsAlive =
            request.stream && request.dialect != .ollama && request.kind != .audio && request.kind != .images
        forms = RequestForms(request, requestID: connection.requestID)
        heldMemory = MemoryShare(of: loop.shared.memory)
        self.connection = connection
        self.loop = loop
        self.arrival = arrival
        attemptStart = arrival
        lastSign = arrival
        deadline = arrival + loop.settings.requestTimeout
        machine = ExchangeMachine(stream: request.stream, maximumAttempts: loop.settings.maximumAttempts)
    }

    // MARK: Attempts

    func start() { attempt() }

    private func attempt() {
        if forms.needsTranslation(for: untried) { return translate() }
        let choice = loop.router.choose(model: model, snapshot: loop.snapshot, tried: tried) {
            forms.form(for: $0) != nil
        }
        switch choice {
        case .backend(let backend, let candidates):
            self.candidates = candidates
            holdsPlace = true
            self.backend = backend
            run(backend)
        case .unknownModel:
            // Which models a backend has is known once it has been reached.
            let backends = loop.snapshot.backends
            let nobody = !backends.isEmpty && backends.allSatisfy { $0.status != .healthy }
            let kind = forms.request.kind
            answer(nobody ? .unavailable(peek.model, backends, kind: kind.name) : unknownModel)
        case .unavailable(let backends):
            answerLastFailure(or: .unavailable(peek.model, backends, kind: forms.request.kind.name))
        case .busy: answerLastFailure(or: .busy(peek.model))
        }
    }

    /// Gives the request to a backend at which a place is taken, in the form that fits it.
    private func run(_ backend: BackendSnapshot) {
        let request = forms.request
        var submitted = SubmittedRequest(
            kind: request.kind, model: model, requestID: connection.requestID, path: request.path,
            contentType: request.contentType, stream: stream, includeUsage: peek.includeUsage, tools: peek.tools,
            images: peek.images)
        warnings = []
        switch forms.form(for: backend) {
        // The second does not occur: what needs a translation has one before a backend is chosen.
        case nil, .unprepared:
            return attemptFailed(ExchangeFailure(kind: .unsupported, message: "It does not take such requests."))
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
                translation, model: model, requestID: connection.requestID, stream: stream, tools: peek.tools,
                images: peek.images)
        case .answered(let bytes, let warning):
            releaseBackend(.neutral)
            warnings = warning.isEmpty ? [] : [warning]
            return answer(bytes)
        case .refused(let error):
            releaseBackend(.neutral)
            return answer(ErrorBody(error))
        }
        submit(submitted, to: backend)
    }

    /// Those that have the model and were not tried yet.
    private var untried: [BackendSnapshot] {
        (loop.snapshot.candidates[model] ?? []).map { loop.snapshot.backends[$0] }
            .filter { !tried.contains($0.identity.id) }
    }

    /// Translates a large request away from this loop, and goes on when that is done, if the client is still there.
    private func translate() {
        let (make, eventLoop) = (forms.makeTranslation, loop.eventLoop)
        let exchange = NIOLoopBound(self, eventLoop: eventLoop)
        let isTaken = loop.shared.work.submit(size: forms.request.body.readableBytes) {
            let form = make()
            eventLoop.execute { exchange.value.translated(form) }
        }
        if !isTaken { answer(.overloaded) }
    }

    private func translated(_ form: RequestForms.Form) {
        guard !machine.isOver else { return }
        forms.take(form)
        attempt()
    }

    private func submit(_ request: SubmittedRequest, to backend: BackendSnapshot) {
        guard let driver = backend.driver as? AdapterBackend else { return }
        machine.attemptStarted()
        guard countHeld() else { return attemptFailed(.outOfMemory) }
        firstByte = nil
        attemptStart = tried.isEmpty ? arrival : loop.eventLoop.now
        let attempts = machine.attempts
        let task = driver.submit(request, sink: self, services: loop.services, deadline: deadline)
        // The adapter may have ended the attempt inside submit, and a next one may be under way.
        guard machine.attempts == attempts, !machine.isOver else { return }
        if let task {
            self.task = task
        } else {
            attemptFailed(ExchangeFailure(kind: .adapter, message: "The gateway has too many exchanges under way."))
        }
    }

    private func retry() {
        if !machine.isOver { attempt() }
    }

    /// Whether another backend is left to try.
    private var hasAlternative: Bool {
        guard let indices = loop.snapshot.candidates[model] else { return false }
        return indices.contains { index in
            let backend = loop.snapshot.backends[index]
            return !tried.contains(backend.identity.id) && backend.identity.id != self.backend?.identity.id
                && forms.form(for: backend) != nil
        }
    }

    private func releaseBackend(_ end: BackendCounters.End) {
        if holdsPlace { backend?.counters.ended(end) }
        holdsPlace = false
        task = nil
    }

    // MARK: What the adapter says

    func attemptBegan(_ head: AttemptHead) -> Bool {
        let type: AnswerType
        if path.isTranslated {
            type = stream ? dialect.streamType : .json
        } else {
            type = head.contentType ?? (stream ? dialect.streamType : .json)
        }
        guard machine.begin(sendsAtOnce: type != .json) else { return false }
        answerStatus = head.status
        answerType = type
        if !head.warning.isEmpty { warnings.append(head.warning) }
        return true
    }

    var attemptIsOverfull: Bool { machine.isCommitted && connection.isOverfull }
    var attemptIsOutOfMemory: Bool { connection.isOutOfMemory }

    func attemptWrote(_ bytes: ByteBuffer) -> AttemptReply {
        guard path.isTranslated else { return take(bytes) }
        guard machine.takesPieces else { return .refused }
        do throws(AnswerProblem) {
            let translated = try path.piece(bytes)
            noteFirstByte()
            guard translated.readableBytes > 0 else {
                return countHeld() ? .taken : .failed(.outOfMemory)
            }
            lastSign = loop.eventLoop.now
            return take(translated)
        } catch {
            return .failed(ExchangeFailure(kind: .upstream, message: error.message))
        }
    }

    /// False if the memory of all is used up.
    private func countHeld() -> Bool {
        heldMemory.set((held?.readableBytes ?? 0) + path.waiting + (isNative ? 0 : requestBody.readableBytes))
    }

    /// Takes bytes for the client.
    private func take(_ bytes: ByteBuffer) -> AttemptReply {
        var bytes = bytes
        switch machine.write(count: bytes.readableBytes) {
        case .refuse: return .refused
        case .hold:
            noteFirstByte()
            hold(&bytes)
            guard countHeld() else { return .failed(.outOfMemory) }
        case .commit:
            noteFirstByte()
            hold(&bytes)
            commit(held ?? bytes)
        case .send: connection.writePiece(&bytes)
        }
        return .taken
    }

    /// From here on this backend is the one.
    private func commit(_ first: ByteBuffer) {
        requestBody = ByteBuffer()
        forms.forget()
        connection.requestIsDone()
        held = nil
        _ = heldMemory.set(0)
        guard machine.isHeadSent else {
            return connection.beginPieces(status: answerStatus, type: answerType, origin: origin, first: first)
        }
        var first = first
        connection.writePiece(&first)
    }

    private func noteFirstByte() { if firstByte == nil { firstByte = loop.eventLoop.now } }

    private func hold(_ bytes: inout ByteBuffer) {
        if held == nil { held = bytes } else { held?.writeBuffer(&bytes) }
    }

    func attemptFlush() {
        if machine.isCommitted { connection.flush() }
    }

    func attemptFinished(_ outcome: ExchangeOutcome) -> AttemptReply {
        if path.isTranslated {
            guard machine.takesPieces else { return .refused }
            if let end = path.takeLargeEnd() { return finishElsewhere(end.size, end.make, outcome) }
            do throws(AnswerProblem) {
                let rest = try path.end()
                if rest.readableBytes > 0, case let reply = take(rest), reply != .taken { return reply }
            } catch {
                return .failed(ExchangeFailure(kind: .upstream, message: error.message, outcome: outcome))
            }
        }
        return finish(outcome)
    }

    /// Translates a large answer away from this loop. The attempt is over for its adapter; the exchange is when that is done.
    private func finishElsewhere(
        _ size: Int, _ make: @escaping @Sendable () -> Result<ByteBuffer, AnswerProblem>, _ outcome: ExchangeOutcome
    ) -> AttemptReply {
        let eventLoop = loop.eventLoop
        let exchange = NIOLoopBound(self, eventLoop: eventLoop)
        let isTaken = loop.shared.work.submit(size: size) {
            let result = make()
            eventLoop.execute { exchange.value.finished(with: result, outcome) }
        }
        guard isTaken else {
            return .failed(ExchangeFailure(kind: .busy, message: ErrorBody.overloaded.message))
        }
        task = nil
        return .taken
    }

    private func finished(with result: Result<ByteBuffer, AnswerProblem>, _ outcome: ExchangeOutcome) {
        guard !machine.isOver else { return }
        switch result {
        case .failure(let problem): attemptFailed(ExchangeFailure(kind: .upstream, message: problem.message))
        case .success(let rest):
            if rest.readableBytes > 0 { _ = take(rest) }
            _ = finish(outcome)
        }
    }

    private func finish(_ outcome: ExchangeOutcome) -> AttemptReply {
        switch machine.finish() {
        case .refuse: return .refused
        case .sendHeld:
            connection.writeWhole(
                status: answerStatus, type: answerType, origin: origin, body: held ?? ByteBuffer())
        case .endStream: connection.endPieces()
        }
        releaseBackend(.success(microseconds: microseconds(since: attemptStart)))
        complete(status: .success, code: answerStatus, outcome: outcome)
        return .taken
    }

    func attemptFailed(_ told: ExchangeFailure) {
        guard !machine.isOver, let backend else { return }
        var failure = told
        // What this process has no descriptor or memory for says nothing of the server.
        if failure.kind == .connect, LocalShortage.happened(since: attemptStart) { failure.kind = .busy }
        held = nil
        _ = heldMemory.set(0)
        let name = backend.identity.name
        let again = failure.kind == .unsupported && isNative && !machine.isCommitted && forms.refused(by: backend)
        let action = machine.fail(
            retryable: failure.isRetryable, alternatives: hasAlternative, inOtherWords: again)
        releaseBackend(failure.isOfTheBackend ? .failure : .neutral)
        if failure.kind == .connect { loop.shared.noteUnreachable(backend) }
        switch action {
        case .ignore: return
        case .retry:
            if !again {
                tried.append(backend.identity.id)
                lastFailure = (failure, name)
            }
            loop.shared.logger.info(
                again ? "trying again in other words" : "retrying elsewhere",
                metadata: ["request": "\(connection.requestID)", "backend": "\(name)", "reason": "\(failure.message)"])
            // In a turn of its own: a call of the adapter that failed is on the stack, and the next one may be of the same.
            let exchange = NIOLoopBound(self, eventLoop: loop.eventLoop)
            loop.eventLoop.execute { exchange.value.retry() }
        case .answerError:
            lastFailure = (failure, name)
            answerLastFailure(or: unknownModel)
        case .errorEvent where answerType != .eventStream && answerType != .jsonLines:
            connection.abort()
            complete(
                status: .error, code: answerStatus, outcome: failure.outcome, error: "\(name): \(failure.message)")
        case .errorEvent:
            connection.endPieces(with: dialect.errorEvent(failure, backend: name, requestID: connection.requestID))
            complete(
                status: .error, code: answerStatus, outcome: failure.outcome, error: "\(name): \(failure.message)")
        case .abort:
            connection.abort()
            complete(
                status: .error, code: answerStatus, outcome: failure.outcome, error: "\(name): \(failure.message)")
        }
    }

    // MARK: Signs of life

    /// Sends a comment if the client of a stream has heard nothing for `interval`. Ollama's lines know no comments, and what a
    /// request for sound or an image is answered with is not known before.
    func keepAlive(after interval: TimeAmount, now: NIODeadline) {
        guard keepsAlive, now - lastSign >= interval else { return }
        var comment = ByteBuffer(staticString: ": keep-alive\n\n")
        switch machine.keepAlive() {
        // A translation may have nothing to say for long, such as while a model thinks unseen; between its pieces there is
        // room for a comment.
        case .ignore:
            guard path.isTranslated, machine.isCommitted else { return }
            connection.writePiece(&comment)
        case .sendHead:
            answerType = .eventStream
            connection.beginPieces(status: 200, type: .eventStream, origin: origin, first: comment)
        case .send: connection.writePiece(&comment)
        }
        lastSign = now
        connection.flush()
    }

    // MARK: The end

    /// The client closed its connection.
    func clientGone() {
        guard machine.clientGone() else { return }
        let task = task
        releaseBackend(.neutral)
        task?.cancel()
        complete(status: .error, code: 499, error: "The client closed the connection.")
    }

    /// The gateway stops and waits no longer.
    func stop() {
        guard !machine.isOver else { return }
        let committed = machine.isCommitted
        _ = machine.clientGone()
        let task = task
        releaseBackend(.neutral)
        task?.cancel()
        let error = ErrorBody(
            status: 503, message: "The gateway is shutting down.", type: "service_unavailable_error",
            code: "shutting_down", retryAfter: 5)
        if !committed {
            refuse(error)
        } else if answerType == .eventStream || answerType == .jsonLines {
            connection.endPieces(with: dialect.errorEvent(error, requestID: connection.requestID))
        }
        complete(status: .error, code: 503, error: error.message)
    }

    /// Slow clients push back.
    func setPaused(_ paused: Bool) { task?.setPaused(paused) }

    private var unknownModel: ErrorBody { .unknownModel(peek.model, among: loop.snapshot.candidates.keys) }

    private func answerLastFailure(or error: @autoclosure () -> ErrorBody) {
        guard let (failure, name) = lastFailure else { return answer(error()) }
        let body = dialect.errorBody(failure, backend: name, requestID: connection.requestID)
        if machine.isHeadSent {
            connection.endPieces(with: dialect.errorEvent(failure, backend: name, requestID: connection.requestID))
        } else {
            connection.writeFailure(failure, body: body, origin: origin)
        }
        complete(
            status: .error, code: machine.isHeadSent ? answerStatus : failure.clientStatus,
            outcome: failure.outcome, error: "\(name): \(failure.message)")
    }

    private func answer(_ error: ErrorBody) {
        refuse(error)
        complete(status: .error, code: machine.isHeadSent ? answerStatus : error.status, error: error.message)
    }

    private func refuse(_ error: ErrorBody) {
        if machine.isHeadSent {
            connection.endPieces(with: dialect.errorEvent(error, requestID: connection.requestID))
        } else {
            connection.writeError(error, origin: origin)
        }
    }

    /// An answer of the gateway's own.
    private func answer(_ bytes: [UInt8]) {
        let body = ByteBuffer(bytes: bytes)
        connection.writeWhole(
            status: 200, type: stream ? dialect.streamType : .json, origin: origin, body: body)
        complete(status: .success, code: 200)
    }

    /// Where the answer comes from, for the head.
    private var origin: AnswerOrigin {
        AnswerOrigin(
            backend: backend?.identity.name, attempts: machine.attempts,
            reason: backend == nil ? nil : loop.settings.routeReason(candidates: candidates, retried: !tried.isEmpty),
            warning: warnings.isEmpty ? nil : EntryLimits.cut(warnings.joined(separator: " "), to: 1024))
    }

    private func complete(
        status: HistoryEntry.Status, code: Int, outcome: ExchangeOutcome = ExchangeOutcome(), error: String? = nil
    ) {
        if !machine.isOver { _ = machine.clientGone() }
        var entry = HistoryEntry(
            timestamp: Clock.wallSeconds(), model: peek.model,
            backendID: backend?.identity.id ?? HistoryEntry.noBackend,
            durationMilliseconds: microseconds(since: arrival) / 1000, status: status, errorMessage: error)
        entry.knownModel = backend != nil || loop.snapshot.holders[model] != nil ? model : nil
        entry.requestID = connection.requestID
        entry.attempts = machine.attempts
        entry.statusCode = code
        entry.stream = stream
        entry.endpoint = connection.path
        let first = stream ? firstByte.map { UInt64(max(0, ($0 - arrival).nanoseconds)) / 1000 } : nil
        let speed = GenerationSpeed(outcome, microseconds: microseconds(since: arrival), firstPiece: first)
        entry.timeToFirstByteMilliseconds = speed.timeToFirstTokenMilliseconds
        // What broke off may have stood still for long before.
        entry.tokensPerSecond = status == .success ? speed.tokensPerSecond : nil
        entry.tokensEstimated = outcome.isEstimated
        entry.promptTokens = outcome.promptTokens
        entry.completionTokens = outcome.completionTokens
        entry.cachedTokens = outcome.cachedTokens
        loop.shared.journal.record(entry)
        if status == .error {
            loop.shared.logger.notice(
                "request failed",
                metadata: [
                    "request": "\(entry.requestID)", "model": "\(entry.model)", "backend": "\(entry.backendID)",
                    "status": "\(code)", "reason": "\(error ?? "")",
                ])
        }
        connection.exchangeEnded()
    }

    private func microseconds(since start: NIODeadline) -> UInt64 {
        UInt64(max(0, (loop.eventLoop.now - start).nanoseconds)) / 1000
    }
}

/// What a head says of the way an answer took.
struct AnswerOrigin {
    var backend: String?
    var attempts: Int
    var reason: String?
    /// What of the request was left out.
    var warning: String?
}
