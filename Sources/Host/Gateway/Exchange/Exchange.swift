import Adapters
import Core
import NIOCore
import Routing

/// One client request on its way through backends: drives the pure `ExchangeMachine`, and carries out what it decides.
/// Lives on one event loop. Every path through it ends in exactly one `complete`.
final class Exchange: AttemptSink {
    private(set) var requestBody: ByteBuffer
    private let connection: ClientConnection
    private let loop: LoopState
    private let kind: RequestKind
    private let peek: RequestPeek
    private let model: String
    private let arrival: NIODeadline
    private let deadline: NIODeadline
    private var machine: ExchangeMachine
    private var backend: BackendSnapshot?
    /// A place at the backend is taken and must be given back.
    private var holdsPlace = false
    private var candidates = 0
    private var tried: [String] = []
    private var task: AdapterTask?
    private var attemptStart: NIODeadline
    private var firstByte: NIODeadline?
    private var answerStatus = 200
    private var answerType = AnswerType.json
    private var held: ByteBuffer?
    private var lastFailure: (failure: ExchangeFailure, backend: String)?

    init(
        kind: RequestKind, peek: RequestPeek, model: String, body: ByteBuffer, arrival: NIODeadline,
        connection: ClientConnection, loop: LoopState
    ) {
        self.kind = kind
        self.peek = peek
        self.model = model
        requestBody = body
        self.connection = connection
        self.loop = loop
        self.arrival = arrival
        attemptStart = arrival
        deadline = arrival + loop.settings.requestTimeout
        machine = ExchangeMachine(stream: peek.stream, maximumAttempts: loop.settings.maximumAttempts)
    }

    // MARK: Attempts

    func start() { attempt() }

    private func attempt() {
        let kind = kind
        let choice = loop.router.choose(model: model, snapshot: loop.snapshot, tried: tried) {
            ($0.driver as? AdapterBackend)?.supports(kind, told: $0.kinds) == true
        }
        switch choice {
        case .backend(let backend, let candidates):
            self.candidates = candidates
            run(backend)
        case .unknownModel:
            // Which models a backend has is known once it has been reached.
            let backends = loop.snapshot.backends
            let nobody = !backends.isEmpty && backends.allSatisfy { $0.status != .healthy }
            answer(nobody ? .unavailable(peek.model, backends, kind: kind.name) : .unknownModel(peek.model))
        case .unavailable(let backends):
            answerLastFailure(or: .unavailable(peek.model, backends, kind: kind.name))
        case .busy: answerLastFailure(or: .busy(peek.model))
        }
    }

