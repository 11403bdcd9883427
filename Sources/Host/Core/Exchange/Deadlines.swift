/// Every limit of time of one exchange, as a pure value: it is told what happens and when, and tells when something is due
/// and what. Instants are nanoseconds of one monotonic clock.
///
///     submitted ──▶ connecting ──▶ handshaking ──▶ connected ──▶ written ──▶ answering ──▶ giving
///     first byte     connect        connect       first byte    first byte   first byte     gap
///                                                                   └──▶ failing (an error answer): error body
///
/// The total runs beside all of them, from the arrival on, and ends where a stream gives pieces: from there on the stream
/// may last as long as it goes on. A further piece only moves what is due to later, so a timer that asks again when it fires
/// need not be set anew for it; after anything else `next` may be nearer than it was.
public struct Deadlines: Sendable, Equatable {
    /// What is due next.
    public struct Due: Sendable, Equatable {
        public var at: UInt64
        public var kind: DeadlineKind

        public init(at: UInt64, kind: DeadlineKind) {
            self.at = at
            self.kind = kind
        }
    }

    /// What has come too late, in words.
    public struct Passed: Sendable, Equatable {
        public var kind: DeadlineKind
        /// Without the backend's name.
        public var message: String
        /// Of the server's error answer; 0: there was none.
        public var status: Int
        /// The backend had so little of the time that this says nothing of it.
        public var isBlameless = false

        /// The attempt that failed so.
        public var failure: ExchangeFailure {
            let failed: ExchangeFailure.Kind =
                switch kind {
                case .connect: .connect
                case .errorBody: .upstream
                case .firstByte, .gap, .total: .timeout
                case .queue: .busy
                }
            var failure = ExchangeFailure(kind: failed, status: status, message: message, deadline: kind)
            failure.isBlameless = isBlameless
            return failure
        }
    }

    /// How far the attempt is, and since when.
    private enum Stage: Sendable, Equatable {
        /// No attempt is under way.
        case idle
        /// A place is waited for.
        case queued(since: UInt64, limit: Duration)
        case submitted(since: UInt64)
        case connecting(since: UInt64)
        /// `since` the connection was begun.
        case handshaking(since: UInt64)
        case connected(since: UInt64)
        case written(since: UInt64)
        /// `since` the request was written.
        case answering(status: Int, since: UInt64)
        case failing(status: Int, since: UInt64)
        case giving(pieces: UInt64, last: UInt64)
    }

    /// After the rest of an error answer is not read any more, its adapter has this much longer to say what failed.
    static let errorBody = UInt64(nanosecondsIn: ErrorBodyLimits.time + .seconds(2))

    private let arrival: UInt64
    private let isStream: Bool
    /// Those of the gateway for the model that is tried.
    private var common: Configuration.Timeouts
    /// Those of the attempt under way.
    private var limits: Configuration.Timeouts
    private var stage = Stage.idle
    private var attemptStart: UInt64 = 0
    /// Nothing is read of the server while its answer waits for the client, which is not the server's fault.
    private var isPaused = false
    /// The server gives its pieces past the host, to the adapter alone.
    private var countsWrites = true
    /// Where the server listens, for messages.
    private var endpoint = ""
    /// Another backend is left to try. May be set anew at any time, best right before `passed` is asked.
    public var hasAlternative = false

    /// - Parameters:
    ///   - limits: those of the gateway; an attempt brings its backend's own.
    ///   - isStream: the client gets the answer piece by piece.
    public init(arrival: UInt64, limits: Configuration.Timeouts, isStream: Bool) {
        self.arrival = arrival
        self.limits = limits
        common = limits
        self.isStream = isStream
    }

    // MARK: What happens

    /// Waits for a place, for as long as this.
    public mutating func queued(at now: UInt64, limit: Duration) { stage = .queued(since: now, limit: limit) }

    /// Another model is tried from now on, for which other limits hold. To be called while no attempt is under way.
    public mutating func modelChanged(limits: Configuration.Timeouts) {
        common = limits
        self.limits = limits
    }

