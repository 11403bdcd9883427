import PluginAPI

/// Answers a unary request: collects Ollama's answer, translates it, and sends it whole.
final class UnaryHandler: HTTPHandler {
    typealias Translation = (JSONValue) -> (body: JSONValue, usage: TokenUsage)?

    /// Bytes of an answer; embeddings of many texts are long.
    private static let limit = 64 * 1024 * 1024

    private let exchange: ExchangeTask
    private let translate: Translation
    private var status: UInt32 = 0
    private var retryAfter: UInt32 = 0
    private var collected: [UInt8] = []
    private var isTooLong = false

    init(_ exchange: ExchangeTask, translate: @escaping Translation) {
        self.exchange = exchange
        self.translate = translate
    }

    override func head(_ head: nexus_http_head) {
        status = head.status
        retryAfter = OllamaError.retryAfterMilliseconds(head)
    }

    override func body(_ bytes: UnsafeRawBufferPointer) {
        if collected.count + bytes.count > Self.limit { isTooLong = true } else { collected.append(contentsOf: bytes) }
    }

    override func end(_ end: HTTPEnd) {
        // The exchange is over, and nobody is left to be told.
        if end == .cancelled { return }
        guard end == .complete else { return exchange.fail(OllamaError.failure(end)) }
        guard (200...299).contains(status) else {
            return exchange.fail(
                OllamaError.failure(status: status, body: collected, retryAfterMilliseconds: retryAfter))
        }
        guard !isTooLong, let value = try? JSONValue.parse(collected) else {
            return exchange.fail(OllamaError.failure(status: 502, text: "Ollama's answer is not JSON, or is too long"))
        }
        if let text = value["error"]?.string { return exchange.fail(OllamaError.failure(status: 502, text: text)) }
        guard let (body, usage) = translate(value) else {
            return exchange.fail(OllamaError.failure(status: 502, text: "Ollama's answer is not complete"))
        }
        exchange.begin(status: 200)
        exchange.write(body.bytes)
        exchange.finish(usage)
    }
}

/// Answers a streaming chat: turns each line that comes into events at once.
final class ChatStreamHandler: HTTPHandler {
    private static let errorLimit = 64 * 1024

    private let exchange: ExchangeTask
    private var chunks: ChatChunks
    private var lines = LineDecoder()
    private var status: UInt32 = 0
    private var retryAfter: UInt32 = 0
    private var errorBody: [UInt8] = []
    private var hasBegun = false
    private var isOver = false

    init(_ exchange: ExchangeTask, _ chunks: ChatChunks) {
        self.exchange = exchange
        self.chunks = chunks
    }

    override func head(_ head: nexus_http_head) {
        status = head.status
        retryAfter = OllamaError.retryAfterMilliseconds(head)
    }

    override func body(_ bytes: UnsafeRawBufferPointer) {
        guard !isOver else { return }
        guard (200...299).contains(status) else {
            errorBody.append(contentsOf: bytes.prefix(Self.errorLimit - errorBody.count))
            return
        }
        var events: [UInt8] = []
        var failure: Failure?
        do {
            try lines.feed(bytes) { line, _ in
                failure = take(line, &events)
                return failure == nil && !chunks.isFinished
            }
        } catch {
            failure = OllamaError.failure(
                status: 502, text: "Ollama sent a line of more than \(LineDecoder.defaultLimit) bytes")
        }
        send(events)
        if let failure { fail(failure) } else { finishIfDone() }
    }

    override func end(_ end: HTTPEnd) {
        // Also when the exchange was cancelled: nobody is left to be told.
        guard !isOver, end != .cancelled else { return }
        if end == .complete, !(200...299).contains(status) {
            return fail(
                OllamaError.failure(status: status, body: errorBody, retryAfterMilliseconds: retryAfter))
        }
        var events: [UInt8] = []
        var failure: Failure?
        lines.finish { failure = take($0, &events) }
        send(events)
        if let failure { return fail(failure) }
        finishIfDone()
        if !isOver { fail(OllamaError.failure(end)) }
    }

    /// Right after the end mark and not at the end of the body: clients hang up as soon as they have seen the mark.
    private func finishIfDone() {
        guard chunks.isFinished else { return }
        isOver = true
        exchange.finish(chunks.usage)
    }

    private func take(_ line: UnsafeRawBufferPointer, _ events: inout [UInt8]) -> Failure? {
        guard !line.allSatisfy({ $0 <= 0x20 }) else { return nil }
        guard let value = try? JSONValue.parse(line) else {
            return OllamaError.failure(status: 502, text: "Ollama sent a line that is not JSON")
        }
        if let text = value["error"]?.string {
            return OllamaError.failure(status: 502, text: text)
        }
        events += chunks.events(for: value)
        return nil
    }

    private func send(_ events: [UInt8]) {
        guard !events.isEmpty else { return }
        if !hasBegun {
            hasBegun = true
            exchange.begin(status: 200)
        }
        exchange.write(events)
    }

    private func fail(_ failure: Failure) {
        isOver = true
        exchange.fail(failure)
    }
}
