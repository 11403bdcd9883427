import Adapters
import Core
import Dialects
import HTTP1
import NIOCore

/// One client's connection: reads requests one after another, answers those for the gateway itself, and hands the others
/// to an `Exchange`. Requests that a client sends ahead wait in `pending`.
final class ClientConnection: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Limits {
        /// Bytes of an answer that may wait for a client which takes nothing.
        static let unsent = 64 * 1024 * 1024
        /// Bytes that a client may send ahead while an answer is under way; beyond that nothing more is read.
        static let ahead = 64 * 1024
        /// A head, or the next piece of a body, must come within this.
        static let receiveTime = TimeAmount.seconds(60)
        /// A connection without a request is closed after this.
        static let idleTime = TimeAmount.minutes(10)
        /// Bytes of a client's own x-request-id that are taken over.
        static let requestID = 128
        /// Bytes of what is asked of the gateway itself: a name of a model, the arguments of an action.
        static let command = 64 * 1024
    }

    private enum Phase {
        case head
        case body(BodyReader)
        case answering
        /// The rest of what the client sends is not looked at.
        case closing
        /// The connection is a WebSocket now.
        case handedOver
    }

    let loop: LoopState
    private var context: ChannelHandlerContext?
    private var phase = Phase.head
    private var headFinder = HeadEndFinder()
    private var pending: ByteBuffer?
    private(set) var head = RequestHead()
    private(set) var path = ""
    /// In whose words this request is answered.
    private(set) var dialect = Dialect.openAI
    private var contentType = ""
    private var query = ""
    private var arrival = NIODeadline.now()
    private var lastRead = NIODeadline.now()
    private var exchange: Exchange?
    private var later: LaterAnswer?
    private var preparation: RequestPreparation?
    /// The request comes from a page of another site, which may not change anything here.
    private var isForeign = false
    /// The pieces of the answer under way are sent as chunks.
    var sendsChunks = false
    private(set) var requestID = ""

    init(loop: LoopState) { self.loop = loop }

    var common: AnswerWriter.Common {
        AnswerWriter.Common(
            requestID: requestID, isModern: head.minorVersion == 1, keepAlive: head.keepAlive && !loop.isDraining)
    }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        loop.remove(self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        lastRead = .now()
        if var pending {
            self.pending = nil
            pending.writeBuffer(&bytes)
            bytes = pending
        }
        process(bytes)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        exchange?.setPaused(!context.channel.isWritable)
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        phase = .closing
        let (exchange, later, preparation) = (exchange, later, preparation)
        self.exchange = nil
        self.later = nil
        self.preparation = nil
        preparation?.clientGone()
        exchange?.clientGone()
        later?.clientGone()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: Reading requests

    private func process(_ input: ByteBuffer) {
        var bytes = input
        while true {
            do {
                switch phase {
                case .head:
                    guard bytes.readableBytes > 0, try readHead(&bytes) else { return keep(bytes) }
                case .body(var reader):
                    // The reader's only reference while it works, or every piece would copy all that came before it.
                    phase = .answering
                    let body = try reader.read(&bytes)
                    guard let body else {
                        phase = .body(reader)
                        return keep(bytes)
                    }
                    dispatch(body)
                case .answering: return keep(bytes)
                case .closing, .handedOver: return
                }
            } catch let error as HTTPParseError {
                return refuse(ErrorBody(error))
            } catch let error as ErrorBody {
                return refuse(error)
            } catch {
                return close()
            }
        }
    }

    /// Keeps what cannot be looked at yet, within bounds.
    private func keep(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0 else { return }
        pending = bytes
        if case .answering = phase, bytes.readableBytes > Limits.ahead { setReading(false) }
    }

    private func setReading(_ reading: Bool) {
        try? context?.channel.syncOptions?.setOption(.autoRead, value: reading)
    }

    /// False: more bytes are needed.
    private func readHead(_ bytes: inout ByteBuffer) throws -> Bool {
        let finder = headFinder
        var next = finder
        let end = try bytes.withUnsafeReadableBytes { try next.find($0) }
        headFinder = next
        guard let end else { return false }
        arrival = .now()
        let raw = bytes
        guard let headBytes = bytes.readSlice(length: end) else { return false }
        requestID = ""
        dialect = .openAI
        head = RequestHead()
        try headBytes.withUnsafeReadableBytes { bytes in
            head = try RequestHead.parse(bytes)
            let target = UnsafeRawBufferPointer(rebasing: bytes[head.target])
            let mark = target.firstIndex(of: UInt8(ascii: "?")) ?? target.count
            path = String(decoding: target[..<mark], as: UTF8.self)
            dialect = Dialect(path: path)
            // Of interest where a form may come; a text for each request costs too much.
            let mayBeForm = path.hasPrefix("/v1/audio/") || path.hasPrefix("/v1/images/")
            contentType = mayBeForm ? head.contentType.map { String(decoding: bytes[$0], as: UTF8.self) } ?? "" : ""
            query = mark < target.count ? String(decoding: target[(mark + 1)...], as: UTF8.self) : ""
            requestID = Self.requestID(head.requestID.map { UnsafeRawBufferPointer(rebasing: bytes[$0]) })
        }
        if requestID.isEmpty { requestID = loop.nextRequestID() }
        isForeign = head.origin != nil && !allowsOrigin(headBytes)
        if path == "/ws", head.method == .get, head.upgradesToWebSocket {
            return try handOver(raw: raw)
        }
        let limit = loop.settings.maximumBody
        if case .length(let length) = head.framing, length > limit { throw ErrorBody.bodyTooLarge(limit) }
        if head.expectsContinue, head.framing != .none {
            write(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"), flush: true)
        }
        phase = .body(BodyReader(head.framing, limit: limit))
        return true
    }

    /// A client's own id is taken over if it is short and printable.
    private static func requestID(_ given: UnsafeRawBufferPointer?) -> String {
        guard let given, (1...Limits.requestID).contains(given.count),
            given.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return "" }
        return String(decoding: given, as: UTF8.self)
    }

    private func dispatch(_ body: ByteBuffer) {
        phase = .answering
        guard let route = Route(path: path) else {
            return refuseKeeping(
                ErrorBody(
                    status: 404, message: "Unknown path \(EntryLimits.cut(path, to: 200)); see GET / for what is here.",
                    code: "unknown_path"))
        }
        switch (route, head.method) {
        case (.exchange(let kind), .post): startExchange(kind, body)
        case (.ollamaShow, .post), (.runAction, .post):
            guard body.readableBytes <= Limits.command else { return refuseKeeping(.commandTooLarge(Limits.command)) }
            if route == .ollamaShow { showModel(body) } else { command(route, head.method, body) }
        case (.ollamaShow, _): methodNotAllowed(route)
        case (.ollamaManagement, _): refuseKeeping(.ollamaManagement(path))
        case (.storedResponse, _): refuseKeeping(.storedResponse)
        case (.exchange, _): methodNotAllowed(route)
        case (.webSocket, .get):
            refuseKeeping(
                ErrorBody(status: 400, message: "This path speaks WebSocket only; send an upgrade request."))
        case (.reload, .get), (.reload, .head), (.runAction, .get), (.runAction, .head), (.action, .get),
            (.action, .head):
            methodNotAllowed(route)
        case (_, .get), (_, .head): answerLocally(route)
        case (_, let method) where route.isCommand(method): command(route, method, body)
        default: methodNotAllowed(route)
        }
    }

    private func methodNotAllowed(_ route: Route) {
        refuseKeeping(
            ErrorBody(
                status: 405, message: "This path takes \(route.allow) only.", code: "method_not_allowed",
                allow: route.allow))
    }

    private func startExchange(_ kind: RequestKind, _ body: ByteBuffer) {
        let draft = RequestDraft(kind: kind, path: path, contentType: contentType, body: body)
        guard draft.isLarge else {
            let loop = loop
            return prepared(Result { () throws(RequestPeekError) in try draft.request(resolve: loop.resolved) })
        }
        preparation = RequestPreparation.start(draft, for: self)
        if preparation == nil { refuseRecorded(.overloaded) }
    }

    /// The body of the request under way was looked into.
    func prepared(_ result: Result<ClientRequest, RequestPeekError>) {
        preparation = nil
        switch result {
        case .failure(let error): refuseRecorded(ErrorBody(error))
        case .success(let request):
            let exchange = Exchange(request, arrival: arrival, connection: self, loop: loop)
            self.exchange = exchange
            exchange.start()
        }
    }

    /// Refused before a backend could be chosen; recorded all the same.
    func refuseRecorded(_ error: ErrorBody) {
        record(error)
        refuseKeeping(error)
    }

    /// Records a request for which no backend was chosen.
    func record(_ error: ErrorBody) {
        let milliseconds = (NIODeadline.now() - arrival).nanoseconds / 1_000_000
        var entry = HistoryEntry(
            timestamp: Clock.wallSeconds(), model: "", backendID: HistoryEntry.noBackend,
            durationMilliseconds: UInt64(max(0, milliseconds)), status: .error, errorMessage: error.message)
        entry.requestID = requestID
        entry.statusCode = error.status
        entry.endpoint = path
        loop.shared.journal.record(entry)
    }

    private func answerLocally(_ route: Route) {
        let (answers, query) = (loop.shared.localAnswers, query)
        answer(size: answers.size(of: route)) { answers.answer(route, query: query) }
    }

    /// Makes an answer here if it is small, else on another thread.
    private func answer(size: Int, _ make: @escaping @Sendable () -> LocalAnswer) {
        guard size > LocalAnswers.inlineLimit else { return answer(make()) }
        let later = LaterAnswer(connection: self)
        self.later = later
        let remote = later.remote
        if !WorkPool.gateway.submit(size: size, { remote.answer(make()) }) { later.answer(.error(.overloaded)) }
    }

    private func answer(_ answer: LocalAnswer) {
        write(answer)
        answered()
    }

    private func showModel(_ body: ByteBuffer) {
        let answers = OllamaAnswers(state: loop.shared)
        answer(size: loop.shared.localAnswers.size(of: .ollama(.tags))) { answers.show(body) }
    }

    private func command(_ route: Route, _ method: RequestHead.Method, _ body: ByteBuffer) {
        guard !isForeign else { return refuseKeeping(.foreignOrigin("change anything")) }
        let later = LaterAnswer(connection: self)
        self.later = later
        let command = OperatorCommand(
            route: route, method: method, query: query, body: body, wantsEvents: head.acceptsEventStream)
        loop.shared.operatorAnswers.run(command, later)
    }

    private func allowsOrigin(_ headBytes: ByteBuffer) -> Bool {
        func text(_ span: Range<Int>?) -> String? {
            span.flatMap { headBytes.getString(at: headBytes.readerIndex + $0.lowerBound, length: $0.count) }
        }
        return OriginCheck.allows(
            origin: text(head.origin), host: text(head.host), configured: loop.settings.allowedOrigins)
    }

    private func handOver(raw: ByteBuffer) throws -> Bool {
        guard !isForeign else { throw ErrorBody.foreignOrigin("open a WebSocket") }
        guard let context else { return false }
        phase = .handedOver
        let after = WebSocketQuery.after(query)
        try WebSocketUpgrade.takeOver(context: context, handler: self, request: raw, loop: loop, after: after)
        return true
    }

    // MARK: Answers

    /// The request cannot be understood or is not wanted to its end: answer and close.
    private func refuse(_ error: ErrorBody) {
        head.keepAlive = false
        if requestID.isEmpty { requestID = loop.nextRequestID() }
        writeError(error, origin: nil)
        phase = .closing
        pending = nil
        closeAfterFlush()
    }

    private func refuseKeeping(_ error: ErrorBody) {
        writeError(error, origin: nil)
        answered()
    }

    func flush() { context?.flush() }

    /// A committed answer cannot be completed: the client must not take it for whole.
    func abort() {
        phase = .closing
        close()
    }

    /// What tells where the answer ends is the connection's end.
    func closeAfterAnswer() { head.keepAlive = false }

    func write(_ bytes: ByteBuffer, flush: Bool) {
        guard let context else { return }
        if flush {
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        } else {
            context.write(wrapOutboundOut(bytes), promise: nil)
        }
    }

    // MARK: After an answer

    func exchangeEnded() {
        exchange = nil
        answered()
    }

    func laterAnswerEnded() {
        later = nil
        answered()
    }

    /// Asked before each piece of an answer: cheap while the client takes what comes.
    var isOverfull: Bool {
        guard let context, !context.channel.isWritable else { return false }
        let waiting = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)
        return (waiting ?? 0) > Limits.unsent
    }

    var isWritable: Bool { context?.channel.isWritable ?? false }

    private func answered() {
        guard case .answering = phase else { return }
        guard head.keepAlive, !loop.isDraining else {
            phase = .closing
            return closeAfterFlush()
        }
        phase = .head
        lastRead = .now()
        guard let pending else { return }
        self.pending = nil
        setReading(true)
        // A later turn: this one may be inside an event of the exchange that has just ended.
        let bound = NIOLoopBound((self, pending), eventLoop: loop.eventLoop)
        loop.eventLoop.execute {
            let (connection, pending) = bound.value
            connection.resume(pending)
        }
    }

    private func resume(_ bytes: ByteBuffer) {
        var bytes = bytes
        if var later = pending {
            pending = nil
            bytes.writeBuffer(&later)
        }
        process(bytes)
    }

    private func closeAfterFlush() {
        guard let context else { return }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
            bound.value.close(promise: nil)
        }
    }

    func close() { context?.close(promise: nil) }

    // MARK: Called by the loop

    func keepAlive(after interval: TimeAmount, now: NIODeadline) { exchange?.keepAlive(after: interval, now: now) }

    /// Closes the connection if it has been silent for too long.
    func sweep(now: NIODeadline) {
        switch phase {
        case .head where pending == nil: if now - lastRead > Limits.idleTime { close() }
        case .head, .body:
            if now - lastRead > Limits.receiveTime {
                refuse(
                    ErrorBody(
                        status: 408, message: "The request did not come within 60 seconds.", code: "request_timeout"))
            }
        case .answering, .closing, .handedOver: break
        }
    }

    /// The gateway drains: what is idle is closed, what is under way ends with this answer.
    func drain() {
        if case .head = phase { close() }
    }

    /// The gateway waits no longer.
    func stop() {
        let preparation = preparation
        self.preparation = nil
        preparation?.stop()
        exchange?.stop()
        close()
    }
}
