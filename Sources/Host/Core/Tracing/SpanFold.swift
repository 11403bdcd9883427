import NIOCore

/// Makes spans of the record of an exchange: one of the exchange as its client sees it, and one of each attempt at a backend.
public struct SpanFold {
    private let entry: HistoryEntry
    private let place: ExchangeTrace
    private let offset: Int64
    private let servers: [String: TracedServer]
    private let operation: String

    private var exchange: Span
    private var attempts: [Span] = []
    private var isOpen: [Bool] = []
    /// The models of attempts, as far as they are known yet.
    private var models: [String?] = []
    /// Which attempt is the exchange's.
    private var leading = 0
    private var failureKind: ExchangeFailure.Kind?

    /// - Parameters:
    ///   - entry: of an exchange that has ended.
    ///   - offset: of the wall clock to the monotonic one, in nanoseconds.
    ///   - servers: by the backends' ids.
    /// - Returns: the exchange's first; none if it is not traced.
    public static func spans(of entry: HistoryEntry, offset: Int64, servers: [String: TracedServer]) -> [Span] {
        guard let place = entry.trace, place.isSampled, let timeline = entry.timeline else { return [] }
        var fold = SpanFold(entry, place, offset: offset, servers: servers)
        for event in timeline.entries { fold.take(event) }
        return fold.spans
    }

    private init(
        _ entry: HistoryEntry, _ place: ExchangeTrace, offset: Int64, servers: [String: TracedServer]
    ) {
        self.entry = entry
        self.place = place
        self.offset = offset
        self.servers = servers
        operation = GenAI.operation(endpoint: entry.endpoint)
        exchange = Span(
            trace: place.trace, id: place.span, parent: place.parent, isParentRemote: place.parent != nil,
            flags: place.flags, state: place.state, name: "POST " + entry.endpoint, kind: .server, start: 0, end: 0)
    }

    private var spans: [Span] {
        var exchange = exchange
        exchange.set("http.request.method", "POST")
        exchange.set("http.route", entry.endpoint)
        exchange.set("url.path", entry.endpoint)
        exchange.set("http.response.status_code", UInt64(max(0, entry.statusCode)))
        exchange.set("client.address", entry.client)
        exchange.set("gen_ai.operation.name", operation)
        exchange.set("gen_ai.request.model", entry.model)
        exchange.set("gen_ai.response.model", entry.status == .success ? entry.knownModel : nil)
        exchange.set("nexus.request.id", entry.requestID)
        exchange.set("nexus.request.stream", entry.stream)
        exchange.set("nexus.api", entry.api)
        exchange.set("nexus.key", entry.key)
        exchange.set("nexus.attempts", UInt64(max(0, entry.attempts)))
        if entry.backendID != HistoryEntry.noBackend {
            exchange.set("nexus.backend", servers[entry.backendID]?.name ?? entry.backendID)
        }
        if entry.status == .error {
            // Told inside an answer whose status was sent before.
            let isLate = entry.statusCode < 400
            exchange.set("error.type", isLate ? failureKind?.name ?? GenAI.other : "\(entry.statusCode)")
            // What a client has done wrong is no failure of a server.
            if isLate || entry.statusCode >= 500 { exchange.failure = entry.errorMessage ?? "" }
        }
        return [exchange] + zip(attempts, models).map(finished)
    }

    /// - Parameter model: its name at the backend; nil: the one that the exchange ended with.
    private func finished(_ attempt: Span, model: String?) -> Span {
        var attempt = attempt
        let model = model ?? entry.knownModel ?? entry.model
        attempt.name = model.isEmpty ? operation : "\(operation) \(model)"
        attempt.set("gen_ai.request.model", model)
        return attempt
    }

    // MARK: Events

    private mutating func take(_ event: Timeline.Entry) {
        let time = unix(event.time)
        switch event.event {
        case .arrived: exchange.start = time
        case .queued: exchange.events.append(Span.Event(name: "nexus.queued", time: time))
        case .committed: exchange.events.append(Span.Event(name: "nexus.committed", time: time))
        case .attemptStarted(let backend, let reason): begin(backend, reason, at: time)
        case .attemptLeads(let attempt): leading = attempt
        case .attemptLeft(let attempt):
            guard attempts.indices.contains(attempt) else { return }
            attempts[attempt].set("nexus.hedge.lost", true)
            close(attempt, at: time)
        case .connected: note("nexus.connected", at: time)
        case .firstByte: note("nexus.first_data", at: time)
        case .lastByte: close(leading, at: time)
        case .attemptFailed(let failure): fail(failure, at: time)
        case .modelLeft(let model): for index in models.indices where models[index] == nil { models[index] = model }
        case .ended(let end): finish(end, at: time)
        }
    }

    private mutating func begin(_ backend: String, _ reason: RouteReason, at time: UInt64) {
        if !reason.isHedge { leading = attempts.count }
        var span = Span(
            trace: place.trace, id: place.attempt(attempts.count), parent: place.span, isParentRemote: false,
            flags: place.flags, state: place.state, name: operation, kind: .client, start: time, end: time)
        let server = servers[backend]
        span.set("gen_ai.operation.name", operation)
        span.set("gen_ai.provider.name", server?.type)
        span.set("server.address", server?.address)
        if let server, server.port > 0 { span.set("server.port", UInt64(server.port)) }
        span.set("nexus.backend", server?.name ?? backend)
        span.set("nexus.attempt", UInt64(attempts.count))
        span.set("nexus.route.reason", reason.text)
        attempts.append(span)
        isOpen.append(true)
        models.append(nil)
    }

    private mutating func note(_ name: String, at time: UInt64) {
        guard attempts.indices.contains(leading) else { return }
        attempts[leading].events.append(Span.Event(name: name, time: time))
    }

    private mutating func fail(_ failure: AttemptFailure, at time: UInt64) {
        failureKind = failure.kind
        guard attempts.indices.contains(failure.attempt) else { return }
        attempts[failure.attempt].set("error.type", failure.kind.name)
        attempts[failure.attempt].failure = failure.message
        close(failure.attempt, at: time)
    }

    private mutating func finish(_ end: ExchangeEnd, at time: UInt64) {
        exchange.end = max(time, exchange.start)
        // Whose answer it was, as far as it came. Only here, so that a sum over spans counts each token once.
        if attempts.indices.contains(leading) {
            attempts[leading].set("gen_ai.usage.input_tokens", entry.promptTokens)
            attempts[leading].set("gen_ai.usage.output_tokens", entry.completionTokens)
            attempts[leading].set("gen_ai.usage.cache_read.input_tokens", entry.cachedTokens)
            if end.status == .success { attempts[leading].set("gen_ai.response.model", entry.knownModel) }
            if entry.tokensEstimated { attempts[leading].set("nexus.usage.is_estimated", true) }
        }
        for index in attempts.indices where isOpen[index] {
            if end.status == .error { attempts[index].set("error.type", "cancelled") }
            close(index, at: time)
        }
    }

    private mutating func close(_ attempt: Int, at time: UInt64) {
        guard attempts.indices.contains(attempt), isOpen[attempt] else { return }
        isOpen[attempt] = false
        attempts[attempt].end = max(time, attempts[attempt].start)
    }

    private func unix(_ time: NIODeadline) -> UInt64 {
        let (sum, overflow) = Int64(clamping: time.uptimeNanoseconds).addingReportingOverflow(offset)
        return overflow ? 0 : UInt64(max(0, sum))
    }
}