    private func run(_ backend: BackendSnapshot) {
        guard let driver = backend.driver as? AdapterBackend else { return }
        self.backend = backend
        holdsPlace = true
        machine.attemptStarted()
        attemptStart = tried.isEmpty ? arrival : .now()
        let request = SubmittedRequest(
            kind: kind, model: model, requestID: connection.requestID, path: connection.path, stream: peek.stream,
            includeUsage: peek.includeUsage, tools: peek.tools, images: peek.images)
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
                && (backend.driver as? AdapterBackend)?.supports(kind, told: backend.kinds) == true
        }
    }

    private func releaseBackend(_ end: BackendCounters.End) {
        if holdsPlace { backend?.counters.ended(end) }
        holdsPlace = false
        task = nil
    }

    // MARK: What the adapter says

    func attemptBegan(_ head: AttemptHead) -> Bool {
        guard machine.begin() else { return false }
        answerStatus = head.status
        answerType = head.contentType ?? (peek.stream ? .eventStream : .json)
        return true
    }

    var attemptIsOverfull: Bool { machine.isCommitted && connection.isOverfull }

    func attemptWrote(_ bytes: ByteBuffer) -> Bool {
        var bytes = bytes
        switch machine.write(count: bytes.readableBytes) {
        case .refuse: return false
        case .hold:
            noteFirstByte()
            hold(&bytes)
        case .commit:
            noteFirstByte()
            hold(&bytes)
            requestBody = ByteBuffer()
            connection.beginPieces(status: answerStatus, type: answerType, origin: origin, first: held ?? bytes)
            held = nil
        case .send: connection.writePiece(&bytes)
        }
        return true
    }

    private func noteFirstByte() { if firstByte == nil { firstByte = .now() } }

    private func hold(_ bytes: inout ByteBuffer) {
        if held == nil { held = bytes } else { held?.writeBuffer(&bytes) }
    }

    func attemptFlush() {
        if machine.isCommitted { connection.flush() }
    }

    func attemptFinished(_ outcome: ExchangeOutcome) -> Bool {
        switch machine.finish() {
        case .refuse: return false
        case .sendHeld:
            connection.writeWhole(
                status: answerStatus, type: answerType, origin: origin, body: held ?? ByteBuffer())
        case .endStream: connection.endPieces()
        }
        releaseBackend(.success(microseconds: Self.microseconds(since: attemptStart)))
        complete(status: .success, code: answerStatus, outcome: outcome)
        return true
    }

    func attemptFailed(_ failure: ExchangeFailure) {
        guard !machine.isOver, let backend else { return }
        held = nil
        let name = backend.identity.name
        let action = machine.fail(retryable: failure.isRetryable, alternatives: hasAlternative)
        releaseBackend(failure.isOfTheBackend ? .failure : .neutral)
        if failure.kind == .connect { loop.shared.noteUnreachable(backend) }
        switch action {
        case .ignore: return
        case .retry:
            tried.append(backend.identity.id)
            lastFailure = (failure, name)
            loop.shared.logger.info(
                "retrying elsewhere",
                metadata: ["request": "\(connection.requestID)", "backend": "\(name)", "reason": "\(failure.message)"])
            // In a turn of its own: a call of the adapter that failed is on the stack, and the next one may be of the same.
            let exchange = NIOLoopBound(self, eventLoop: loop.eventLoop)
            loop.eventLoop.execute { exchange.value.retry() }
        case .answerError:
            lastFailure = (failure, name)
            answerLastFailure(or: .unknownModel(peek.model))
        case .errorEvent where answerType == .eventStream:
            let body = failure.body.isEmpty ? ErrorBody(failure, backend: name).json : failure.body
            connection.endPieces(errorEvent: body)
            complete(status: .error, code: answerStatus, error: "\(name): \(failure.message)")
        case .errorEvent, .abort:
            connection.abort()
            complete(status: .error, code: answerStatus, error: "\(name): \(failure.message)")
        }
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
            connection.writeError(error, origin: origin)
        } else if answerType == .eventStream {
            connection.endPieces(errorEvent: error.json)
        }
        complete(status: .error, code: 503, error: error.message)
    }

    /// Slow clients push back.
    func setPaused(_ paused: Bool) { task?.setPaused(paused) }

    private func answerLastFailure(or error: ErrorBody) {
        guard let (failure, name) = lastFailure else { return answer(error) }
        if failure.body.isEmpty {
            answer(ErrorBody(failure, backend: name))
        } else {
            connection.writeFailure(failure, origin: origin)
            complete(status: .error, code: failure.clientStatus, error: "\(name): \(failure.message)")
        }
    }

    private func answer(_ error: ErrorBody) {
        connection.writeError(error, origin: origin)
        complete(status: .error, code: error.status, error: error.message)
    }

    /// Where the answer comes from, for the head.
    private var origin: AnswerOrigin {
        AnswerOrigin(
            backend: backend?.identity.name, attempts: machine.attempts,
            reason: backend == nil ? nil : loop.settings.routeReason(candidates: candidates, retried: !tried.isEmpty))
    }

    private func complete(
        status: HistoryEntry.Status, code: Int, outcome: ExchangeOutcome = ExchangeOutcome(), error: String? = nil
    ) {
        if !machine.isOver { _ = machine.clientGone() }
        var entry = HistoryEntry(
            timestamp: Clock.wallSeconds(), model: peek.model,
            backendID: backend?.identity.id ?? HistoryEntry.noBackend,
            durationMilliseconds: Self.microseconds(since: arrival) / 1000, status: status, errorMessage: error)
        entry.requestID = connection.requestID
        entry.attempts = machine.attempts
        entry.statusCode = code
        entry.stream = peek.stream
        entry.timeToFirstByteMilliseconds = firstByte.map { UInt64(max(0, ($0 - arrival).nanoseconds)) / 1_000_000 }
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

    private static func microseconds(since start: NIODeadline) -> UInt64 {
        UInt64(max(0, (NIODeadline.now() - start).nanoseconds)) / 1000
    }
}

/// What a head says of the way an answer took.
struct AnswerOrigin {
    var backend: String?
    var attempts: Int
    var reason: String?
}
