import PluginAPI

/// Answers one exchange with what the server sends: the bytes go to the client as they come, and are watched on the way
/// for what ends the exchange: usage, finish reason, errors.
final class PassThrough: HTTPHandler {
    private enum Mode {
        /// No head yet.
        case waiting
        case unary(UnaryWatcher)
        case stream(StreamWatcher)
        /// Sound, images, text: nothing is looked at.
        case media
        /// A stream was asked for, and one JSON text comes: the whole answer, or an error.
        case whole(UnaryWatcher, [UInt8])
        /// The status is not 2xx: the body is collected.
        case error([UInt8])
        case over
    }

    /// Bytes of an error's body that are read; also those after which a whole answer has shown that it is one.
    private static let errorLimit = 64 * 1024
    /// Bytes of a whole answer that becomes a stream.
    private static let wholeLimit = 16 * 1024 * 1024
    /// How long is waited for an error that comes instead of a stream, in milliseconds; other error answers are bounded by the
    /// host.
    private static let errorTime: UInt32 = 1000

    private let exchange: ExchangeTask
    private let backend: OpenAIBackend
    private let order: Order
    private var key = 0
    /// The keys that were refused before.
    private var tried: Set<Int> = []
    private var mode = Mode.waiting
    private var status: UInt32 = 0
    private var retryAfter: UInt32 = 0
    /// Where the server redirects to.
    private var location: String?
    /// Nothing but space has come of what may be a stream.
    private var isBlank = true
    /// Those of the server's header fields that the client may see.
    private var headers: [HeaderField] = []
    private var hasBegun = false
    /// All of a whole answer of which the text is to be changed; nil: it goes on as it comes.
    private var collected: [UInt8]?
    /// Of the answer, when it may be another than the client's request implies.
    private var contentType: LentText?

    init(_ exchange: ExchangeTask, backend: OpenAIBackend, _ order: Order) {
        self.exchange = exchange
        self.backend = backend
        self.order = order
        key = backend.keys.current()
    }

    /// Starts the request.
    func send() -> nexus_status { backend.start(exchange, order, key: key, self) }

    // MARK: Events

