import Core
import Dispatch
import Synchronization

/// Sends spans of the exchanges that have ended to a collector (OTLP/HTTP, JSON). A sink of the ledger that only puts entries into
/// a queue; a thread of its own (`run`) makes spans of them and sends these. Whatever becomes of the collector, requests are served.
public final class SpanExporter: LedgerSink {
    public struct Settings: Sendable, Equatable {
        /// Of the collector, without TLS and without `/v1/traces`.
        public var collector: BackendURL
        public var resource: OTLPEncoding.Resource

        public init(collector: BackendURL, resource: OTLPEncoding.Resource) {
            self.collector = collector
            self.resource = resource
        }
    }

    /// What the exporter asks and tells its owner; called on its thread.
    public struct Owner: Sendable {
        /// The backends by their ids.
        public var servers: @Sendable () -> [String: TracedServer]
        /// For the log.
        public var tell: @Sendable (_ isGood: Bool, _ words: String) -> Void

        public init(
            servers: @escaping @Sendable () -> [String: TracedServer],
            tell: @escaping @Sendable (_ isGood: Bool, _ words: String) -> Void
        ) {
            self.servers = servers
            self.tell = tell
        }
    }

    /// How the export stands.
    public struct Figures: Sendable, Equatable {
        /// Spans are to be sent.
        public var isOn = false
        /// The collector has taken the last ones, or none were sent yet.
        public var isUp = false
        /// Since the start.
        public var exported: UInt64 = 0
        public var dropped: UInt64 = 0
        /// Exchanges whose spans wait.
        public var waiting = 0
        /// Why the collector has not taken the last ones.
        public var problem: Problem?
    }

    /// What is wrong with the collector.
    public struct Problem: Sendable, Equatable {
        public var words: String
        /// Unix seconds.
        public var since: Int64
    }

    private struct State {
        var settings: Settings?
        var queue = SpanQueue()
        var problem: Problem?
        var hasThread = false
        var isEnding = false
    }

    private let state = Mutex(State())
    /// The same as `settings != nil`, for the ledger, which asks often.
    private let isOn = Atomic<Bool>(false)
    private let something = DispatchSemaphore(value: 0)
    private let over = DispatchSemaphore(value: 0)

    public init() {}

    // MARK: Any thread

    /// Says where spans go from now on; nil: nowhere.
    /// - Returns: whether a thread is needed that has not been begun: `run` is to be called on it.
    public func set(_ settings: Settings?) -> Bool {
        let needsThread = state.withLock { state in
            guard state.settings != settings else { return false }
            state.settings = settings
            // Of another collector nothing is known.
            state.problem = nil
            if settings == nil { state.queue.clear() }
            defer { if settings != nil { state.hasThread = true } }
            return settings != nil && !state.hasThread
        }
        isOn.store(settings != nil, ordering: .relaxed)
        something.signal()
        return needsThread
    }

    public var figures: Figures {
        state.withLock { state in
            Figures(
                isOn: state.settings != nil, isUp: state.settings != nil && state.problem == nil,
                exported: state.queue.exported, dropped: state.queue.dropped, waiting: state.queue.count,
                problem: state.settings == nil ? nil : state.problem)
        }
    }

    /// Returns at once.
    public func take(_ entries: [HistoryEntry]) {
        guard isOn.load(ordering: .relaxed), entries.contains(where: { $0.trace != nil }) else { return }
        let offset = Clock.wallOffset()
        let wakes = state.withLock { state in
            guard state.settings != nil, !state.isEnding else { return false }
            let (wasEmpty, wasBatch) = (state.queue.isEmpty, state.queue.isBatch)
            for entry in entries where entry.trace?.isSampled == true {
                state.queue.add(SpanQueue.Item(entry, offset: offset))
            }
            return wasEmpty != state.queue.isEmpty || wasBatch != state.queue.isBatch
        }
        if wakes { something.signal() }
    }

    /// Sends what waits, and ends the thread; waits for that no longer than so.
    public func finish(milliseconds: Int) {
        let runs = state.withLock { state in
            state.isEnding = true
            return state.hasThread
        }
        guard runs else { return }
        something.signal()
        _ = over.wait(timeout: .now() + .milliseconds(milliseconds))
    }

    // MARK: Its thread

    /// Sends until `finish`; the body of the exporter's thread.
    public func run(_ owner: Owner) {
        var talk = Talk()
        while true {
            gather()
            let (settings, batch, isEnding) = state.withLock { state in
                (state.settings, state.settings == nil ? [] : state.queue.take(), state.isEnding)
            }
            if let settings, !batch.isEmpty {
                let seconds = send(batch, to: settings, owner, &talk)
                if let seconds, !isEnding { pause(seconds) }
                if seconds == nil || !isEnding { continue }
            } else if !isEnding {
                continue
            }
            state.withLock { $0.queue.clear() }
            over.signal()
            return
        }
    }

