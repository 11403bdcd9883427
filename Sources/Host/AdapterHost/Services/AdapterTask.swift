import ABIRules
import Core
import NIOCore
import PluginAPI

/// One attempt of an exchange or one probe, as the adapter knows it by its handle. Lives on one event loop.
public final class AdapterTask: Attempt {
    enum Purpose {
        case exchange(any AttemptSink)
        case probe
    }

    /// Bytes of an answer that the adapter may keep without their being counted in the memory of all.
    private static let uncounted = 64 * 1024

    let backend: AdapterBackend
    let services: LoopServices
    let deadline: NIODeadline
    private(set) var purpose: Purpose?
    private(set) var handle: nexus_task = 0
    /// Until a connection is there; `.some(nil)`: any time, nil: what the backend has.
    var connectLimit: TimeAmount??
    /// The last of its requests found no connection in time.
    var connectTimedOut = false
    /// Its time is up: no request may be started any more.
    private(set) var isExpired = false
    private var requests: [AdapterRequest] = []
    private var timers: [AdapterTimer] = []
    /// The piece of an answer that the adapter has right now. The part that comes back is not copied.
    private var lentPiece: ByteBuffer?
    private var unflushed = false
    /// Bytes of the server's answer that came since the adapter last wrote: it may have kept them.
    private var kept = 0
    private var memory: MemoryShare
    /// Set while a read's events are delivered: writes are flushed once behind them.
    private var isReading = false

    /// The task is in the services' table from here until it ends. Nil if the table is full.
    init?(_ purpose: Purpose, backend: AdapterBackend, services: LoopServices, deadline: NIODeadline) {
        self.purpose = purpose
        self.backend = backend
        self.services = services
        self.deadline = deadline
        memory = MemoryShare(of: services.memory)
        handle = services.tasks.insert(self, owner: backend.ordinal)
        if handle == 0 { return nil }
    }

    var isLive: Bool { purpose != nil }

    var sink: (any AttemptSink)? {
        if case .exchange(let sink) = purpose { sink } else { nil }
    }

    // MARK: The host's side

    /// Ends the task because its client went away, its time is up or the host stops. The adapter hears of it in a later turn
    /// of the loop, since one of its calls may be on the stack; then its HTTP requests end.
    public func cancel() {
        guard isLive else { return }
        // Before the task's own place goes, so that the backend is not idle in between.
        backend.pin()
        retire()
        if let cancel = backend.image.functions.cancel {
            let box = NIOLoopBound((self, cancel), eventLoop: services.loop)
            services.loop.execute {
                let (task, cancel) = box.value
                task.backend.calling(.cancel, on: task.services) { cancel(task.backend.instance, task.handle) }
                task.backend.unpin()
            }
        } else {
            backend.unpin()
        }
        for request in requests { request.cancel() }
    }

    /// Stops or resumes reading what answers this task.
    public func setPaused(_ paused: Bool) {
        for request in requests { request.call?.setPaused(paused) }
    }

    /// The deadline has passed: first the HTTP requests end as timed out, so that the adapter can say so in its own words;
    /// if it does not, the host does.
    func expire() {
        guard isLive else { return }
        isExpired = true
        let target = backend.target.authority
        for request in requests { request.call?.endNow(.timedOut("\(target): it did not answer in time")) }
        guard let purpose else { return }
        cancel()
        switch purpose {
        case .exchange(let sink):
            sink.attemptFailed(
                ExchangeFailure(
                    kind: .timeout, message: "\(backend.identity.name) did not answer in time.", deadline: .total))
        case .probe:
            backend.probeExpired("The adapter did not report in time (\(target)).")
        }
    }

    /// Ends the task for a reason that is nobody's fault.
    func abandon(_ reason: String) {
        guard let purpose else { return }
        isExpired = true
        cancel()
        switch purpose {
        case .exchange(let sink):
            var failure = ExchangeFailure(kind: .upstream, message: reason)
            failure.isBlameless = true
            sink.attemptFailed(failure)
        case .probe: backend.probeExpired(reason)
        }
    }

    /// From here on the handle is stale.
    func retire() {
        purpose = nil
        _ = memory.set(0)
        services.tasks.remove(handle)
        if !timers.isEmpty {
            for timer in timers { timer.cancel() }
        }
        backend.taskEnded()
    }

    // MARK: The adapter's side

    func start(_ request: AdapterRequest) {
        connectTimedOut = false
        requests.append(request)
    }

    func ended(_ request: AdapterRequest) { requests.removeAll { $0 === request } }

    var requestCount: Int { requests.count }

    func startTimer(
        _ milliseconds: UInt32, _ function: @escaping nexus_timer_end, _ user: UnsafeMutableRawPointer?
    ) -> (nexus_status, nexus_timer) {
        guard timers.count < ABILimits.timers else { return (NEXUS_TOO_LARGE, 0) }
        let timer = AdapterTimer(task: self, function: function, user: user)
        guard timer.start(milliseconds: milliseconds) else { return (NEXUS_TOO_LARGE, 0) }
        timers.append(timer)
        return (NEXUS_OK, timer.handle)
    }

    func ended(_ timer: AdapterTimer) { timers.removeAll { $0 === timer } }

