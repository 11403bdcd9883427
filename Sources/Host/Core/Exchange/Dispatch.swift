import NIOCore

/// Decides everything about one exchange: who may be asked, when the answer is committed, what a failure leads to, how it
/// ends and what is recorded. Pure: events come in with their time, and what to do comes out. `Exchange` carries it out.
///
///     choosing ──attemptStarted──▶ waiting ──answerBegan──▶ begun ──wrote──▶ committed ──finished/failed──▶ over
///        ▲                            │                       │
///        └────────── failed, and something is left to try ────┘
///
/// Where no backend has a place it is `queued` between choosing and its attempt.
///
/// While a stream waits for a piece, comments keep the client's connection alive (`quiet`). One before the first piece sends
/// the head: from there on a failure is told inside the stream, but another backend may still be tried.
///
/// A unary answer is held back until it is complete or exceeds `holdLimit`, so that a backend that dies in the middle of it
/// can still be replaced by another, and so that it gets a content-length.
public struct Dispatch: Sendable {
    /// Bytes of a unary answer that are held back before it is committed.
    public static let holdLimit = 256 * 1024

    /// What is asked, as far as decisions depend on it.
    public struct Request: Sendable, Equatable {
        /// The name at the backends.
        public var model: String
        /// The client wants the answer in pieces; each is sent as it comes.
        public var stream: Bool
        /// The client understands comments in its stream.
        public var takesComments: Bool
        /// At least 1. All models together; but each has one attempt in any case.
        public var maximumAttempts: Int
        /// The models that the client's name stands for, `model` first; empty: it alone, at any backend.
        public var targets: [ModelTarget]
        public var needs: Needs

        public init(
            model: String, stream: Bool, takesComments: Bool, maximumAttempts: Int, targets: [ModelTarget] = [],
            needs: Needs = Needs()
        ) {
            self.needs = needs
            self.model = model
            self.targets = targets
            self.stream = stream
            self.takesComments = takesComments
            self.maximumAttempts = max(1, maximumAttempts)
        }
    }

    private enum Phase: Sendable { case choosing, queued, waiting, begun, committed, over }

    public private(set) var request: Request
    private var walk: TargetWalk
    private var takesTooLong = false
    private var phase = Phase.choosing
    private var maximumAttempts: Int
    /// Ids of the backends that are not asked again.
    public private(set) var tried: [String] = []
    /// Where the attempt under way is, or the last one was.
    public private(set) var backend: BackendIdentity?
    /// Attempts started so far.
    public private(set) var attempts = 0
    /// Those of which the timeline says with which model they were.
    private var attemptsNamed = 0
    private var lastFailure: (failure: ExchangeFailure, backend: String)?
    /// Bytes held back of this attempt's answer.
    private var held = 0
    /// Pieces of this attempt's answer are sent as they come.
    private var sendsAtOnce = false
    /// An error can be told inside this attempt's answer.
    private var hasEvents = false
    private var hasData = false
    private var status = 200
    /// The head was sent, with nothing but comments behind it so far.
    public private(set) var isHeadSent = false
    public private(set) var timeline: Timeline
    private var isConnected = false
    private var deadlines: Deadlines

    /// - Parameters:
    ///   - timeouts: those of the gateway for the model that is tried first; a backend has its own.
    ///   - arrival: when the request arrived.
    public init(
        _ request: Request, timeouts: Configuration.Timeouts = Configuration.Timeouts(), arrival: NIODeadline
    ) {
        self.request = request
        walk = TargetWalk(request.targets)
        maximumAttempts = request.maximumAttempts
        deadlines = Deadlines(arrival: arrival.uptimeNanoseconds, limits: timeouts, isStream: request.stream)
        timeline = Timeline(arrival: arrival)
    }

    public var isOver: Bool { phase == .over }
    public var isCommitted: Bool { phase == .committed }
    /// An attempt is under way.
    public var isTrying: Bool { phase == .waiting || takesPieces }
    /// How far it is, as far as that is known here; nil: it is over.
    public var progress: ExchangePhase? {
        switch phase {
        case .choosing: .routing
        case .queued: .queued
        case .waiting, .begun, .committed:
            if hasData {
                sendsAtOnce ? .streaming : .answering
            } else if deadlines.isConnecting {
                .connecting
            } else {
                // What a server says in a stream before the answer, such as comments, is none of it.
                !request.stream && deadlines.isGiving ? .answering : .prefill
            }
        case .over: nil
        }
    }
    /// The answer has begun and has not ended.
    public var takesPieces: Bool { phase == .begun || phase == .committed }

