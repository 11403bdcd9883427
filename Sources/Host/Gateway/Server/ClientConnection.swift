import Adapters
import Core
import HTTP1
import NIOCore

/// One client's connection: reads requests one after another, answers those for the gateway itself, and hands the others
/// to an `Exchange`. Requests that a client sends ahead wait in `pending`.
final class ClientConnection: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Limits {
        /// Bytes that a client may send ahead while an answer is under way; beyond that nothing more is read.
        static let ahead = 64 * 1024
        /// A head, or the next piece of a body, must come within this.
        static let receiveTime = TimeAmount.seconds(60)
        /// A connection without a request is closed after this.
        static let idleTime = TimeAmount.minutes(10)
        /// Bytes of a client's own x-request-id that are taken over.
        static let requestID = 128
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
    private var head = RequestHead()
    private var headBytes = ByteBuffer()
    private var path = ""
    private var query = ""
    private var arrival = NIODeadline.now()
    private var lastRead = NIODeadline.now()
    private var exchange: Exchange?
    private var sendsChunks = false
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
        let exchange = exchange
        self.exchange = nil
        exchange?.clientGone()
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
        head = RequestHead()
        try headBytes.withUnsafeReadableBytes { bytes in
            head = try RequestHead.parse(bytes)
            let target = UnsafeRawBufferPointer(rebasing: bytes[head.target])
            let mark = target.firstIndex(of: UInt8(ascii: "?")) ?? target.count
            path = String(decoding: target[..<mark], as: UTF8.self)
            query = mark < target.count ? String(decoding: target[(mark + 1)...], as: UTF8.self) : ""
            requestID = Self.requestID(head.requestID.map { UnsafeRawBufferPointer(rebasing: bytes[$0]) })
        }
        if requestID.isEmpty { requestID = loop.nextRequestID() }
        self.headBytes = headBytes
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
        case (.exchange, _): methodNotAllowed(route)
        case (.reload, .post):
            guard isAllowedToChange else { return refuseForeignOrigin() }
            let state = loop.shared
            answerLater { await state.localAnswers.reload() }
        case (.reload, _): methodNotAllowed(route)
        case (.webSocket, .get):
            refuseKeeping(
                ErrorBody(status: 400, message: "This path speaks WebSocket only; send an upgrade request."))
        case (_, .get), (_, .head): answerLocally(route)
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
        let peek: RequestPeek
        do {
            peek = try body.withUnsafeReadableBytes { bytes in
                try RequestScanner.scan(bytes)
            }
        } catch let error as RequestPeekError {
            return refuseRecorded(ErrorBody(error))
        } catch {
            return close()
        }
        // An answer may take long; what was read with the head need not wait with it.
        headBytes = ByteBuffer()
        let model = loop.router.resolved(peek.model)
        let body = model == peek.model ? body : ModelSubstitution.replace(peek.modelSpan, by: model, in: body)
        let exchange = Exchange(
            kind: kind, peek: peek, model: model, body: body, arrival: arrival, connection: self, loop: loop)
        self.exchange = exchange
        exchange.start()
    }

    /// Refused before a backend could be chosen; recorded all the same.
    private func refuseRecorded(_ error: ErrorBody) {
        var entry = HistoryEntry(
            timestamp: Clock.wallSeconds(), model: "", backendID: HistoryEntry.noBackend, durationMilliseconds: 0,
            status: .error, errorMessage: error.message)
        entry.requestID = requestID
        entry.statusCode = error.status
        loop.shared.journal.record(entry)
        refuseKeeping(error)
    }

    /// A page of another site may not change anything here: browsers say where a request with an effect comes from
    /// (Fetch standard, "append a request Origin header").
    private var isAllowedToChange: Bool {
        OriginCheck.allows(origin: origin, host: host, configured: loop.settings.allowedOrigins)
    }

    private func refuseForeignOrigin() {
        refuseKeeping(
            ErrorBody(
                status: 403,
                message: "A page of this origin may not change anything here; add it to "
                    + "server.allowed_origins.", type: "permission_error", code: "origin_not_allowed"))
    }

    private func answerLocally(_ route: Route) { send(loop.shared.localAnswers.answer(route, query: query)) }

    /// Answers with what is made on other threads; until then nothing more is read of this connection's requests.
    private func answerLater(_ make: @escaping @Sendable () async -> LocalAnswer) {
        let eventLoop = loop.eventLoop
        let connection = NIOLoopBound(self, eventLoop: eventLoop)
        Task {
            let answer = await make()
            eventLoop.execute { connection.value.send(answer) }
        }
    }

    private func send(_ answer: LocalAnswer) {
        guard case .answering = phase else { return }
        var writer = AnswerWriter(status: answer.status, common: common, bodyCapacity: answer.body.count)
        writer.field("content-type", answer.contentType)
        for (name, value) in answer.fields { writer.field(name, value) }
        writer.endHead(length: answer.body.count)
        if head.method != .head { writer.body(answer.body) }
        write(writer.bytes, flush: true)
        answered()
    }

    private func handOver(raw: ByteBuffer) throws -> Bool {
        guard OriginCheck.allows(origin: origin, host: host, configured: loop.settings.allowedOrigins) else {
            throw ErrorBody(
                status: 403, message: "This origin may not open a WebSocket here; add it to server.allowed_origins.",
                type: "permission_error", code: "origin_not_allowed")
        }
        guard let context else { return false }
        phase = .handedOver
        let after = WebSocketQuery.after(query)
        try WebSocketUpgrade.takeOver(context: context, handler: self, request: raw, loop: loop, after: after)
        return true
    }

    private var origin: String? { text(head.origin) }
    private var host: String? { text(head.host) }

    private func text(_ field: Range<Int>?) -> String? {
        field.flatMap { headBytes.getString(at: headBytes.readerIndex + $0.lowerBound, length: $0.count) }
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

    func writeError(_ error: ErrorBody, origin: AnswerOrigin?) {
        let json = error.json
        var writer = AnswerWriter(status: error.status, common: common, bodyCapacity: json.count)
        if let origin { writer.origin(origin) }
        if let seconds = error.retryAfter { writer.field("retry-after", seconds) }
        if let allow = error.allow { writer.field("allow", allow) }
        writer.contentType(.json)
        writer.endHead(length: json.count)
        if head.method != .head { writer.body(json) }
        write(writer.bytes, flush: true)
    }

    /// Passes a server's own error answer on.
    func writeFailure(_ failure: ExchangeFailure, origin: AnswerOrigin) {
        var writer = AnswerWriter(status: failure.clientStatus, common: common, bodyCapacity: failure.body.count)
        writer.origin(origin)
        if failure.retryAfterMilliseconds > 0 {
            writer.field("retry-after", Int(min(failure.retryAfterMilliseconds / 1000 + 1, 86400)))
        }
        writer.contentType(.json)
        writer.endHead(length: failure.body.count)
        writer.body(failure.body)
        write(writer.bytes, flush: true)
    }

    func writeWhole(status: Int, type: AnswerType, origin: AnswerOrigin, body: ByteBuffer) {
        var body = body
        var writer = AnswerWriter(status: status, common: common, bodyCapacity: body.readableBytes)
        writer.origin(origin)
        writer.contentType(type)
        writer.endHead(length: body.readableBytes)
        writer.body(&body)
        write(writer.bytes, flush: true)
    }

    func beginPieces(status: Int, type: AnswerType, origin: AnswerOrigin, first: ByteBuffer) {
        var first = first
        var writer = AnswerWriter(status: status, common: common, bodyCapacity: first.readableBytes + 16)
        writer.origin(origin)
        writer.contentType(type)
        sendsChunks = writer.endHeadOfPieces()
        if !sendsChunks { head.keepAlive = false }
        var bytes = writer.bytes
        if sendsChunks { AnswerWriter.chunk(&first, into: &bytes) } else { bytes.writeBuffer(&first) }
        write(bytes, flush: false)
    }

    func writePiece(_ piece: inout ByteBuffer) {
        guard sendsChunks else { return write(piece, flush: false) }
        var bytes = ByteBuffer()
        bytes.reserveCapacity(piece.readableBytes + 16)
        AnswerWriter.chunk(&piece, into: &bytes)
        write(bytes, flush: false)
    }

    func flush() { context?.flush() }

    func endPieces(errorEvent: [UInt8]? = nil) {
        var bytes = ByteBuffer()
        if let errorEvent {
            var event = ByteBuffer()
            event.writeStaticString("data: ")
            event.writeBytes(errorEvent.filter { $0 != 0x0A && $0 != 0x0D })
            event.writeStaticString("\n\n")
            if sendsChunks { AnswerWriter.chunk(&event, into: &bytes) } else { bytes.writeBuffer(&event) }
        }
        if sendsChunks { bytes.writeStaticString("0\r\n\r\n") }
        write(bytes, flush: true)
    }

    /// A committed answer cannot be completed: the client must not take it for whole.
    func abort() {
        phase = .closing
        close()
    }

    private func write(_ bytes: ByteBuffer, flush: Bool) {
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
        exchange?.stop()
        close()
    }
}
