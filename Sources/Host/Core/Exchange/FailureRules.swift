/// What follows from a failure: the one place that says which are tried elsewhere, which count against a backend, and with which
/// status a client is told.
extension ExchangeFailure {
    /// Statuses below 500 that say "not now" rather than "not this": RFC 9110 (15.5.9), RFC 8470 (5.2) and RFC 6585 (4).
    private static let passing: Set = [408, 425, 429]

    /// The server has refused the request: with a 4xx that another attempt would get as well. An adapter that refuses by itself
    /// tells no status, and 501 where its server lacks a path.
    public var isRefusal: Bool { (400...499).contains(status) && !Self.passing.contains(status) }

    /// Another backend, or another model, may do better: after no connection, a reset, a limit of time, 408, 425, 429, 5xx, a broken
    /// answer or an error in place of its first piece. Also where a server had no time any more: the gateway may have. Never after
    /// a refusal, whatever the adapter calls it, nor when the time of the whole exchange is over.
    public var isRetryable: Bool { !isRefusal && kind != .rejected && deadline?.isRetryable ?? true }

    /// The server does not know the path of the request, or not in this form: it may be asked in another. A 403 forbids.
    public var lacksForm: Bool { kind == .unsupported && status != 403 }

    /// It counts against the backend. What the caller did wrong does not, and neither does being busy or unable, nor that the
    /// time of the whole exchange is over: attempts before, and a client that was slow to send, have used it too. That the server
    /// refuses the gateway's key does.
    public var isOfTheBackend: Bool {
        if isRefusal, kind != .auth { return false }
        return kind != .rejected && kind != .busy && kind != .unsupported && deadline != .total && !isBlameless
    }

    /// What it says of the backend, for its breaker. No 4xx counts, whoever is to blame for it.
    public var breakerOutcome: Breaker.Outcome {
        guard isOfTheBackend, !(400...499).contains(status) else { return .neutral }
        if kind == .connect || deadline == .firstByte || deadline == .connect { return .unreachable }
        return .failure
    }

    /// The HTTP status for a client to whom this failure is told. A refusal keeps its own, but for that of the gateway's key,
    /// which is none of the client's.
    public var clientStatus: Int {
        if isRefusal, kind != .auth { return status }
        return switch kind {
        case .rejected: 400
        case .connect: 503
        // 529: overloaded, in Anthropic's API.
        case .busy: status == 429 || status == 529 ? status : 503
        case .timeout: 504
        case .unsupported: 501
        case .upstream, .auth, .adapter: 502
        }
    }
}