    /// Until there is something, and then for some more.
    private func gather() {
        func look() -> (isEmpty: Bool, isBatch: Bool, isEnding: Bool) {
            state.withLock { ($0.queue.isEmpty, $0.queue.isBatch, $0.isEnding) }
        }
        while case let now = look(), now.isEmpty, !now.isEnding { something.wait() }
        let end = DispatchTime.now() + .milliseconds(TracingLimits.gatherMilliseconds)
        while case let now = look(), !now.isBatch, !now.isEnding {
            guard something.wait(timeout: end) == .success else { return }
        }
    }

    private func pause(_ seconds: Double) {
        let end = DispatchTime.now() + seconds
        let before = state.withLock { $0.settings }
        // Another collector, or the end, is not waited for.
        while state.withLock({ !$0.isEnding && $0.settings == before }) {
            guard something.wait(timeout: end) == .success else { return }
        }
    }

    /// - Returns: seconds after which the same is to be tried again; nil: it is done.
    private func send(
        _ batch: [SpanQueue.Item], to settings: Settings, _ owner: Owner, _ talk: inout Talk
    ) -> Double? {
        let servers = owner.servers()
        let spans = batch.flatMap { SpanFold.spans(of: $0.entry, offset: $0.offset, servers: servers) }
        let count = UInt64(spans.count)
        let verdict: CollectorVerdict
        do throws(CollectorCall.Failure) {
            let body = OTLPEncoding.request(spans, of: settings.resource)
            verdict = CollectorVerdict(try CollectorCall.post(body, to: settings.collector))
        } catch {
            verdict = .away(error.words, after: nil)
        }
        var seconds: Double?
        let dropped = state.withLock { state in
            switch verdict {
            case .taken(let rejected, _):
                state.queue.export(count - min(count, rejected))
                state.queue.drop(min(count, rejected))
            case .refused: state.queue.drop(count)
            case .away where state.settings == nil: state.queue.drop(count)
            case .away: state.queue.giveBack(batch)
            }
            state.problem = verdict.problem.map {
                Problem(words: "\(settings.collector): \($0)", since: state.problem?.since ?? Clock.wallSeconds())
            }
            return state.queue.dropped
        }
        if case .away(_, let after) = verdict { seconds = after ?? talk.delay }
        if let (isGood, words) = talk.words(verdict, "\(settings.collector)", dropped: dropped) {
            owner.tell(isGood, words)
        }
        return seconds
    }
}

/// What is said of the collector in the log: once that something is wrong, and once that it is well again. Pure.
struct Talk: Equatable {
    private enum Said { case nothing, away, refused }

    private var said = Said.nothing
    /// That the collector did not want some spans is said once: it may be so with every batch.
    private var hasSaidRejected = false
    /// Spans that had been dropped when all was well.
    private var droppedWhenWell: UInt64 = 0
    /// Seconds until the next try.
    private(set) var delay = TracingLimits.firstRetry

    /// - Parameter dropped: spans in all.
    mutating func words(
        _ verdict: CollectorVerdict, _ collector: String, dropped: UInt64
    ) -> (isGood: Bool, words: String)? {
        switch verdict {
        case .away(let why, _):
            delay = min(delay * 2, TracingLimits.longestRetry)
            return bad(
                .away,
                "the collector at \(collector) does not take spans: \(why). Requests are served; the spans of up to "
                    + "\(SpanQueue.limit) requests wait, further ones are dropped")
        case .refused(let why):
            return bad(.refused, "the collector at \(collector) refuses spans, which are dropped: \(why)")
        case .taken(let rejected, let why):
            defer { (said, delay, droppedWhenWell) = (.nothing, TracingLimits.firstRetry, dropped) }
            if said != .nothing {
                let lost = dropped - min(dropped, droppedWhenWell)
                return (true, "the collector at \(collector) takes spans again; \(lost) were dropped meanwhile")
            }
            guard rejected > 0, !hasSaidRejected else { return nil }
            hasSaidRejected = true
            return (
                false,
                "the collector at \(collector) did not want \(rejected) of the spans, which are dropped; this is said once"
                    + (why.isEmpty ? "" : ": \(why)")
            )
        }
    }

    private mutating func bad(_ what: Said, _ words: String) -> (isGood: Bool, words: String)? {
        defer { said = what }
        return said == what ? nil : (false, words)
    }
}