    // MARK: Who may be asked

    public enum Eligible: Sendable {
        /// Places in the snapshot's list of backends; not empty.
        case some([Int])
        /// No backend has or had the model.
        case unknownModel
        /// These have it, and none of them is healthy, able and untried.
        case nobody([BackendSnapshot])
        /// As far as is known: no backend has been reached, so what they have is not known.
        case nobodyReached
    }

    /// Who may be asked for the model that is tried now.
    public var eligibility: Eligibility {
        Eligibility(
            model: request.model, backend: walk.backend, tried: tried, needs: request.needs, hasOthers: isFirm)
    }

    /// Where the prompt is far too long for a model, another is tried.
    private var isFirm: Bool { !takesTooLong && request.targets.count > 1 }

    /// The prompt seems far too long for each of the models that somebody could be asked for: they are gone through once more, and
    /// the servers may say so themselves. False: that was done, or an attempt was made.
    public mutating func takeTooLong() -> Bool {
        guard isFirm, attempts == 0, phase == .choosing || phase == .queued else { return false }
        takesTooLong = true
        goBack(to: .first)
        return true
    }

    /// Which of the models is tried now, from 0.
    public var target: Int { walk.index }
    /// There are more models to try than this one.
    public var hasNextTarget: Bool { walk.hasNext }

    /// The model cannot be served: the next is tried. False: there is none.
    public mutating func nextTarget(now: NIODeadline) -> Bool {
        guard phase == .choosing || phase == .queued, let next = walk.next() else { return false }
        // Once for the attempts with it, however often a waiter looks.
        if attempts > attemptsNamed {
            timeline.append(.modelLeft(request.model), at: now)
            attemptsNamed = attempts
        }
        request.model = next.model
        tried = []
        maximumAttempts = max(maximumAttempts, attempts + 1)
        return true
    }

    // MARK: Waiting for a place

    /// No backend has a place, and one is waited for.
    /// - Parameter limit: for how long.
    public mutating func queued(limit: Duration, now: NIODeadline) {
        assert(phase == .choosing, "an exchange waits for a place while \(phase)")
        phase = .queued
        deadlines.queued(at: now.uptimeNanoseconds, limit: limit)
        timeline.append(.queued, at: now)
    }

    /// Where it stands in the models that its client's name stands for, so that it can come back there.
    public struct Standing: Sendable, Equatable {
        fileprivate let target: Int
        fileprivate let tried: [String]
        /// Before any attempt, at the first of the models.
        public static let first = Standing(target: 0, tried: [])
    }

    public var standing: Standing { Standing(target: walk.index, tried: tried) }

    /// Goes on from a model that was passed over, as it stood there.
    public mutating func goBack(to standing: Standing) {
        assert(phase == .choosing || phase == .queued, "an exchange goes back while \(phase)")
        guard walk.index != standing.target, let target = walk.go(to: standing.target) else { return }
        request.model = target.model
        tried = standing.tried
    }

    // MARK: Attempts

    /// A place at a backend was taken, and the request is given to it.
    /// - Parameters:
    ///   - reason: why it, for the record.
    ///   - hasAlternative: another backend is left to try.
    public mutating func attemptStarted(
        at backend: BackendIdentity, reason: RouteReason, hasAlternative: Bool = false, now: NIODeadline
    ) {
        assert(phase == .choosing || phase == .queued, "an attempt begins while \(phase)")
        phase = .waiting
        attempts += 1
        self.backend = backend
        (held, sendsAtOnce, hasEvents, hasData, isConnected) = (0, false, false, false, false)
        deadlines.attemptStarted(
            at: now.uptimeNanoseconds, endpoint: backend.url, limits: backend.timeouts(of: request.model),
            hasAlternative: hasAlternative)
        timeline.append(.attemptStarted(backend: backend.id, reason: reason), at: now)
    }

    /// Something was seen of the attempt's way to the server.
    public mutating func saw(_ sign: AttemptSign, now: NIODeadline) {
        deadlines.saw(sign, at: now.uptimeNanoseconds)
        guard sign == .connected, !isConnected, isTrying else { return }
        isConnected = true
        timeline.append(.connected, at: now)
    }

    /// Whether the answer's head is accepted.
    /// - Parameters:
    ///   - comesInPieces: also without a stream: the answer is of a kind that may be long, such as sound.
    ///   - hasEvents: it is a stream of events or lines, in which an error can be told.
    public mutating func answerBegan(status: Int, comesInPieces: Bool = false, hasEvents: Bool = false) -> Bool {
        guard phase == .waiting else { return false }
        phase = .begun
        self.status = status
        self.hasEvents = hasEvents
        sendsAtOnce = comesInPieces || request.stream
        return true
    }