    /// An adapter gets the request.
    public mutating func attemptStarted(
        at now: UInt64, endpoint: String, limits: Configuration.Timeouts, hasAlternative: Bool
    ) {
        self.limits = limits
        self.endpoint = endpoint
        self.hasAlternative = hasAlternative
        attemptStart = now
        isPaused = false
        countsWrites = true
        stage = .submitted(since: now)
    }

    /// The attempt is over: until the next one the total alone counts.
    public mutating func attemptEnded() {
        stage = .idle
        limits = common
    }

    /// Of an adapter that has several requests under way the newest sign counts.
    public mutating func saw(_ sign: AttemptSign, at now: UInt64) {
        switch stage {
        case .idle, .queued: return
        default: break
        }
        switch sign {
        case .connecting: if !isGiving { stage = .connecting(since: now) }
        case .handshaking: if case .connecting(let since) = stage { stage = .handshaking(since: since) }
        case .connected: if !isGiving { stage = .connected(since: now) }
        // A server may answer before it has read all of the request.
        case .requestWritten: if case .connected = stage { stage = .written(since: now) }
        case .head(let status): head(status, at: now)
        case .piece: piece(at: now)
        }
    }

    /// The adapter has written a piece of the answer: one that makes no HTTP requests gives no other sign.
    public mutating func wrote(at now: UInt64) {
        switch stage {
        case .idle, .queued: return
        // What comes of a piece of the server is the same piece.
        case .giving(let pieces, _): stage = .giving(pieces: pieces + (countsWrites ? 1 : 0), last: now)
        default: stage = .giving(pieces: 1, last: now)
        }
    }

    /// Reading of the server's answer stops, or goes on: meanwhile no piece can come. How long a client may take is not
    /// decided here.
    public mutating func setPaused(_ paused: Bool, at now: UInt64) {
        isPaused = paused
        if !paused, case .giving(let pieces, _) = stage { stage = .giving(pieces: pieces, last: now) }
    }

    /// When the newest piece came; nil: none has.
    var lastPiece: UInt64? { if case .giving(_, let last) = stage { last } else { nil } }

    /// The connection to the server is being made.
    var isConnecting: Bool {
        switch stage {
        case .connecting, .handshaking: true
        default: false
        }
    }

    /// Pieces of the answer's body come.
    var isGiving: Bool { if case .giving = stage { true } else { false } }

    private mutating func head(_ status: Int, at now: UInt64) {
        if isGiving { return }
        guard (200...299).contains(status) else {
            stage = .failing(status: status, since: now)
            return
        }
        switch stage {
        case .connected(let since), .written(let since): stage = .answering(status: status, since: since)
        default: stage = .answering(status: status, since: now)
        }
    }

    private mutating func piece(at now: UInt64) {
        switch stage {
        // Whatever comes of an error answer makes it no answer.
        case .idle, .queued, .failing: return
        case .giving(let pieces, _): stage = .giving(pieces: countsWrites ? 1 : pieces + 1, last: now)
        default: stage = .giving(pieces: 1, last: now)
        }
        countsWrites = false
    }

    // MARK: What is due

    /// When the exchange must be over unless it is a stream that gives pieces; nil: it may take any time.
    public var totalEnd: UInt64? { totalEnd(under: limits) }

    /// When it must be over under these limits.
    public func totalEnd(under limits: Configuration.Timeouts) -> UInt64? {
        limits.total.map { Self.sum(arrival, $0) }
    }

    /// Nil: nothing is due, however long it takes.
    public var next: Due? {
        var due: Due?
        func add(_ kind: DeadlineKind, _ at: UInt64?) {
            guard let at, at < due?.at ?? .max else { return }
            due = Due(at: at, kind: kind)
        }
        // In this order: of two at the same instant the first is told.
        switch stage {
        case .giving(_, let last) where !isPaused: add(.gap, gap.map { Self.sum(last, $0) })
        case .queued(let since, let limit): add(.queue, Self.sum(since, limit))
        case .idle, .giving: break
        case .connecting(let since), .handshaking(let since):
            add(.connect, limits.connect.map { Self.sum(since, $0) })
            if limits.connect == nil { add(.firstByte, limits.firstByte.map { Self.sum(since, $0) }) }
        case .submitted(let since), .connected(let since), .written(let since), .answering(_, let since):
            add(.firstByte, limits.firstByte.map { Self.sum(since, $0) })
        case .failing(_, let since): add(.errorBody, Self.sum(since, Self.errorBody))
        }
        add(.firstByte, shareEnd)
        if !(isStream && isGiving) { add(.total, totalEnd) }
        return due
    }

