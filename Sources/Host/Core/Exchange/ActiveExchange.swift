import NIOCore

/// What is shown of one exchange that is under way.
public struct ActiveExchange: Sendable, Equatable {
    /// The `x-request-id`. It may be the client's own, so that several have the same.
    public var id: String
    /// Tells it from all others of this run.
    public var key: Key
    /// The client's address; nil: unknown.
    public var client: String?
    /// As the client asks for it.
    public var model: String
    /// The name at the backends, if it is another.
    public var servedModel: String?
    /// Of the attempt under way.
    public var backendID: String?
    public var backend: String?
    public var phase: ExchangePhase
    /// While it waits for a place.
    public var ticket: Admission.Ticket?
    /// Among those that wait for the same, from 1; nil: it does not wait.
    public var place: Int?
    public var arrival: NIODeadline
    public var elapsedMilliseconds: UInt64
    /// Attempts so far, the one under way among them.
    public var attempts: Int
    /// Whose API the client speaks.
    public var api: String
    public var endpoint: String
    public var stream: Bool
    public var priority: String
    /// What has come of a stream, counted by its events; nil for other answers.
    public var tokens: UInt64?
    /// From arrival to the first data of the answer; nil before it.
    public var firstDataMilliseconds: UInt64?
    public var tokensPerSecond: Double?
    /// Operators that watch its text.
    public var watchers = 0

    /// On which event loop, and which of its exchanges.
    public struct Key: Sendable, Hashable, Comparable {
        public var loop: Int
        public var number: UInt64

        public init(loop: Int, number: UInt64) {
            self.loop = loop
            self.number = number
        }

        /// Reads what `text` has written.
        public init?(_ text: some StringProtocol) {
            let parts = text.split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 2, let loop = Int(parts[0]), loop >= 0, let number = UInt64(parts[1]) else {
                return nil
            }
            self.init(loop: loop, number: number)
        }

        public var text: String { "\(loop)-\(number)" }

        public static func < (a: Key, b: Key) -> Bool { (a.loop, a.number) < (b.loop, b.number) }
    }

    public init(
        id: String, key: Key, client: String? = nil, model: String, phase: ExchangePhase, arrival: NIODeadline,
        elapsedMilliseconds: UInt64 = 0, attempts: Int = 0, api: String = "openai", endpoint: String = "",
        stream: Bool = false, priority: String = "normal"
    ) {
        self.id = id
        self.key = key
        self.client = client
        self.model = model
        self.phase = phase
        self.arrival = arrival
        self.elapsedMilliseconds = elapsedMilliseconds
        self.attempts = attempts
        self.api = api
        self.endpoint = endpoint
        self.stream = stream
        self.priority = priority
    }

    /// The same with what a completed list has told of it a moment before.
    public func completed(by earlier: ActiveExchange?) -> ActiveExchange {
        guard let earlier else { return self }
        var completed = self
        if phase == .queued { completed.place = earlier.place }
        if phase == .prefill, earlier.phase == .loading { completed.phase = .loading }
        return completed
    }

    /// Takes how much of a stream has come.
    /// - Parameters:
    ///   - tokens: so far.
    ///   - firstData: when the first data came.
    public mutating func note(tokens: UInt64, firstData: NIODeadline, now: NIODeadline) {
        self.tokens = tokens
        let seconds = Double((now - firstData).nanoseconds) / 1e9
        // The first was there when the clock starts.
        if tokens > 1, seconds > 0 { tokensPerSecond = Double(tokens - 1) / seconds }
    }
}

/// The exchanges under way, the oldest first: as many as are shown, and how many there are.
public struct ActiveExchanges: Sendable, Equatable {
    /// Exchanges that one answer shows.
    public static let limit = 1000
    /// Exchanges that one live update shows.
    public static let updateLimit = 100

    public var exchanges: [ActiveExchange]
    public private(set) var total: Int
    /// Of all, also of those that are not shown.
    public private(set) var phases: [ExchangePhase: Int]
    /// Event loops that have not told of theirs in time.
    public var silentLoops: Int

    public init(_ exchanges: [ActiveExchange] = [], phases: [ExchangePhase: Int] = [:], silentLoops: Int = 0) {
        self.exchanges = exchanges
        self.phases = phases
        total = phases.values.reduce(0, +)
        self.silentLoops = silentLoops
    }

    /// Exchanges that are under way and not shown.
    public var leftOut: Int { max(0, total - exchanges.count) }

    /// Those of all event loops together.
    /// - Parameter parts: of each loop the oldest, as many as `limit`.
    public init(merging parts: [ActiveExchanges], limit: Int, silentLoops: Int) {
        var phases: [ExchangePhase: Int] = [:]
        for part in parts { phases.merge(part.phases, uniquingKeysWith: +) }
        let all = parts.flatMap(\.exchanges).sorted { ($0.arrival, $0.key) < ($1.arrival, $1.key) }
        self.init(Array(all.prefix(limit)), phases: phases, silentLoops: silentLoops)
    }

    /// Fills in what loops do not know.
    /// - Parameters:
    ///   - places: of those that wait.
    ///   - isLoaded: whether a backend has a model in its memory, as it told last; nil: it does not tell.
    public mutating func complete(
        places: [Admission.Ticket: Int], isLoaded: (_ backendID: String, _ model: String) -> Bool?
    ) {
        struct Served: Hashable { let backendID, model: String }
        func served(_ exchange: ActiveExchange) -> Served? {
            exchange.backendID.map { Served(backendID: $0, model: exchange.servedModel ?? exchange.model) }
        }
        // An answer that comes shows more than the backend told before.
        let answering = Set(
            exchanges.lazy.filter { $0.phase == .streaming || $0.phase == .answering }.compactMap(served))
        var known: [Served: Bool] = [:]
        for index in exchanges.indices {
            if let ticket = exchanges[index].ticket { exchanges[index].place = places[ticket] }
            guard exchanges[index].phase == .prefill, let served = served(exchanges[index]), !answering.contains(served)
            else { continue }
            let loads = known[served] ?? (isLoaded(served.backendID, served.model) == false)
            known[served] = loads
            guard loads else { continue }
            exchanges[index].phase = .loading
            phases[.prefill, default: 0] -= 1
            phases[.loading, default: 0] += 1
        }
    }
}