    /// Data of the answer came, whether or not something of it can be sent yet.
    public mutating func dataCame(now: NIODeadline) {
        guard !hasData, takesPieces else { return }
        hasData = true
        timeline.append(.firstByte, at: now)
    }

    public enum Write: Sendable, Equatable {
        /// Keep the bytes.
        case hold
        /// Send the head, what was kept, and the bytes.
        case commit
        /// Send the bytes.
        case send
        /// Not allowed now.
        case refuse
    }

    /// There are bytes for the client.
    public mutating func wrote(_ count: Int, now: NIODeadline) -> Write {
        switch phase {
        case .begun:
            deadlines.wrote(at: now.uptimeNanoseconds)
            dataCame(now: now)
            if !sendsAtOnce {
                held += count
                if held <= Self.holdLimit { return .hold }
            }
            phase = .committed
            timeline.append(.committed, at: now)
            return .commit
        case .committed:
            deadlines.wrote(at: now.uptimeNanoseconds)
            return .send
        case .choosing, .queued, .waiting, .over: return .refuse
        }
    }

    public enum Finish: Sendable, Equatable {
        /// Send the head with the exact length and what was kept.
        case sendHeld
        /// End the stream.
        case endStream
        case refuse
    }

    /// All of the answer has come, and the gateway has something to do with it yet, for which no backend is to blame: from here
    /// on only the total counts.
    public mutating func answerCame() { deadlines.attemptEnded() }

    /// The answer is complete.
    public mutating func finished(_ outcome: ExchangeOutcome, now: NIODeadline) -> Finish {
        guard takesPieces else { return .refuse }
        let finish: Finish = phase == .begun && !isHeadSent ? .sendHeld : .endStream
        timeline.append(.lastByte, at: now)
        end(.success(status, outcome), now: now)
        return finish
    }

    // MARK: Failures

    /// What the client is to be told, and how.
    public enum Telling: Sendable, Equatable {
        /// Answer with an error.
        case answer(Words)
        /// Say so with one event, and end the stream.
        case event(Words)
        /// A committed unary answer cannot say that it failed: close the connection.
        case abort
    }

    public enum Words: Sendable, Equatable {
        /// Those of the attempt that failed.
        case failure(ExchangeFailure, backend: String)
        /// The gateway's own, of whoever asked.
        case own
    }

    public enum Failed: Sendable, Equatable {
        /// Forget what was kept and try another backend.
        case retry
        /// Forget what was kept and ask the same backend again in another form.
        case rephrase
        case tell(Telling)
        case ignore
    }

    /// The attempt under way has failed.
    /// - Parameters:
    ///   - hasAlternative: another backend is left to try, or another model.
    ///   - canRephrase: the same backend can be asked in another form, which counts as no retry.
    ///   - takesRetry: takes a retry from the budget of all; asked only where there is to be one.
    public mutating func failed(
        _ failure: ExchangeFailure, hasAlternative: Bool, canRephrase: Bool = false,
        takesRetry: @autoclosure () -> Bool = true, now: NIODeadline
    ) -> Failed {
        guard let backend, phase != .over else { return .ignore }
        assert(phase != .choosing && phase != .queued, "an attempt fails that is not under way")
        timeline.append(
            .attemptFailed(
                AttemptFailure(
                    backend: backend.id, kind: failure.kind, message: failure.message,
                    isBlamed: failure.isOfTheBackend)), at: now)
        deadlines.attemptEnded()
        let words = Words.failure(failure, backend: backend.name)
        if phase == .committed {
            end(.error(status, "\(backend.name): \(failure.message)", failure.outcome), now: now)
            return .tell(request.stream && hasEvents ? .event(words) : .abort)
        }
        if canRephrase {
            maximumAttempts += 1
            phase = .choosing
            return .rephrase
        }
        lastFailure = (failure, backend.name)
        if failure.isRetryable, hasAlternative, attempts < maximumAttempts, takesRetry() {
            tried.append(backend.id)
            phase = .choosing
            return .retry
        }
        // Another model has its one attempt, however many there were, and whatever the budget says: it is no load on those
        // that have failed.
        if failure.isRetryable, walk.hasNext {
            phase = .choosing
            _ = nextTarget(now: now)
            return .retry
        }
        return .tell(giveUp(status: failure.clientStatus, message: failure.message, now: now))
    }

