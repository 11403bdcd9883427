import PluginAPI

/// Answers one exchange with what the server sends: the bytes go to the client as they come. On the way they are looked
/// at, so that an error fails the exchange, a broken stream never looks like a whole one, and tokens are counted.
final class Answer: HTTPHandler {
    /// Bytes of a whole answer, and of one event of a stream.
    private static let answerLimit = 16 * 1024 * 1024
    /// Bytes of an error's body that are kept.
    private static let errorLimit = Int(NEXUS_LIMIT_FAILURE_BODY)

    private let exchange: ExchangeTask
    private let apiKey: String
    private let wantsStream: Bool
    private var status: UInt32 = 0
    private var retryAfterMilliseconds: UInt32 = 0
    /// Those of the server's headers that the client may see.
    private var headers: [HeaderField] = []
    /// The server sends a stream.
    private var isStream = false
    private var hasBegun = false
    /// Finished or failed: whatever still comes is ignored.
    private var isOver = false
    /// A whole answer, or an event of a stream that is not complete yet.
    private var held: [UInt8] = []
    private var lines = EventStreamLines(limit: answerLimit)
    /// The data of that event, and its lines so far.
    private var data: [UInt8] = []
    private var dataLines = 0
    private var usage = TokenUsage()

    init(_ exchange: ExchangeTask, apiKey: String, wantsStream: Bool) {
        self.exchange = exchange
        self.apiKey = apiKey
        self.wantsStream = wantsStream
    }

    // MARK: Events

    override func head(_ head: nexus_http_head) {
        status = head.status
        headers = head.passedHeaders
        isStream = head.field("content-type")?.text.lowercased().hasPrefix("text/event-stream") ?? false
        if let seconds = head.field("retry-after").flatMap({ UInt32($0.text) }), seconds < 86_400 {
            retryAfterMilliseconds = seconds * 1000
        }
    }

    override func body(_ bytes: UnsafeRawBufferPointer) {
        guard !isOver else { return }
        if !isGood {
            // Of an error the first part will do.
            held.append(contentsOf: bytes.prefix(Self.errorLimit - held.count))
        } else if isStream, wantsStream {
            feed(bytes)
        } else if held.count + bytes.count <= Self.answerLimit {
            held.append(contentsOf: bytes)
        } else {
            fail("the server's answer is too large")
        }
    }

    override func end(_ end: HTTPEnd) {
        // After a cancellation the exchange is over already, and no one is left to tell.
        guard !isOver, end != .cancelled else { return }
        if status != 0, !isGood {
            let error = ServerError(held)
            return fail(
                error.failure(status: status, apiKey: apiKey, retryAfterMilliseconds: retryAfterMilliseconds))
        }
        if let failure = ServerError.failure(end) { return fail(failure) }
        if isStream, wantsStream {
            // The last event may lack its empty line.
            feed([0x0A, 0x0A])
            if !isOver { fail("the server closed the stream before it was finished") }
        } else {
            endWhole()
        }
    }

    private var isGood: Bool { (200...299).contains(status) }

    private func endWhole() {
        guard let value = try? JSONValue.parse(held), value.object != nil else {
            return fail("the server's answer is no JSON object")
        }
        if let error = ServerError(inside: value) {
            return fail(error.failure(status: error.code ?? 502, apiKey: apiKey))
        }
        guard !wantsStream, !isStream else {
            return fail("the server did not answer in the way that was asked for: streamed or whole")
        }
        count(value)
        passOn(held)
        finish()
    }

    // MARK: A stream

    private func feed(_ bytes: [UInt8]) { bytes.withUnsafeBytes { feed($0) } }

    private func feed(_ bytes: UnsafeRawBufferPointer) {
        do throws(LineDecoder.TooLong) {
            try lines.feed(bytes) { line, _ in
                take(line)
                return !isOver
            }
        } catch {
            fail("the server sent an event that is too large")
        }
    }

    /// One line of the stream. Events go on whole, at the empty line that ends each.
    private func take(_ line: EventStreamLine) {
        guard held.count + line.text.count < Self.answerLimit else {
            return fail("the server sent an event that is too large")
        }
        held.append(contentsOf: line.text)
        held.append(0x0A)
        switch line.kind {
        case .end: endEvent()
        case .data:
            if dataLines > 0 { data.append(0x0A) }
            data.append(contentsOf: line.value)
            dataLines += 1
        default: break
        }
    }

    private func endEvent() {
        let event = held
        let data = dataLines > 0 ? data : nil
        held = []
        self.data = []
        dataLines = 0
        guard let data else {
            // Comments keep a connection alive. Before the first event they would only take the gateway's chance to
            // try elsewhere.
            if hasBegun { passOn(event) }
            return
        }
        guard !data.starts(with: "[DONE]".utf8) else {
            passOn(event)
            return finish()
        }
        guard let value = try? JSONValue.parse(data) else {
            return fail("the server sent an event that is no JSON, or half of one")
        }
        if let error = ServerError(inside: value) {
            return fail(error.failure(status: error.code ?? 502, apiKey: apiKey))
        }
        count(value)
        passOn(event)
    }

    // MARK: Small things

    private func passOn(_ bytes: [UInt8]) {
        if !hasBegun { exchange.begin(status: status, headers: headers) }
        hasBegun = true
        exchange.write(bytes)
    }

    private func finish() {
        isOver = true
        exchange.finish(usage)
    }

    private func fail(_ failure: Failure) {
        isOver = true
        var failure = failure
        failure.headers = headers
        exchange.fail(failure, usage: usage)
    }

    private func fail(_ message: String) { fail(Failure(kind: NEXUS_FAIL_UPSTREAM, status: status, message: message)) }

    private func count(_ value: JSONValue) {
        guard let counts = value["usage"], counts.object != nil else { return }
        func count(_ value: JSONValue?) -> UInt64? { value?.int.flatMap { $0 >= 0 ? UInt64($0) : nil } }
        usage = TokenUsage(
            prompt: count(counts["prompt_tokens"]), completion: count(counts["completion_tokens"]),
            cached: count(counts["prompt_tokens_details"]?["cached_tokens"]))
    }
}
