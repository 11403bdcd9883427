import PluginAPI

/// Answers one exchange with what the server sends: the bytes go to the client as they come, and are watched on the way
/// for what ends the exchange: usage, finish reason, errors.
final class PassThrough: HTTPHandler {
    private enum Mode {
        /// No head yet.
        case waiting
        /// A JSON answer; `UnaryWatcher` has its bytes as far as they matter.
        case unary(UnaryWatcher)
        case stream(StreamWatcher)
        /// The status is not 2xx: the body is collected.
        case error([UInt8])
        case over
    }

    /// Bytes of an error's body that are read.
    private static let errorLimit = 64 * 1024

    private let exchange: ExchangeTask
    private var mode = Mode.waiting
    private var status: UInt32 = 0
    private var retryAfter: UInt32 = 0
    private var hasBegun = false
    /// Kept only when it is not application/json or text/event-stream.
    private var contentType = ""

    init(_ exchange: ExchangeTask) { self.exchange = exchange }

    // MARK: Events

    override func head(_ head: nexus_http_head) {
        status = head.status
        guard (200...299).contains(status) else {
            retryAfter = Self.milliseconds(head.field("retry-after"))
            mode = .error([])
            return
        }
        let type = head.field("content-type")?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0)
        if Self.matches(type, "text/event-stream") {
            mode = .stream(StreamWatcher())
        } else {
            if !Self.isPlainJSON(type) { contentType = String(decoding: type, as: UTF8.self) }
            mode = .unary(UnaryWatcher())
        }
    }

    override func body(_ bytes: UnsafeRawBufferPointer) {
        switch mode {
        case .waiting, .over: return
        case .error(var collected):
            mode = .waiting
            collected.append(contentsOf: bytes.prefix(Self.errorLimit - collected.count))
            mode = .error(collected)
        case .unary(var watcher):
            mode = .waiting
            watcher.feed(bytes)
            if watcher.looksLikeError {
                // Held until the end: a 200 that says "error" is a failure.
                mode = .unary(watcher)
                return
            }
            begin(stream: false)
            for held in watcher.takeHeld() { exchange.write(held) }
            exchange.write(bytes)
            mode = .unary(watcher)
        case .stream(let watcher):
            feed(watcher, bytes)
        }
    }

    private func feed(_ watcher: StreamWatcher, _ bytes: UnsafeRawBufferPointer) {
        switch watcher.feed(bytes) {
        case .hold: return
        case .pass(let held, let count):
            begin(stream: true)
            if !held.isEmpty { exchange.write(held) }
            exchange.write(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
            guard watcher.isEnded else { return }
            // Now and not at the end of the body: clients hang up as soon as they have seen the mark.
            mode = .over
            exchange.finish(watcher.usage)
        case .fail(let failure, let prefix):
            if hasBegun, prefix > 0 { exchange.write(UnsafeRawBufferPointer(rebasing: bytes[..<prefix])) }
            mode = .over
            exchange.fail(failure)
        }
    }

    override func end(_ end: HTTPEnd) {
        let mode = mode
        self.mode = .over
        switch mode {
        case .over: return
        case .waiting: exchange.fail(Self.failure(end))
        case .error(let body):
            exchange.fail(UpstreamError.failure(status: status, body: body, retryAfterMilliseconds: retryAfter))
        case .unary(let watcher): endUnary(watcher, end)
        case .stream(let watcher): endStream(watcher, end)
        }
    }

    private func endUnary(_ watcher: UnaryWatcher, _ end: HTTPEnd) {
        guard end == .complete else { return exchange.fail(Self.failure(end)) }
        if watcher.looksLikeError, let failure = UpstreamError.insideSuccess(watcher.bytes) {
            return exchange.fail(failure)
        }
        if watcher.isEmpty {
            return exchange.fail(
                Failure(
                    kind: NEXUS_FAIL_UPSTREAM, status: status,
                    message: "the server answered \(status) with nothing in it"))
        }
        begin(stream: false)
        var watcher = watcher
        for held in watcher.takeHeld() { exchange.write(held) }
        exchange.finish(watcher.usage)
    }

    private func endStream(_ watcher: StreamWatcher, _ end: HTTPEnd) {
        let verdict = watcher.finish()
        if let failure = verdict.failure { return exchange.fail(failure) }
        guard verdict.isFinished else {
            return exchange.fail(
                end == .complete
                    ? Failure(
                        kind: NEXUS_FAIL_UPSTREAM, status: status,
                        message: "the server closed the stream before it was finished")
                    : Self.failure(end))
        }
        begin(stream: true)
        if !verdict.rest.isEmpty { exchange.write(verdict.rest) }
        if !verdict.hasDoneMark { exchange.write(StreamWatcher.doneMark) }
        exchange.finish(verdict.usage)
    }

    // MARK: Small things

    private func begin(stream: Bool) {
        guard !hasBegun else { return }
        hasBegun = true
        if stream {
            exchange.begin(status: status, contentType: Self.eventStream.borrowed)
        } else if contentType.isEmpty {
            exchange.begin(status: status)
        } else {
            lend(contentType) { exchange.begin(status: status, contentType: $0) }
        }
    }

    private static let eventStream = LentText("text/event-stream")

    private static func isPlainJSON(_ type: UnsafeRawBufferPointer) -> Bool {
        type.count == 0 || matches(type, "application/json")
    }

    /// Compares the type before its parameters without case.
    private static func matches(_ type: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard type.count >= count, type.count == count || type[count] == UInt8(ascii: ";") || type[count] == 0x20 else {
            return false
        }
        for index in 0..<count where type[index] | 0x20 != text.utf8Start[index] | 0x20 { return false }
        return true
    }

    private static func milliseconds(_ seconds: nexus_str?) -> UInt32 {
        guard let seconds, let value = UInt32(seconds.text), value < 86400 else { return 0 }
        return value * 1000
    }

    static func failure(_ end: HTTPEnd) -> Failure {
        switch end {
        case .refused(let message): Failure(kind: NEXUS_FAIL_CONNECT, message: message)
        case .timedOut(let message): Failure(kind: NEXUS_FAIL_TIMEOUT, message: message)
        case .closed(let message), .garbage(let message): Failure(kind: NEXUS_FAIL_UPSTREAM, message: message)
        case .complete: Failure(kind: NEXUS_FAIL_UPSTREAM, message: "the server sent no answer")
        case .cancelled: Failure(kind: NEXUS_FAIL_INTERNAL, message: "the request was cancelled")
        }
    }
}