    /// Nobody can be asked, or nobody any more: the last failure is told, or if there was none the gateway's own words.
    /// - Parameters:
    ///   - status: of the gateway's own words.
    ///   - message: likewise.
    public mutating func giveUp(status: Int, message: String, now: NIODeadline) -> Telling {
        guard let (failure, name) = lastFailure else { return refuse(status: status, message: message, now: now) }
        let words = Words.failure(failure, backend: name)
        let code = isHeadSent ? self.status : failure.clientStatus
        end(.error(code, "\(name): \(failure.message)", failure.outcome), now: now)
        return isHeadSent ? .event(words) : .answer(words)
    }

    /// The gateway does not go on with the exchange, whatever its attempts did.
    public mutating func refuse(status: Int, message: String, now: NIODeadline) -> Telling {
        end(.error(isHeadSent ? self.status : status, message), now: now)
        return isHeadSent ? .event(.own) : .answer(.own)
    }

    // MARK: Time

    /// When the exchange ends at the latest if this backend answers it, unless it is a stream that goes on; nil: there is no
    /// such time.
    public func end(at backend: BackendIdentity) -> NIODeadline? {
        deadlines.totalEnd(under: backend.timeouts(of: request.model)).map { .uptimeNanoseconds($0) }
    }

    /// Another of the models is tried from now on, for which the gateway has these limits.
    public mutating func modelChanged(timeouts: Configuration.Timeouts) {
        assert(phase == .choosing || phase == .queued, "the model changes while \(phase)")
        deadlines.modelChanged(limits: timeouts)
    }

    /// The server's answer is not read while the client does not take it: meanwhile no piece can come.
    public mutating func setPaused(_ paused: Bool, now: NIODeadline) {
        deadlines.setPaused(paused, at: now.uptimeNanoseconds)
    }

    /// Another attempt may follow, as far as their number goes.
    public var mayTryAgain: Bool { phase != .committed && (attempts < maximumAttempts || walk.hasNext) }

    /// When the newest piece of the answer under way came, in nanoseconds of the monotonic clock; nil: none has.
    public var lastPiece: UInt64? { deadlines.lastPiece }

    /// Some limit of time may be over: `passed` tells. Cheap.
    public func isDue(now: NIODeadline) -> Bool {
        phase != .over && deadlines.next.map { $0.at <= now.uptimeNanoseconds } ?? false
    }

    /// What is over, as the failure of the attempt under way; nil: nothing yet.
    public mutating func passed(now: NIODeadline, hasAlternative: Bool) -> ExchangeFailure? {
        guard phase != .over else { return nil }
        deadlines.hasAlternative = hasAlternative
        return deadlines.passed(at: now.uptimeNanoseconds)?.failure
    }

    // MARK: Signs of life

    public enum KeepAlive: Sendable, Equatable {
        /// Send the head of a stream and a comment.
        case sendHead
        /// Send a comment.
        case send
        case ignore
    }

    /// The client has heard nothing for a while.
    /// - Parameter betweenPieces: a comment may also stand behind the pieces that were sent: they end with a whole event.
    public mutating func quiet(betweenPieces: Bool) -> KeepAlive {
        guard request.stream, request.takesComments else { return .ignore }
        switch phase {
        case .choosing, .queued, .waiting, .begun:
            defer { isHeadSent = true }
            return isHeadSent ? .send : .sendHead
        case .committed: return betweenPieces ? .send : .ignore
        case .over: return .ignore
        }
    }

    // MARK: The end

    /// The request needs no backend, and is answered by the gateway.
    public mutating func answeredHere(now: NIODeadline) {
        assert(phase == .choosing || phase == .queued, "an answer of the gateway's own while \(phase)")
        end(.success(200), now: now)
    }

    /// The client went away. False: the exchange had ended before.
    public mutating func clientGone(now: NIODeadline) -> Bool {
        guard phase != .over else { return false }
        end(.error(499, "The client closed the connection."), now: now)
        return true
    }

    /// The gateway stops and waits no longer.
    /// - Parameters:
    ///   - status: of its words.
    ///   - message: likewise.
    /// - Returns: nil: the exchange had ended before.
    public mutating func stopped(status: Int, message: String, now: NIODeadline) -> Telling? {
        guard phase != .over else { return nil }
        guard phase == .committed else { return refuse(status: status, message: message, now: now) }
        end(.error(status, message), now: now)
        return hasEvents ? .event(.own) : .abort
    }

    private mutating func end(_ end: ExchangeEnd, now: NIODeadline) {
        assert(phase != .over, "an exchange ends twice")
        phase = .over
        timeline.append(.ended(end), at: now)
    }
}
