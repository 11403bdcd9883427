import NIOCore

/// What happens to an exchange, as the ledger keeps it. The record of the exchange is a fold over these.
public enum ExchangeEvent: Sendable, Equatable {
    /// The request was read to the end of its head.
    case arrived
    /// It waits for a place at a backend.
    case queued
    /// This model cannot be served, and the next of those is tried that the client's name stands for.
    case modelLeft(String)
    /// Attempts are counted from 0 in the order of these. One for a hedge runs beside the one before it.
    case attemptStarted(backend: String, reason: RouteReason)
    /// Of two attempts that ran beside each other, the later one is the exchange's from here on.
    case attemptLeads(Int)
    /// Of two attempts that ran beside each other, this one is given up: the other one was faster.
    case attemptLeft(Int)
    /// The server's connection stands, TLS included.
    case connected
    /// The first data of the answer came from the backend.
    case firstByte
    indirect case attemptFailed(AttemptFailure)
    /// The client has been sent the first data of the answer: from here on no other backend can be tried.
    case committed
    /// The last data of the answer came from the backend.
    case lastByte
    indirect case ended(ExchangeEnd)
}

/// How an attempt failed, in the ledger's words.
public struct AttemptFailure: Sendable, Equatable {
    public var backend: String
    /// Which of the exchange's attempts, from 0.
    public var attempt: Int
    public var kind: ExchangeFailure.Kind
    public var message: String
    /// It is the backend's fault.
    public var isBlamed: Bool

    public init(
        backend: String, attempt: Int = 0, kind: ExchangeFailure.Kind, message: String, isBlamed: Bool = true
    ) {
        self.backend = backend
        self.attempt = attempt
        self.kind = kind
        self.message = message
        self.isBlamed = isBlamed
    }

    init(_ failure: ExchangeFailure, backend: String, attempt: Int) {
        self.init(
            backend: backend, attempt: attempt, kind: failure.kind, message: failure.message,
            isBlamed: failure.isOfTheBackend)
    }
}

/// How an exchange ended, as its record tells it.
public struct ExchangeEnd: Sendable, Equatable {
    public var status: HistoryEntry.Status
    /// HTTP status the client got; 499 when it went away before one was sent.
    public var code: Int
    /// Present exactly when `status` is `.error`.
    public var message: String?
    /// What is known of the work that was done.
    public var outcome: ExchangeOutcome

    public static func success(_ code: Int, _ outcome: ExchangeOutcome = ExchangeOutcome()) -> ExchangeEnd {
        ExchangeEnd(status: .success, code: code, message: nil, outcome: outcome)
    }

    public static func error(
        _ code: Int, _ message: String, _ outcome: ExchangeOutcome = ExchangeOutcome()
    ) -> ExchangeEnd {
        ExchangeEnd(status: .error, code: code, message: message, outcome: outcome)
    }
}

/// The events of one exchange in the order they happened, each with its time. Its length is bounded by the number of attempts.
public struct Timeline: Sendable, Equatable {
    public struct Entry: Sendable, Equatable {
        public var time: NIODeadline
        public var event: ExchangeEvent
    }

    public private(set) var entries: ContiguousArray<Entry> = []
    /// The last entry is the end.
    public private(set) var isEnded = false

    /// - Parameter arrival: when the request arrived.
    public init(arrival: NIODeadline) {
        // As many as an exchange has that is served by its first backend.
        entries.reserveCapacity(6)
        entries.append(Entry(time: arrival, event: .arrived))
    }

    public var arrival: NIODeadline { entries.first?.time ?? .distantPast }

    /// When the first data of the attempt under way came; nil: none has.
    public var firstByte: NIODeadline? {
        for entry in entries.reversed() {
            switch entry.event {
            case .firstByte: return entry.time
            case .attemptStarted: return nil
            default: continue
            }
        }
        return nil
    }

    /// The same with no text of a failure longer than that many characters.
    func cut(failures limit: Int) -> Timeline {
        func isLong(_ entry: Entry) -> Bool {
            switch entry.event {
            case .attemptFailed(let failure): failure.message.utf8.count > limit
            case .ended(let end): (end.message?.utf8.count ?? 0) > limit
            default: false
            }
        }
        guard entries.contains(where: isLong) else { return self }
        var short = self
        for index in short.entries.indices where isLong(short.entries[index]) {
            switch short.entries[index].event {
            case .attemptFailed(var failure):
                failure.message = EntryLimits.cut(failure.message, to: limit)
                short.entries[index].event = .attemptFailed(failure)
            case .ended(var end):
                end.message = end.message.map { EntryLimits.cut($0, to: limit) }
                short.entries[index].event = .ended(end)
            default: break
            }
        }
        return short
    }

    public mutating func append(_ event: ExchangeEvent, at time: NIODeadline) {
        guard !isEnded else { return assertionFailure("an event after the end: \(event)") }
        if case .ended = event { isEnded = true }
        entries.append(Entry(time: time, event: event))
    }
}
