import PluginAPI

/// What handlers of exchanges have in common: status, error answers, and the one end of the exchange.
class AnswerHandler: HTTPHandler {
    private static let errorLimit = 64 * 1024

    let exchange: ExchangeTask
    let shape: ErrorShape
    private let warning: String
    private var status: UInt32 = 0
    private var retryAfter: UInt32 = 0
    private var location: String?
    /// Of an answer that passes as it is; empty: the one that the host gives it.
    private var contentType = ""
    /// Those of the server's header fields that the client may see: a proxy before Ollama may have limits of its own.
    private var headers: [HeaderField] = []
    private var errorBody: [UInt8] = []
    /// Kept where there is another key to send it with.
    private var outgoing: Outgoing?
    private var key = 0
    /// The keys that were refused.
    private var tried: Set<Int> = []
    /// Something was sent to the client.
    private(set) final var hasBegun = false
    private(set) final var isOver = false

    /// - Parameter warning: which parts of the request were left out, for the client.
    init(_ exchange: ExchangeTask, shape: ErrorShape = .openAI, warning: String = "") {
        self.exchange = exchange
        self.shape = shape
        self.warning = warning
    }

    /// Starts the request, with the key in use.
    final func send(_ outgoing: Outgoing) -> nexus_status {
        self.outgoing = outgoing.backend.keys.count > 1 ? outgoing : nil
        key = outgoing.backend.keys.current()
        return outgoing.start(exchange, key: key, self)
    }

    /// The answer goes on under the type that the server gave it.
    var passesType: Bool { false }
    /// A piece of a good answer.
    func take(_ bytes: UnsafeRawBufferPointer) {}
    /// A good answer is complete.
    func complete() {}
    /// A good answer broke off.
    func broken(_ end: HTTPEnd) { fail(OllamaError.failure(end)) }

    final override func head(_ head: nexus_http_head) {
        status = head.status
        retryAfter = RetryAfter.milliseconds(head)
        location = head.location
        headers = head.passedHeaders
        if passesType { contentType = head.field("content-type")?.text ?? "" }
    }

    /// An answer may follow. Two of the successful statuses have none, whatever their body says.
    private var isGood: Bool { (200...299).contains(status) && status != 204 && status != 205 }

    final override func body(_ bytes: UnsafeRawBufferPointer) {
        guard !isOver else { return }
        if isGood {
            take(bytes)
        } else {
            errorBody.append(contentsOf: bytes.prefix(Self.errorLimit - errorBody.count))
        }
    }

    final override func end(_ end: HTTPEnd) {
        // Also when the exchange was cancelled: there is no one left to tell.
        guard !isOver, end != .cancelled else { return }
        let isRefused = status != 0 && !isGood
        if isRefused, triesNextKey() { return }
        if isRefused, end == .complete {
            fail(
                OllamaError.failure(
                    status: status, body: errorBody, retryAfterMilliseconds: retryAfter, location: location,
                    shape: shape))
        } else if end == .complete {
            complete()
        } else {
            broken(end)
        }
    }

    /// The server refuses the key, or its limit is reached: sends the same request with the next key, if there is one.
    private func triesNextKey() -> Bool {
        guard let outgoing else { return false }
        tried.insert(key)
        guard
            let next = outgoing.backend.keys.next(
                after: key, tried: tried,
                answer: KeyAnswer(
                    status: status, told: ToldError.body(errorBody), retryAfterMilliseconds: retryAfter))
        else { return false }
        key = next
        status = 0
        retryAfter = 0
        errorBody = []
        headers = []
        if outgoing.start(exchange, key: key, self) != NEXUS_OK {
            fail(
                Failure(
                    kind: NEXUS_FAIL_AUTH, message: "the server refuses the API key, and the next could not be tried"))
        }
        return true
    }

    final func write(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        if !hasBegun {
            hasBegun = true
            lend(contentType) { exchange.begin(status: 200, contentType: $0, warning: warning, headers: headers) }
        }
        exchange.write(bytes)
    }

    final func finish(_ usage: TokenUsage) {
        isOver = true
        exchange.finish(usage)
    }

    final func fail(_ failure: Failure) {
        isOver = true
        var failure = failure
        failure.headers = headers
        exchange.fail(failure, usage: usage)
    }

    /// What is known of the work before the answer is whole.
    var usage: TokenUsage { TokenUsage() }

    /// The server's fault, inside an answer that began well.
    final func fail(_ text: String) { fail(OllamaError.failure(status: 502, text: text, shape: shape)) }
}

/// Answers a unary request: collects Ollama's answer, translates it, and sends it whole.
final class UnaryHandler: AnswerHandler {
    /// Nil for an answer that is not complete. The bytes are those the value was read from.
    typealias Translation = @Sendable (_ answer: JSONValue, _ bytes: [UInt8]) -> (bytes: [UInt8], usage: TokenUsage)?

    /// Bytes of an answer; embeddings of many texts are long.
    private static let limit = 64 * 1024 * 1024

    /// What is translated has a type of our own, and so have lines, whatever a server calls them.
    override var passesType: Bool { shape == .ollama }
    private let translate: Translation
    private var collected: [UInt8] = []

    init(
        _ exchange: ExchangeTask, shape: ErrorShape = .openAI, warning: String = "", translate: @escaping Translation
    ) {
        self.translate = translate
        super.init(exchange, shape: shape, warning: warning)
    }

    override func take(_ bytes: UnsafeRawBufferPointer) {
        // At once: it may never end.
        guard collected.count + bytes.count <= Self.limit else { return fail("Ollama's answer is too long") }
        collected.append(contentsOf: bytes)
    }

