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
///
/// There is one of each exchange and no copy: what decides must have seen all that came.
public struct Dispatch: Sendable, ~Copyable {
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
        /// The backends that the client's key may use; nil: all.
        public var scope: KeyScope?

        public init(
            model: String, stream: Bool, takesComments: Bool, maximumAttempts: Int, targets: [ModelTarget] = [],
            needs: Needs = Needs(), scope: KeyScope? = nil
        ) {
            self.needs = needs
            self.scope = scope.flatMap { $0.backends.isEmpty ? nil : $0 }
            self.model = model
            self.targets = targets
            self.stream = stream
            self.takesComments = takesComments
            self.maximumAttempts = max(1, maximumAttempts)
        }
    }

    enum Phase: Sendable { case choosing, queued, waiting, begun, committed, over }

    public internal(set) var request: Request
    var walk: TargetWalk
    var takesTooLong = false
    var phase = Phase.choosing
    var maximumAttempts: Int
    /// Ids of the backends that are not asked again.
    public internal(set) var tried: [String] = []
    /// Where the attempt under way is, or the last one was.
    public internal(set) var backend: BackendIdentity?
    /// Attempts started so far.
    public internal(set) var attempts = 0
    /// Those of which the timeline says with which model they were.
    var attemptsNamed = 0
    var lastFailure: (failure: ExchangeFailure, backend: String)?
    /// Bytes held back of this attempt's answer.
    var held = 0
    /// Pieces of this attempt's answer are sent as they come.
    var sendsAtOnce = false
    /// An error can be told inside this attempt's answer.
    var hasEvents = false
    var hasData = false
    var status = 200
    /// The head was sent, with nothing but comments behind it so far.
    public private(set) var isHeadSent = false
    public internal(set) var timeline: Timeline
    var isConnected = false
    var deadlines: Deadlines
    /// Which attempt is the one under way, from 0.
    var leading = 0
    /// The second attempt beside it, if there is one.
    var beside = Beside.nobody
    /// A second attempt has begun beside one.
    public internal(set) var hasHedged = false

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
    /// Data of the attempt's answer has come.
    public var hasAnswer: Bool { hasData }
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
        leading = attempts
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

    mutating func end(_ end: ExchangeEnd, now: NIODeadline) {
        assert(phase != .over, "an exchange ends twice")
        phase = .over
        timeline.append(.ended(end), at: now)
    }
}
