import PluginAPI

/// Answers one exchange with what the server sends: the bytes go to the client as they come, and are watched on the way
/// for what ends the exchange: usage, finish reason, errors.
final class PassThrough: HTTPHandler {
    private enum Mode {
        /// No head yet.
        case waiting
        case unary(UnaryWatcher)
        case stream(StreamWatcher)
        /// The status is not 2xx, or a stream was asked for and JSON comes: the body is collected.
        case error([UInt8])
        case over
    }

    /// Bytes of an error's body that are read.
    private static let errorLimit = 64 * 1024

    private let exchange: ExchangeTask
    /// The client asked for a stream.
    private let wantsStream: Bool
    private var mode = Mode.waiting
    private var status: UInt32 = 0
    private var retryAfter: UInt32 = 0
    private var hasBegun = false

    init(_ exchange: ExchangeTask, wantsStream: Bool) {
        self.exchange = exchange
        self.wantsStream = wantsStream
    }

    // MARK: Events

    override func head(_ head: nexus_http_head) {
        status = head.status
        guard (200...299).contains(status) else {
            retryAfter = Self.milliseconds(head.field("retry-after"))
            mode = .error([])
            return
        }
        let type = head.field("content-type")?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0)
        if wantsStream {
            mode = Self.matches(type, "application/json") ? .error([]) : .stream(StreamWatcher())
        } else if Self.matches(type, "text/event-stream") {
            fail("the server answered with a stream though none was asked for")
        } else {
            mode = .unary(UnaryWatcher(length: head.field("content-length").flatMap { Int($0.text) }))
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
            if let held = watcher.feed(bytes) {
                begin(Self.json)
                exchange.write(held)
                exchange.write(bytes)
            }
            mode = .unary(watcher)
        case .stream(let watcher): feed(watcher, bytes)
        }
    }

    private func feed(_ watcher: StreamWatcher, _ bytes: UnsafeRawBufferPointer) {
        let step = watcher.feed(bytes)
        if !step.held.isEmpty || step.count > 0 {
            begin(Self.eventStream)
            exchange.write(step.held)
            exchange.write(UnsafeRawBufferPointer(rebasing: bytes[..<step.count]))
        }
        if let failure = step.failure {
            mode = .over
            exchange.fail(failure)
        } else if watcher.isEnded {
            // Now and not at the end of the body: clients hang up as soon as they have seen the mark.
            mode = .over
            exchange.finish(watcher.usage)
        }
    }

    override func end(_ end: HTTPEnd) {
        let mode = mode
        self.mode = .over
        // The exchange is over, and nobody is left to be told.
        if end == .cancelled { return }
        switch mode {
        case .over: return
        case .waiting: exchange.fail(Self.failure(end))
        case .error(let body): endError(body, end)
        case .unary(let watcher): endUnary(watcher, end)
        case .stream(let watcher): endStream(watcher, end)
        }
    }

    private func endError(_ body: [UInt8], _ end: HTTPEnd) {
        guard (200...299).contains(status) else {
            return exchange.fail(UpstreamError.failure(status: status, body: body, retryAfterMilliseconds: retryAfter))
        }
        guard end == .complete else { return exchange.fail(Self.failure(end)) }
        if let failure = UpstreamError.insideSuccess(body) { return exchange.fail(failure) }
        fail("the server answered with one JSON object though a stream was asked for")
    }

    private func endUnary(_ watcher: UnaryWatcher, _ end: HTTPEnd) {
        guard end == .complete else { return exchange.fail(Self.failure(end)) }
        guard !watcher.isEmpty else { return fail("the server answered \(status) with nothing in it") }
        if !watcher.rest.isEmpty, let failure = UpstreamError.insideSuccess(watcher.rest) {
            return exchange.fail(failure)
        }
        guard watcher.isWhole else { return fail("the server's answer is no JSON object, or was cut off") }
        begin(Self.json)
        exchange.write(watcher.rest)
        exchange.finish(watcher.usage)
    }

    private func endStream(_ watcher: StreamWatcher, _ end: HTTPEnd) {
        let verdict = watcher.finish(isWhole: end == .complete)
        if let failure = verdict.failure {
            return exchange.fail(end == .complete ? failure : Self.failure(end))
        }
        begin(Self.eventStream)
        exchange.write(verdict.rest)
        exchange.finish(watcher.usage)
    }

    private func fail(_ message: String) {
        mode = .over
        exchange.fail(Failure(kind: NEXUS_FAIL_UPSTREAM, status: status, message: message))
    }

    // MARK: Small things

    private func begin(_ type: LentText) {
        guard !hasBegun else { return }
        hasBegun = true
        exchange.begin(status: status, contentType: type.borrowed)
    }

    private static let json = LentText("application/json")
    private static let eventStream = LentText("text/event-stream")

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
