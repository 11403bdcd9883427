import NIOCore

/// What the ledger is given of one exchange when it has ended. An object, since it is handed on several times.
public final class ExchangeRecord: Sendable {
    /// What was asked, as far as it is known.
    public struct Request: Sendable, Equatable {
        public var id: String
        /// What the client asked for; empty when the request named no model.
        public var model: String
        /// As in `HistoryEntry`.
        public var knownModel: String?
        public var stream: Bool
        public var endpoint: String
        /// As in `HistoryEntry`.
        public var promptEstimate: UInt64
        /// The address of the client; nil: unknown.
        public var client: SocketAddress?
        /// The name of the client's key; nil: it has none, or needs none.
        public var key: String?
        /// Of the request's body, and of the body that the client was sent.
        public var requestBytes: UInt64 = 0
        public var answerBytes: UInt64 = 0
        /// Where it stands in a trace; nil: it is not traced.
        public var trace: ExchangeTrace?

        public init(
            id: String, model: String = "", knownModel: String? = nil, stream: Bool = false, endpoint: String,
            promptEstimate: UInt64 = 0, client: SocketAddress? = nil, key: String? = nil
        ) {
            self.key = key
            self.client = client
            self.promptEstimate = promptEstimate
            self.id = id
            self.model = model
            self.knownModel = knownModel
            self.stream = stream
            self.endpoint = endpoint
        }
    }

    public let request: Request
    public let timeline: Timeline
    /// The wall clock at its end, in Unix seconds.
    public let endedAt: Int64

    public init(request: Request, timeline: Timeline, endedAt: Int64) {
        self.request = request
        self.timeline = timeline
        self.endedAt = endedAt
    }
}

extension HistoryEntry {
    /// Folds the events of an exchange.
    public init(_ record: ExchangeRecord) {
        var fold = Fold()
        for entry in record.timeline.entries { fold.take(entry) }
        let end = fold.end ?? .error(500, "The exchange has no end.")
        self.init(
            timestamp: record.endedAt, model: record.request.model, backendID: fold.backend ?? Self.noBackend,
            durationMilliseconds: fold.duration / 1000, status: end.status, errorMessage: end.message)
        knownModel = record.request.knownModel
        requestID = record.request.id
        attempts = fold.attempts
        statusCode = end.code
        stream = record.request.stream
        endpoint = record.request.endpoint
        promptEstimate = record.request.promptEstimate
        client = record.request.client?.ipAddress ?? ""
        key = record.request.key
        requestBytes = record.request.requestBytes
        answerBytes = record.request.answerBytes
        timeline = record.timeline
        trace = record.request.trace
        let speed = GenerationSpeed(
            end.outcome, microseconds: fold.duration, firstPiece: record.request.stream ? fold.firstByte : nil)
        timeToFirstByteMilliseconds = speed.timeToFirstTokenMilliseconds
        // What broke off may have stood still for long before.
        tokensPerSecond = end.status == .success ? speed.tokensPerSecond : nil
        tokensEstimated = end.outcome.isEstimated
        promptTokens = end.outcome.promptTokens
        completionTokens = end.outcome.completionTokens
        cachedTokens = end.outcome.cachedTokens
        if fold.hasRoute {
            route = Self.steps(record.timeline, count: fold.attempts)
            for index in route.indices where route[index].model == nil {
                route[index].model = record.request.knownModel
            }
        }
    }

    /// The attempts in their order.
    private static func steps(_ timeline: Timeline, count: Int) -> [RouteStep] {
        var route = RouteFold(count: count)
        for entry in timeline.entries { route.take(entry) }
        return route.steps
    }

    private struct Fold {
        var arrival = NIODeadline.distantPast
        var backend: String?
        /// The one that is asked beside it.
        var hedge: String?
        var attempts = 0
        /// Microseconds from arrival, of the attempt that is the exchange's.
        var firstByte: UInt64?
        var duration: UInt64 = 0
        var end: ExchangeEnd?
        /// There is more to tell than that the only backend was asked once, at once, and answered.
        var hasRoute = false

        mutating func take(_ entry: Timeline.Entry) {
            switch entry.event {
            case .arrived: arrival = entry.time
            case .attemptStarted(let backend, let reason):
                if attempts > 0 || reason.strategy != nil { hasRoute = true }
                attempts += 1
                guard !reason.isHedge else {
                    hedge = backend
                    return
                }
                self.backend = backend
                firstByte = nil
            case .attemptLeads:
                backend = hedge
                firstByte = nil
            case .firstByte: firstByte = microseconds(to: entry.time)
            case .ended(let end):
                self.end = end
                duration = microseconds(to: entry.time)
            case .queued, .attemptFailed: hasRoute = true
            case .attemptLeft, .modelLeft, .connected, .committed, .lastByte: break
            }
        }

        private func microseconds(to time: NIODeadline) -> UInt64 {
            UInt64(max(0, (time - arrival).nanoseconds)) / 1000
        }
    }
}
