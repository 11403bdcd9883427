/// The life of one exchange from the first attempt to its one terminal record, as a pure state machine: events
/// in, what to do out. It decides when the client's answer is committed, whether a failure is retried, and that
/// nothing happens after the end.
///
///     waiting ──begin──▶ begun ──write──▶ committed ──finish/fail──▶ over
///        ▲                 │ fail, retryable and something is left to try
///        └─────────────────┘
///
/// While a stream waits for its first piece, comments keep the client's connection alive (`keepAlive`). The first of them
/// sends the head: from there on a failure is told inside the stream, but another backend may still be tried.
///
/// A unary answer is held back until it is complete or exceeds `holdLimit`, so that a backend that dies in the
/// middle of it can still be replaced by another, and so that it gets a content-length.
public struct ExchangeMachine: Sendable {
    /// Bytes of a unary answer that are held back before it is committed.
    public static let holdLimit = 256 * 1024

    private enum Phase: Sendable { case waiting, begun, committed, over }

    private var phase = Phase.waiting
    private let stream: Bool
    private var maximumAttempts: Int
    private var held = 0
    /// Pieces of this attempt's answer are sent as they come.
    private var sendsAtOnce = false
    /// The head was sent, with nothing but comments behind it so far.
    public private(set) var isHeadSent = false
    /// Attempts started so far.
    public private(set) var attempts = 0

    /// - Parameters:
    ///   - stream: the client wants server-sent events; every piece is sent as it comes.
    ///   - maximumAttempts: at least 1.
    public init(stream: Bool, maximumAttempts: Int) {
        self.stream = stream
        self.maximumAttempts = max(1, maximumAttempts)
    }

    public var isOver: Bool { phase == .over }
    public var isCommitted: Bool { phase == .committed }
    /// The answer has begun and has not ended.
    public var takesPieces: Bool { phase == .begun || phase == .committed }

    public mutating func attemptStarted() {
        attempts += 1
        phase = .waiting
        held = 0
    }

    /// Whether the answer's head is accepted.
    /// - Parameter sendsAtOnce: also without a stream: the answer is of a kind that may be long, such as sound.
    public mutating func begin(sendsAtOnce: Bool = false) -> Bool {
        guard phase == .waiting, attempts > 0 else { return false }
        phase = .begun
        self.sendsAtOnce = sendsAtOnce || stream
        return true
    }

    public enum KeepAlive: Sendable, Equatable {
        /// Send the head of a stream and a comment.
        case sendHead
        /// Send a comment.
        case send
        case ignore
    }

    /// The client has heard nothing for a while.
    public mutating func keepAlive() -> KeepAlive {
        guard stream, phase == .waiting || phase == .begun else { return .ignore }
        defer { isHeadSent = true }
        return isHeadSent ? .send : .sendHead
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

    public mutating func write(count: Int) -> Write {
        switch phase {
        case .begun where sendsAtOnce:
            phase = .committed
            return .commit
        case .begun:
            held += count
            if held <= Self.holdLimit { return .hold }
            phase = .committed
            return .commit
        case .committed: return .send
        case .waiting, .over: return .refuse
        }
    }

    public enum Finish: Sendable, Equatable {
        /// Send the head with the exact length and what was kept; record a success.
        case sendHeld
        /// End the stream; record a success.
        case endStream
        case refuse
    }

    public mutating func finish() -> Finish {
        switch phase {
        case .begun:
            phase = .over
            return isHeadSent ? .endStream : .sendHeld
        case .committed:
            phase = .over
            return .endStream
        case .waiting, .over: return .refuse
        }
    }

    public enum Fail: Sendable, Equatable {
        /// Forget what was kept and try another backend.
        case retry
        /// Answer with an error; record it.
        case answerError
        /// Say so with one error event and end the stream; record it.
        case errorEvent
        /// A committed unary answer cannot say that it failed: close the connection; record it.
        case abort
        case ignore
    }

    /// - Parameters:
    ///   - retryable: another backend may do better.
    ///   - alternatives: one that was not tried yet is there.
    ///   - inOtherWords: the same backend is to be asked again in another form, which counts as no retry.
    public mutating func fail(retryable: Bool, alternatives: Bool, inOtherWords: Bool = false) -> Fail {
        switch phase {
        case .over: return .ignore
        case .committed:
            phase = .over
            return stream ? .errorEvent : .abort
        case .waiting, .begun:
            if inOtherWords { maximumAttempts += 1 }
            if inOtherWords || retryable && alternatives && attempts < maximumAttempts {
                phase = .waiting
                held = 0
                return .retry
            }
            phase = .over
            return isHeadSent ? .errorEvent : .answerError
        }
    }

    /// The client went away. True once: record it as an error and end the attempt.
    public mutating func clientGone() -> Bool {
        guard phase != .over else { return false }
        phase = .over
        return true
    }
}