    /// What is over at this instant; nil: nothing yet.
    public func passed(at now: UInt64) -> Passed? {
        guard let due = next, due.at <= now else { return nil }
        var status = 0
        if case .failing(let told, _) = stage { status = told }
        return Passed(
            kind: due.kind, message: words(due), status: status,
            isBlameless: due.kind == .firstByte && due.at == shareEnd && isLittle(due.at - attemptStart))
    }

    /// Less than a quarter of the total is left for an attempt when others before it, or a client that was slow to send, have
    /// used most of it.
    private func isLittle(_ share: UInt64) -> Bool {
        guard let total = limits.total else { return false }
        return share < UInt64(nanosecondsIn: total) / 4
    }

    /// A stream that gives pieces is under no total any more, so the pause between two is not longer than that.
    private var gap: Duration? {
        guard isStream, let total = limits.total else { return limits.gap }
        return min(limits.gap ?? total, total)
    }

    /// Where nobody said how long the first byte may take, an attempt has half of what is left of the total, as long as
    /// another backend could use the other half.
    private var shareEnd: UInt64? {
        guard hasAlternative, limits.firstByte == nil, let end = totalEnd, end > attemptStart else { return nil }
        switch stage {
        case .idle, .queued, .failing, .giving: return nil
        default: return attemptStart + (end - attemptStart) / 2
        }
    }

    // MARK: Words

    private func words(_ due: Due) -> String {
        switch (due.kind, stage) {
        case (.queue, .queued(_, let limit)): "no backend had a place for it within \(limit.inSeconds)"
        case (.connect, .handshaking): "no connection within \(connect) (TLS handshake with \(endpoint))"
        case (.connect, _): "no connection within \(connect) (TCP connection to \(endpoint))"
        case (.firstByte, .answering(let status, _)):
            "answered with status \(status) and then sent nothing of its answer within \(waited(due))"
        case (.firstByte, .connecting), (.firstByte, .handshaking):
            "no answer within \(waited(due)) (there was no connection to \(endpoint))"
        case (.firstByte, .connected): "no answer within \(waited(due)) (it did not take the whole request)"
        case (.firstByte, _): "no answer within \(waited(due))"
        case (.gap, .giving(let pieces, _)):
            "sent nothing for \(gap?.inSeconds ?? "") after \(pieces) \(pieces == 1 ? "piece" : "pieces")"
        case (.errorBody, .failing(let status, _)):
            "answered with status \(status), and no error came of it within \(Self.duration(Self.errorBody).inSeconds)"
        case (.total, .giving): "the answer was not complete within \(limits.total?.inSeconds ?? "")"
        case (.total, _): "no answer within \(limits.total?.inSeconds ?? "") in all"
        case (.queue, _), (.gap, _), (.errorBody, _): "did not answer in time"
        }
    }

    private var connect: String { limits.connect?.inSeconds ?? "" }

    /// How long the first byte was waited for.
    private func waited(_ due: Due) -> String {
        if limits.firstByte == nil { return Self.duration(due.at - attemptStart).inSeconds }
        return limits.firstByte?.inSeconds ?? ""
    }

    // MARK: Arithmetic that cannot trap

    private static func sum(_ instant: UInt64, _ duration: Duration) -> UInt64 {
        sum(instant, UInt64(nanosecondsIn: duration))
    }

    private static func sum(_ instant: UInt64, _ nanoseconds: UInt64) -> UInt64 {
        let (sum, overflow) = instant.addingReportingOverflow(nanoseconds)
        return overflow ? .max : sum
    }

    private static func duration(_ nanoseconds: UInt64) -> Duration {
        .nanoseconds(Int64(clamping: nanoseconds))
    }
}

extension UInt64 {
    /// Saturates.
    fileprivate init(nanosecondsIn duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let (whole, overflow) = UInt64(clamping: seconds).multipliedReportingOverflow(by: 1_000_000_000)
        self = overflow ? .max : whole &+ UInt64(clamping: attoseconds / 1_000_000_000)
    }
}
