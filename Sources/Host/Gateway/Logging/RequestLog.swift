import AdapterHost
import Core
import Dispatch
import Glibc
import Logging
import Synchronization

/// One line of the log for each request that has ended. The lines are made on a thread of its own: the ledger's, on which requests
/// settle, only puts them down. What comes faster than lines can be made is dropped and counted, as lines are.
final class RequestLog: LedgerSink {
    /// Requests that may wait for their lines.
    private static let limit = 8192
    /// Nanoseconds from one batch of lines to the next: under load to wake the threads for each request would cost more than its
    /// line does.
    private static let pace: UInt64 = 20_000_000

    private struct State {
        var waiting: [HistoryEntry] = []
        var lost: UInt64 = 0
        var isWorking = false
        var wanted = Configuration.Logging.Requests.none
        var least = Logger.Level.info
    }

    private let state = Mutex(State())
    private let something = DispatchSemaphore(value: 0)
    private let isStarted = Atomic<Bool>(false)
    private let keep: @Sendable (LogLine) -> Void

    /// - Parameter keep: takes each line, on the thread that makes it.
    init(keep: @escaping @Sendable (LogLine) -> Void) { self.keep = keep }

    /// Counts for what ends from now on.
    /// - Parameter least: of the lines that are written at all.
    func set(_ wanted: Configuration.Logging.Requests, least: Logger.Level) {
        state.withLock { ($0.wanted, $0.least) = (wanted, least) }
    }

    func take(_ entries: [HistoryEntry]) {
        let isFirst = state.withLock { state -> Bool? in
            guard state.wanted != .none, state.least <= RequestLine.failed else { return nil }
            let onlyErrors = state.wanted == .errors || state.least > RequestLine.served
            let wasEmpty = state.waiting.isEmpty
            for entry in entries where !onlyErrors || RequestLine.hasFailed(entry) {
                if state.waiting.count < Self.limit { state.waiting.append(entry) } else { state.lost &+= 1 }
            }
            return state.waiting.isEmpty ? nil : wasEmpty
        }
        guard let isFirst else { return }
        startOnce()
        if isFirst { something.signal() }
    }

    /// Waits until every line is made, but no longer than that. For the end of the process.
    func flush(milliseconds: Int) {
        var waited = 0
        while waited < milliseconds, state.withLock({ !$0.waiting.isEmpty || $0.isWorking }) {
            poll(nil, 0, 5)
            waited += 5
        }
    }

    /// If the system has no thread left the lines wait, and the next request tries again.
    private func startOnce() {
        guard isStarted.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
        else {
            return
        }
        if !DetachedThread.start("nexus-requests", { [self] in run() }) { isStarted.store(false, ordering: .releasing) }
    }

    private func run() {
        var last: UInt64 = 0
        while true {
            something.wait()
            let now = Clock.monotonicNanoseconds()
            if now < last &+ Self.pace { poll(nil, 0, CInt((last &+ Self.pace &- now) / 1_000_000)) }
            last = Clock.monotonicNanoseconds()
            let (batch, lost) = state.withLock { state in
                defer { (state.waiting, state.lost, state.isWorking) = ([], 0, true) }
                return (state.waiting, state.lost)
            }
            for entry in batch { keep(RequestLine.line(entry)) }
            if lost > 0 { GatewayLog.writer.lost(lost) }
            state.withLock { $0.isWorking = false }
        }
    }
}

/// What the log says of a request that has ended. Pure.
enum RequestLine {
    static let served = Logger.Level.info
    static let failed = Logger.Level.notice

    static func hasFailed(_ entry: HistoryEntry) -> Bool { entry.status == .error || entry.statusCode >= 400 }

    static func line(_ entry: HistoryEntry) -> LogLine {
        let hasFailed = hasFailed(entry)
        var fields: [(name: String, value: LogValue)] = []
        fields.reserveCapacity(20)
        func text(_ name: String, _ value: String?) {
            if let value, !value.isEmpty {
                fields.append((name, .string(GatewayLog.cut(value, to: GatewayLog.Limits.value))))
            }
        }
        func number(_ name: String, _ value: UInt64?) {
            if let value { fields.append((name, .integer(Int64(clamping: value)))) }
        }
        text("client", entry.client)
        text("key", entry.key)
        text("path", entry.endpoint)
        text("model", entry.model)
        if let known = entry.knownModel, known != entry.model { text("served_model", known) }
        text("backend", entry.backendID)
        text("why", why(entry))
        fields.append(("status", .integer(Int64(entry.statusCode))))
        fields.append(("attempts", .integer(Int64(entry.attempts))))
        fields.append(("stream", .flag(entry.stream)))
        number("queued_ms", queued(entry.timeline))
        number("first_token_ms", entry.timeToFirstByteMilliseconds)
        number("duration_ms", entry.durationMilliseconds)
        number("prompt_tokens", entry.promptTokens)
        number("completion_tokens", entry.completionTokens)
        number("cached_tokens", entry.cachedTokens)
        if let speed = entry.tokensPerSecond, speed.isFinite {
            fields.append(("tokens_per_second", .number((speed * 10).rounded() / 10)))
        }
        if entry.tokensEstimated { fields.append(("tokens_estimated", .flag(true))) }
        if entry.attempts > 1 { text("failed_attempts", failures(entry)) }
        text("reason", entry.errorMessage)
        return LogLine(
            // What the record knows is the second.
            at: Clock.wallMilliseconds(), level: (hasFailed ? failed : served).rawValue,
            component: Configuration.Logging.Component.requests.rawValue,
            message: hasFailed ? "request failed" : "request served", request: entry.requestID, fields: fields)
    }

    /// Of the attempts that did not answer: where, and why.
    private static func failures(_ entry: HistoryEntry) -> String {
        entry.route.compactMap { step in step.failure.map { "\(step.backend): \($0)" } }.joined(separator: "; ")
    }

    /// Of the last attempt; nil: nobody was asked.
    private static func why(_ entry: HistoryEntry) -> String? {
        if let step = entry.route.last { return step.reason.text }
        return entry.attempts > 0 ? RouteReason.only.text : nil
    }

    /// How long it waited for a place; nil: it did not.
    private static func queued(_ timeline: Timeline?) -> UInt64? {
        guard let timeline else { return nil }
        var (since, total): (UInt64?, UInt64?) = (nil, nil)
        for entry in timeline.entries {
            let now = entry.time.uptimeNanoseconds
            switch entry.event {
            case .queued: since = now
            case .attemptStarted, .ended:
                if let begun = since { total = (total ?? 0) + (now - min(begun, now)) / 1_000_000 }
                since = nil
            default: break
            }
        }
        return total
    }
}