    override func head(_ head: nexus_http_head) {
        status = head.status
        headers = head.passedHeaders
        // These two have no answer, whatever their body says.
        guard status != 204, status != 205 else { return fail("the server answered \(status) with nothing in it") }
        guard (200...299).contains(status) else {
            retryAfter = RetryAfter.milliseconds(head)
            location = head.location
            mode = .error([])
            return
        }
        let type = head.field("content-type")?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0)
        let isJSON = Self.matches(type, "application/json")
        let isStream = Self.matches(type, "text/event-stream")
        if order.isMedia {
            // JSON is held back by the host until it is whole, under no other type.
            contentType = isJSON ? withParameters(type, Self.json) : LentText(String(decoding: type, as: UTF8.self))
            mode = isStream ? .stream(StreamWatcher(order.streamMeaning)) : isJSON ? .unary(unary(head)) : .media
        } else if order.wantsStream {
            if isStream { contentType = withParameters(type, Self.eventStream) }
            mode = .stream(StreamWatcher(order.streamMeaning))
            if isJSON { takeWhole() }
        } else if isStream {
            fail("the server answered with a stream though none was asked for")
        } else {
            if isJSON { contentType = withParameters(type, Self.json) }
            mode = .unary(unary(head))
        }
    }

    /// JSON comes where a stream should: a server that cannot stream answers whole, and is waited for. What says that something
    /// went wrong takes neither long nor many bytes.
    private func takeWhole() {
        contentType = nil
        mode = .whole(UnaryWatcher(members: order.answerMembers), [])
        exchange.after(milliseconds: Self.errorTime) { [self] state in
            guard state == .alive, case .whole(let watcher, _) = mode else { return }
            if !watcher.isEmpty, !watcher.isAnswer { endWholeNow() }
        }
    }

    private func endWholeNow() {
        guard case .whole(let watcher, let body) = mode else { return }
        mode = .over
        endWhole(watcher, body, .complete)
    }

    private func unary(_ head: nexus_http_head) -> UnaryWatcher {
        collected = order.thinking == nil ? nil : []
        return UnaryWatcher(
            length: head.field("content-length").flatMap { Int($0.text) }, members: order.answerMembers)
    }

    override func body(_ bytes: UnsafeRawBufferPointer) {
        switch mode {
        case .waiting, .over: return
        case .error(var collected):
            mode = .waiting
            collected.append(contentsOf: bytes.prefix(Self.errorLimit - collected.count))
            mode = .error(collected)
        case .whole(let watcher, var collected):
            mode = .waiting
            let step = watcher.feed(bytes)
            collected.append(contentsOf: bytes)
            mode = .whole(watcher, collected)
            if case .broken = step {
                endWholeNow()
            } else if collected.count >= (watcher.isAnswer ? Self.wholeLimit : Self.errorLimit) {
                endWholeNow()
            }
        case .unary(let watcher):
            switch watcher.feed(bytes) {
            case .broken: return fail(Self.noJSON)
            case _ where collected != nil:
                guard collect(bytes) else { return fail("the answer has more than \(Self.collectedLimit) bytes") }
            case .send(let held):
                begin(Self.json)
                exchange.write(held)
                exchange.write(bytes)
            case .hold: break
            }
        case .stream(let watcher):
            if isBlank, order.wantsStream, !order.isMedia, let first = Self.firstByte(bytes) {
                isBlank = false
                if first == UInt8(ascii: "{") {
                    takeWhole()
                    return body(bytes)
                }
            }
            feed(watcher, bytes)
        case .media:
            begin(Self.json)
            exchange.write(bytes)
        }
    }

    /// Bytes of a whole answer whose text is changed.
    private static let collectedLimit = 64 * 1024 * 1024

    private func collect(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let count = collected?.count, count + bytes.count <= Self.collectedLimit else { return false }
        collected?.append(contentsOf: bytes)
        return true
    }

    private func feed(_ watcher: StreamWatcher, _ bytes: UnsafeRawBufferPointer) {
        let step = watcher.feed(bytes)
        if !step.held.isEmpty || !step.range.isEmpty {
            begin(Self.eventStream)
            if !step.held.isEmpty { exchange.write(step.held) }
            exchange.write(UnsafeRawBufferPointer(rebasing: bytes[step.range]))
        }
        if let failure = step.failure {
            mode = .over
            fail(with: failure, usage: watcher.usageSoFar)
        } else if watcher.isEnded {
            // Now and not at the end of the body: clients hang up as soon as they have seen the mark.
            mode = .over
            exchange.finish(watcher.usage)
        }
    }

    override func end(_ end: HTTPEnd) {
        let mode = mode
        self.mode = .over
        // The exchange is over; there is no one left to tell.
        if end == .cancelled { return }
        switch mode {
        case .over: return
        case .waiting: fail(with: Self.failure(end))
        case .error(let body): endError(body, end)
        case .whole(let watcher, let body): endWhole(watcher, body, end)
        case .unary(let watcher): endUnary(watcher, end)
        case .stream(let watcher): endStream(watcher, end)
        case .media:
            guard end == .complete else { return fail(with: Self.failure(end)) }
            begin(Self.json)
            exchange.finish(TokenUsage())
        }
    }

    private func endError(_ body: [UInt8], _ end: HTTPEnd) {
        let isChosen = KeyAnswer.actsOnKey(order.headers)
        let told = ToldError.body(body)
        if triesNextKey(
            KeyAnswer(status: status, told: told, retryAfterMilliseconds: retryAfter, isChosen: isChosen))
        {
            return
        }
        failed(
            UpstreamError.failure(
                status: status, body: body, retryAfterMilliseconds: retryAfter, location: location, isChosen: isChosen),
            saying: told?.message, isOfPath: MissingPath.isTold(by: body, path: order.path.borrowed.text))
    }

    /// A whole answer becomes the stream that was asked for, away from the event loop if it is large.
    private func endWhole(_ watcher: UnaryWatcher, _ body: [UInt8], _ end: HTTPEnd) {
        guard end == .complete else { return fail(with: Self.failure(end)) }
        guard !watcher.isEmpty else { return fail("the server answered \(status) with nothing in it") }
        if let failure = watcher.failure ?? UpstreamError.insteadOfAnswer(body, unless: watcher.isAnswer) {
            return failedInside(failure)
        }
        let kind = order.kind
        let isTaken = exchange.run(size: body.count) { () -> [UInt8]? in
            guard let answer = try? JSONValue.parse(body, maximumValues: LargeWork.answerValues) else { return nil }
            return WholeStream.events(of: answer, kind: kind)
        } done: { [self] events, state in
            guard state == .alive else { return }
            guard let events else { return fail(Self.noStream) }
            let watcher = StreamWatcher(order.streamMeaning)
            mode = .stream(watcher)
            events.withUnsafeBytes { feed(watcher, $0) }
            guard case .stream = mode else { return }
            mode = .over
            endStream(watcher, .complete)
        }
        if !isTaken { fail(with: LargeRequest.tooMany) }
    }

    /// The server refuses the key, or its limit is reached: sends the same request with the next key, if there is one.
    private func triesNextKey(_ answer: KeyAnswer?) -> Bool {
        tried.insert(key)
        guard let next = backend.keys.next(after: key, tried: tried, answer: answer) else { return false }
        key = next
        mode = .waiting
        status = 0
        retryAfter = 0
        location = nil
        headers = []
        if send() == NEXUS_OK { return true }
        mode = .over
        exchange.fail(
            Failure(kind: NEXUS_FAIL_AUTH, message: "the server refuses the API key, and the next could not be tried"))
        return true
    }

    /// - Parameters:
    ///   - words: the server's own; nil: it had none.
    ///   - isOfPath: they are about the path of the request, and not about what was asked there.
    private func failed(_ failure: Failure, saying words: String?, isOfPath: @autoclosure () -> Bool) {
        guard Endpoint.isMissing(failure), let endpoint = Endpoint.all.first(where: { $0.kind == order.kind }) else {
            return fail(with: failure)
        }
        // Where a kind has several paths, the server may have the others.
        if endpoint.paths.count == 1 { backend.knowledge.withLock { $0.forget(order.kind) } }
        guard endpoint.kind & Endpoint.common == 0 || isOfPath() else { return fail(with: failure) }
        // Not the server's 404, which a client would take for one of a model.
        fail(with: endpoint.missing(status, saying: words, at: order.path.borrowed.text))
    }

    /// The same of an error in an answer that calls itself a success.
    private func failedInside(_ failure: Failure) {
        failed(
            failure, saying: failure.message,
            isOfPath: MissingPath.isTold(
                inside: failure.message, body: failure.body, path: order.path.borrowed.text))
    }

    /// Ends the exchange as failed, with what the server has for the client.
    private func fail(with failure: Failure, usage: TokenUsage = TokenUsage()) {
        var failure = failure
        failure.headers = headers
        exchange.fail(failure, usage: usage)
    }

    private func endUnary(_ watcher: UnaryWatcher, _ end: HTTPEnd) {
        guard end == .complete else { return fail(with: Self.failure(end)) }
        guard !watcher.isEmpty else { return fail("the server answered \(status) with nothing in it") }
        if let failure = watcher.failure { return failedInside(failure) }
        guard watcher.isWhole(order.answerKinds) else { return fail(Self.noJSON) }
        if let failure = watcher.noAnswer { return failedInside(failure) }
        if let collected, let mode = order.thinking { return endCollected(collected, mode, watcher.usage) }
        begin(Self.json)
        exchange.write(watcher.rest)
        exchange.finish(watcher.usage)
    }

    /// Sends a whole answer with its thinking told apart.
    private func endCollected(_ body: [UInt8], _ mode: InlineThinking.Mode, _ usage: TokenUsage) {
        let isTaken = exchange.run(size: body.count) {
            var split = ThinkingSplit(mode)
            let answer = try? JSONValue.parse(body, maximumValues: LargeWork.answerValues)
            return answer.flatMap { split.changed($0, in: "message") }?.bytes ?? body
        } done: { [self] body, state in
            guard state == .alive else { return }
            begin(Self.json)
            exchange.write(body)
            exchange.finish(usage)
        }
        if !isTaken { fail(with: LargeRequest.tooMany) }
    }

    private func endStream(_ watcher: StreamWatcher, _ end: HTTPEnd) {
        let verdict = watcher.finish(isWhole: end == .complete)
        if let failure = verdict.failure {
            return fail(with: end == .complete ? failure : Self.failure(end), usage: watcher.usageSoFar)
        }
        begin(Self.eventStream)
        exchange.write(verdict.rest)
        exchange.finish(watcher.usage)
    }

    private func fail(_ message: String) {
        mode = .over
        fail(with: Failure(kind: NEXUS_FAIL_UPSTREAM, status: status, message: message))
    }

    // MARK: Small things

    private func begin(_ type: LentText) {
        guard !hasBegun else { return }
        hasBegun = true
        exchange.begin(
            status: status, contentType: (contentType ?? type).borrowed, warning: order.warning, headers: headers)
    }

    private static let noStream =
        "the server answered with one JSON text, in which no answer can be read, though a stream was asked for"
    private static let noJSON = "the server's answer is not JSON of the kind that was asked for, or was cut off"
    private static let json = LentText("application/json")
    private static let eventStream = LentText("text/event-stream")
    /// As most servers write them.
    private static let common = ["application/json; charset=utf-8", "text/event-stream; charset=utf-8"].map {
        (bytes: Array($0.utf8), text: LentText($0))
    }

    private var knowsParameters: Bool { backend.host.services.abi_minor >= 2 }

    /// A type as the server wrote it, if there is more to it than the type alone; else nil.
    private func withParameters(_ type: UnsafeRawBufferPointer, _ plain: LentText) -> LentText? {
        // A host from before ABI 1.2 takes them for another type, and holds nothing back.
        guard type.count > plain.borrowed.len, knowsParameters else { return nil }
        return Self.common.first { $0.bytes.count == type.count && $0.bytes.elementsEqual(type) }?.text
            ?? LentText(String(decoding: type, as: UTF8.self))
    }

    /// The first byte that says something, behind a byte order mark and space.
    private static func firstByte(_ bytes: UnsafeRawBufferPointer) -> UInt8? {
        let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        return bytes[start...].first { $0 > 0x20 }
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