    func began(_ head: nexus_response_head) -> nexus_status {
        guard let sink else { return NEXUS_STALE }
        guard AnswerRules.isSuccess(head.status) else { return NEXUS_INVALID }
        let type = type(head.content_type)
        let attempt = AttemptHead(
            status: Int(head.status), contentType: type?.kind, exactType: type?.exact,
            warning: head.warning.len == 0
                ? "" : backend.secrets.hidden(in: BorrowedText.line(head.warning, limit: ABILimits.message)),
            headers: head.header_count == 0 ? [] : backend.secrets.hidden(in: HostTable.headers(head)))
        return sink.attemptBegan(attempt) ? NEXUS_OK : NEXUS_BAD_STATE
    }

    /// What the type says of how the answer is sent, and its own words where there is more to it.
    private func type(_ text: nexus_str) -> (kind: AnswerType, exact: String?)? {
        guard text.len > 0, let bytes = BorrowedText.bytes(text) else { return nil }
        // Most servers write one of these.
        if Self.equals(bytes, "application/json") { return (.json, nil) }
        if Self.equals(bytes, "text/event-stream") || Self.equals(bytes, "text/event-stream; charset=utf-8") {
            return (.eventStream, nil)
        }
        if Self.equals(bytes, "application/x-ndjson") { return (.jsonLines, nil) }
        if Self.equals(bytes, "application/json; charset=utf-8") { return (.json, "application/json; charset=utf-8") }
        let exact = backend.secrets.hidden(in: BorrowedText.line(text, limit: ABILimits.contentType))
        switch exact.prefix(while: { $0 != ";" && $0 != " " }).lowercased() {
        case "application/json": return (.json, exact)
        case "text/event-stream": return (.eventStream, exact)
        case "application/x-ndjson": return (.jsonLines, exact)
        default: return (.other(exact), nil)
        }
    }

    private static func equals(_ bytes: UnsafeRawBufferPointer, _ other: StaticString) -> Bool {
        bytes.count == other.utf8CodeUnitCount
            && bytes.elementsEqual(UnsafeBufferPointer(start: other.utf8Start, count: other.utf8CodeUnitCount))
    }

    func wrote(_ bytes: UnsafeRawBufferPointer) -> nexus_status {
        guard let sink else { return NEXUS_STALE }
        guard !bytes.isEmpty else { return NEXUS_OK }
        if kept > 0 {
            kept = 0
            _ = memory.set(0)
        }
        guard !sink.attemptIsOverfull else { return sink.attemptIsOutOfMemory ? outOfMemory() : overfull() }
        switch sink.attemptWrote(buffer(bytes)) {
        case .taken: break
        case .refused: return NEXUS_BAD_STATE
        case .failed(let failure): return unusable(failure)
        }
        if isReading { unflushed = true } else { sink.attemptFlush() }
        return NEXUS_OK
    }

    /// A slice of the lent piece if `bytes` lies within it, else a copy.
    private func buffer(_ bytes: UnsafeRawBufferPointer) -> ByteBuffer {
        if let piece = lentPiece, let start = bytes.baseAddress {
            let slice = piece.withUnsafeReadableBytes { lent -> ByteBuffer? in
                guard let first = lent.baseAddress, start >= first,
                    start + bytes.count <= first + lent.count
                else { return nil }
                return piece.getSlice(at: piece.readerIndex + (start - first), length: bytes.count)
            }
            if let slice { return slice }
        }
        return ByteBuffer(bytes: bytes)
    }

    func finished(_ outcome: ExchangeOutcome) -> nexus_status {
        guard let sink else { return NEXUS_STALE }
        switch sink.attemptFinished(outcome) {
        case .taken: break
        case .refused: return NEXUS_BAD_STATE
        case .failed(let failure): return unusable(failure)
        }
        retire()
        for request in requests { request.linger() }
        return NEXUS_OK
    }

    private func unusable(_ failure: ExchangeFailure) -> nexus_status {
        _ = failed(failure)
        return NEXUS_BAD_STATE
    }

    private func outOfMemory() -> nexus_status {
        _ = failed(.outOfMemory)
        return NEXUS_TOO_LARGE
    }

    /// A part of the answer is missing from here on: an error is better than that.
    private func overfull() -> nexus_status {
        Misuse.dropped.record("exchange_write", of: backend.identity.name)
        let message = "the adapter wrote more than \(ABILimits.unsent) bytes that the client has not taken"
        _ = failed(ExchangeFailure(kind: .adapter, message: message))
        return NEXUS_TOO_LARGE
    }

    func failed(_ failure: ExchangeFailure) -> nexus_status {
        guard let sink else { return NEXUS_STALE }
        endedByAdapter()
        var failure = backend.secrets.hidden(in: failure)
        if failure.kind == .connect, connectTimedOut { failure.deadline = .connect }
        if failure.kind == .timeout, isExpired { failure.deadline = .total }
        sink.attemptFailed(failure)
        return NEXUS_OK
    }

    /// The adapter has ended the task, not well or as a probe; what it left under way is cancelled.
    func endedByAdapter() {
        guard isLive else { return }
        retire()
        for request in requests { request.cancel() }
    }

    // MARK: Events of the HTTP requests

    func lend(_ piece: ByteBuffer, _ body: (UnsafeRawBufferPointer) -> Void) {
        kept += piece.readableBytes
        if kept > Self.uncounted, !memory.set(kept) {
            _ = outOfMemory()
            return
        }
        isReading = true
        lentPiece = piece
        piece.withUnsafeReadableBytes(body)
        lentPiece = nil
    }

    func readComplete() {
        isReading = false
        guard unflushed else { return }
        unflushed = false
        sink?.attemptFlush()
    }
}