    override func complete() {
        let (answer, translate) = (collected, translate)
        collected = []
        let isTaken = exchange.run(size: answer.count) {
            Self.translated(answer, translate)
        } done: { translated, state in
            guard state == .alive else { return }
            if let error = translated.error { return self.fail(error) }
            translated.bytes.withUnsafeBytes { self.write($0) }
            self.finish(translated.usage)
        }
        if !isTaken { fail(LargeRequest.tooMany) }
    }

    /// What to do with an answer.
    private struct Translated: Sendable {
        var bytes: [UInt8] = []
        var usage = TokenUsage()
        var error: String?
    }

    private static func translated(_ answer: [UInt8], _ translate: Translation) -> Translated {
        guard let value = try? JSONValue.parse(answer, maximumValues: LargeWork.answerValues) else {
            return Translated(error: "Ollama's answer is not JSON, or is too long")
        }
        if let text = OllamaError.text(value) { return Translated(error: text) }
        guard value["done_reason"] != "error", let (bytes, usage) = translate(value, answer) else {
            return Translated(error: "Ollama's answer is not complete")
        }
        return Translated(bytes: bytes, usage: usage)
    }
}

/// What handlers of answers in lines have in common: how they begin and end. A server that cannot stream may answer whole, and
/// with line ends in its JSON; that is taken as one line.
class LinesHandler: AnswerHandler {
    /// Bytes of an answer that is one JSON text in several lines.
    private static let wholeLimit = 16 * 1024 * 1024
    /// JSON that is written in several lines has the end of the first one very soon.
    private static let beginningLimit = 4096

    private enum Beginning {
        /// What came of the first line.
        case open([UInt8])
        /// The first line was no whole JSON text: so far the answer is all this.
        case whole([UInt8])
        case lines
    }

    private var beginning = Beginning.open([])
    final var lines = LineDecoder()

    /// Takes a piece of the lines.
    func takeLines(_ bytes: UnsafeRawBufferPointer) {}
    /// Takes what came of a line without its end.
    func lastLine() {}

    final override func take(_ bytes: UnsafeRawBufferPointer) {
        switch beginning {
        case .lines: takeLines(bytes)
        case .whole(var answer):
            guard answer.count + bytes.count <= Self.wholeLimit else { return fail(StreamLine.tooLong) }
            beginning = .lines
            answer.append(contentsOf: bytes)
            beginning = .whole(answer)
        case .open(let before) where before.isEmpty: begin(bytes)
        case .open(let before): (before + bytes).withUnsafeBytes { begin($0) }
        }
    }

    private func begin(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.firstIndex(where: { $0 > 0x20 }) else {
            // Signs of life.
            return takeLines(bytes)
        }
        let line = bytes[start...].prefix { $0 != 0x0A }
        if line.endIndex == bytes.endIndex, bytes.count <= Self.beginningLimit {
            beginning = .open(Array(bytes))
        } else if bytes[start] == UInt8(ascii: "{"), !JSONScan(UnsafeRawBufferPointer(rebasing: line)).isWhole {
            beginning = .whole(Array(bytes[start...]))
        } else {
            beginning = .lines
            takeLines(bytes)
        }
    }

    final override func complete() {
        guard case .whole(let answer) = beginning else { return end(as: .complete) }
        beginning = .lines
        let isTaken = exchange.run(size: answer.count) {
            try? JSONValue.parse(answer, maximumValues: LargeWork.answerValues).bytes + [0x0A]
        } done: { line, state in
            guard state == .alive else { return }
            guard let line else { return self.fail(StreamLine.garbled) }
            line.withUnsafeBytes { self.takeLines($0) }
            if !self.isOver { self.end(as: .complete) }
        }
        if !isTaken { fail(LargeRequest.tooMany) }
    }

    final override func broken(_ end: HTTPEnd) { self.end(as: end) }

    /// An answer that its last line has not ended was not whole.
    private func end(as end: HTTPEnd) {
        if case .open(let before) = beginning, !before.isEmpty {
            beginning = .lines
            before.withUnsafeBytes { takeLines($0) }
        }
        if !isOver { lastLine() }
        if !isOver { fail(OllamaError.failure(end)) }
    }
}

/// Answers a streaming request: turns each line that comes into events at once.
final class StreamHandler<Maker: Chunks>: LinesHandler {
    private var chunks: Maker

    init(_ exchange: ExchangeTask, _ chunks: Maker, warning: String = "") {
        self.chunks = chunks
        super.init(exchange, warning: warning)
    }

    override var usage: TokenUsage { chunks.usage }

    override func takeLines(_ bytes: UnsafeRawBufferPointer) {
        var events: [UInt8] = []
        var error: String?
        do {
            try lines.feed(bytes) { line, _ in
                error = take(line, &events)
                return error == nil && !chunks.isFinished
            }
        } catch {
            return fail(StreamLine.tooLong)
        }
        send(events, error)
    }

    override func lastLine() {
        var events: [UInt8] = []
        var error: String?
        lines.finish { error = take($0, &events) }
        // If the answer broke off in the middle of a line, the end says so, not the rest of the line.
        send(events, error == StreamLine.garbled ? nil : error)
    }

    /// Finishes right after the end mark and not at the end of the body: clients hang up as soon as they have seen the
    /// mark.
    private func send(_ events: [UInt8], _ error: String?) {
        events.withUnsafeBytes { write($0) }
        if let error { fail(error) } else if chunks.isFinished { finish(chunks.usage) }
    }

    /// What went wrong; nil: nothing.
    private func take(_ line: UnsafeRawBufferPointer, _ events: inout [UInt8]) -> String? {
        switch StreamLine(line) {
        case .empty: return nil
        case .error(let text): return text
        case .value(let value):
            events += chunks.events(for: value)
            return nil
        }
    }
}
