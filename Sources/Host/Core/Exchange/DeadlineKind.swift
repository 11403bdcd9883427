/// The limits of time that an exchange is under. Each has a key in the configuration or a named bound, and a code of its
/// own, by which a client can tell what did not come.
public enum DeadlineKind: String, Sendable, Equatable, CaseIterable {
    /// A place at a backend.
    case queue
    /// The connection to the server, TCP and TLS.
    case connect
    /// The first byte of the answer's body. Its head alone is no answer: servers send it at once and then think.
    case firstByte
    /// The next piece of an answer that has begun.
    case gap
    /// The rest of an error answer, and what its adapter makes of it.
    case errorBody
    /// The whole answer, from the arrival of the request.
    case total

    /// For clients and programs.
    public var code: String {
        switch self {
        case .queue: "queue_timeout"
        case .connect: "connect_timeout"
        case .firstByte: "first_byte_timeout"
        case .gap: "gap_timeout"
        case .errorBody: "error_body_timeout"
        case .total: "total_timeout"
        }
    }

    /// Another backend may still answer; when the total is over, or none had a place in time, none may.
    public var isRetryable: Bool { self != .total && self != .queue }
}

/// How much of an error answer is read. Why a request failed stands at its beginning; a server that drips or never stops
/// must not hold up the next attempt.
public enum ErrorBodyLimits {
    /// From its head.
    public static let time = Duration.seconds(1)
    public static let bytes = 64 * 1024
}

extension Duration {
    /// For messages: "5 s", "0.25 s".
    public var inSeconds: String {
        let (seconds, attoseconds) = components
        let milliseconds = attoseconds / 1_000_000_000_000_000
        guard milliseconds != 0 else { return "\(seconds) s" }
        var digits = String(1000 + milliseconds).dropFirst()
        while digits.last == "0" { digits.removeLast() }
        return "\(seconds).\(digits) s"
    }
}
