import NIOCore

/// A second attempt beside one whose answer is late: whichever begins to answer first is the exchange's, and the other is over.
///
///                       ┌── the first begins to answer, or is refused ──▶ the second has lost
///     first and second ─┼── the second fails ──▶ the first goes on
///                       └── the second begins to answer, or the first fails ──▶ the second leads
///
/// It counts as one of the attempts that an exchange may have, and there is one for an exchange at the most.
extension Dispatch {
    /// The second attempt, until it leads or is over.
    struct Hedge: Sendable {
        let backend: BackendIdentity
        /// Which of the exchange's attempts, from 0.
        let number: Int
        var deadlines: Deadlines
        var isConnected = false
    }

    /// Held apart, so that an exchange without one is no larger for it.
    enum Beside: Sendable {
        case nobody
        indirect case hedge(Hedge)
    }

    var hedge: Hedge? {
        get { if case .hedge(let hedge) = beside { hedge } else { nil } }
        set { beside = newValue.map { .hedge($0) } ?? .nobody }
    }

    /// A second attempt may begin beside the one under way, which has given nothing so far.
    public var mayHedge: Bool {
        (phase == .waiting || phase == .begun) && !hasData && !hasHedged && attempts < maximumAttempts
    }

    /// A second attempt is under way beside the first.
    public var isHedged: Bool { if case .hedge = beside { true } else { false } }

    /// A second attempt begins.
    public mutating func hedgeStarted(at backend: BackendIdentity, reason: RouteReason, now: NIODeadline) {
        assert(mayHedge, "a second attempt begins while \(phase)")
        var deadlines = deadlines
        deadlines.attemptStarted(
            at: now.uptimeNanoseconds, endpoint: backend.url, limits: backend.timeouts(of: request.model),
            hasAlternative: false)
        hedge = Hedge(backend: backend, number: attempts, deadlines: deadlines)
        hasHedged = true
        attempts += 1
        timeline.append(.attemptStarted(backend: backend.id, reason: reason), at: now)
    }

    /// Something was seen of the second attempt's way to its server.
    public mutating func hedgeSaw(_ sign: AttemptSign, now: NIODeadline) {
        hedge?.deadlines.saw(sign, at: now.uptimeNanoseconds)
        if sign == .connected { hedge?.isConnected = true }
    }

    /// What of the second attempt takes too long; nil: nothing yet. That the time of the exchange is over ends both.
    public func hedgePassed(now: NIODeadline) -> ExchangeFailure? {
        guard let passed = hedge?.deadlines.passed(at: now.uptimeNanoseconds), passed.kind != .total else { return nil }
        return passed.failure
    }

    /// The first attempt is the exchange's: the second is over.
    public mutating func hedgeLost(now: NIODeadline) {
        guard let hedge = hedge.take(), phase != .over else { return }
        timeline.append(.attemptLeft(hedge.number), at: now)
    }

    /// The second attempt has failed; the first goes on.
    public mutating func hedgeFailed(_ failure: ExchangeFailure, now: NIODeadline) {
        guard let hedge = hedge.take(), phase != .over else { return }
        tried.append(hedge.backend.id)
        timeline.append(
            .attemptFailed(AttemptFailure(failure, backend: hedge.backend.id, attempt: hedge.number)), at: now)
    }

    /// The second attempt is the exchange's from here on: it begins to answer, or the first has failed.
    /// - Parameter failure: of the first; nil: it was only slower.
    public mutating func hedgeLeads(after failure: ExchangeFailure?, now: NIODeadline) {
        guard phase != .over, let first = backend, let hedge = hedge.take() else { return }
        if let failure {
            lastFailure = (failure, first.name)
            tried.append(first.id)
            timeline.append(.attemptFailed(AttemptFailure(failure, backend: first.id, attempt: leading)), at: now)
        } else {
            timeline.append(.attemptLeft(leading), at: now)
        }
        timeline.append(.attemptLeads(hedge.number), at: now)
        (backend, deadlines, leading) = (hedge.backend, hedge.deadlines, hedge.number)
        phase = .waiting
        (held, sendsAtOnce, hasEvents, hasData, isConnected) = (0, false, false, false, hedge.isConnected)
    }
}

extension RequestKind {
    /// Whether a second backend may be asked for the same: where running it twice does nothing but cost, and its answer begins before
    /// all is done. Not for images and audio, which are dear, nor for responses, which servers keep; nor for whole answers of
    /// models that write: those begin when they end, so the long ones would be written twice.
    public func mayBeHedged(stream: Bool) -> Bool {
        switch self {
        case .chat, .completions, .messages, .ollama: stream
        case .embeddings, .rerank: true
        case .responses, .audio, .images, .countTokens: false
        }
    }
}
