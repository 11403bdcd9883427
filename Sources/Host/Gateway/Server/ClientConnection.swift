import Core
import Dialects
import HTTP1
import Logging
import NIOCore
import NIOSSL
import NIOTLS

/// The HTTP/1.1 framing of one client's connection: reads requests one after another, has `RequestService` answer them, and
/// writes the answers. Requests that a client sends ahead wait in `pending`.
///
/// One rule for all that is written: a client that takes nothing is read no further, and in the end its connection is closed.
final class ClientConnection: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Limits {
        /// Bytes of an answer that may wait for a client which takes nothing.
        static let unsent = 64 * 1024 * 1024
        /// Bytes that a client may send ahead while an answer is under way; beyond that nothing more is read.
        static let ahead = 64 * 1024
        /// Requests that are answered in one turn of the loop, and how long that may take before others have theirs.
        static let requestsAtOnce = 16
        static let turn = TimeAmount.milliseconds(2)
        /// Until the next turn: the loop looks at its sockets in between only if nothing is due at once.
        static let pause = TimeAmount.microseconds(50)
        /// For the TLS handshake.
        static let handshakeTime = TimeAmount.seconds(10)
        /// Without a byte: for a connection beyond the limit of all, and for one that holds up the end of the gateway.
        static let reserveTime = TimeAmount.seconds(2)
        /// Since it was accepted, when the gateway begins to end: who has said nothing by then is not waited for.
        static let firstWordTime = TimeAmount.seconds(1)
        /// When the gateway ends: so that what an idle client has sent just before is seen.
        static let lastWordTime = TimeAmount.milliseconds(20)
        /// Until what was written last has been taken by a client whose connection ends: that, and a second for each so many
        /// bytes.
        static let closeTime = TimeAmount.seconds(120)
        static let closeRate = 16 * 1024
        /// Bytes of a body that are read and dropped, so that the connection can go on, when the request was refused before.
        static let skippedBody = 64 * 1024
        /// A connection without a request is closed after this.
        static let idleTime = TimeAmount.minutes(10)
        /// Bytes of a client's own x-request-id that are taken over.
        static let requestID = 128
        /// Bytes that a request may take without being counted in the memory of all.
        static let uncounted = 4096
    }

    enum Phase {
        case head
        case body(BodyReader)
        /// The request was answered before its body, which is dropped.
        case skipping(BodyReader)
        case answering
        /// The answer is a refusal, and the rest of what the client sends is thrown away.
        case lingering(Lingering)
        /// The rest of what the client sends is not looked at. The connection is closed at the latest by then.
        case closing(by: NIODeadline)
        /// The connection is a WebSocket now.
        case handedOver
    }

    let loop: LoopState
    /// Nil: it is not over TLS.
    let tls: ListenerTLS.Terms?
    /// What the client has shown and proved to have; nil: nothing.
    private var certificate: ClientCertificate?
    var context: ChannelHandlerContext?
    private(set) var service: RequestService?
    var phase = Phase.head
    private var headFinder = HeadEndFinder()
    private var emptyLines = 0
    var pending: ByteBuffer?
    var head = RequestHead()
    /// In whose words this request is answered.
    var dialect = Dialect.openAI
    var requestID = ""
    /// Which pages may read the answer.
    private var crossOrigin = CrossOrigin.untold
    var receiving = ReceiveLimit()
    var lastRead: NIODeadline
    /// Nil once the TLS handshake is done, or where there is none.
    private(set) var handshakeBy: NIODeadline?
    private var hostCheck = HostCheck()
    var keyCheck = KeyCheck()
    /// The pieces of the answer under way are sent as chunks.
    var sendsChunks = false
    /// Of the request under way.
    var requestMemory: MemoryShare
    /// Of what waits to be looked at.
    var aheadMemory: MemoryShare
    /// Of what the client has not taken.
    var answerMemory: MemoryShare
    var stall = WriteStall()
    /// The memory of all was used up when the client took nothing.
    var isOutOfMemory = false
    /// Accepted beyond the limit: for what the gateway answers itself.
    var isReserve = false
    /// The client has more connections than this, which it may have; it is told so.
    private(set) var crowd: Int?
    /// Among the connections of the same client.
    var place: AddressPlace?
    /// A request was read: the client is no stranger any more.
    var hasSpoken = false
    /// The next request waits until the client has taken the answers before.
    var isHeldUp = false
    /// `process` is at work, and goes on with what it has.
    var isProcessing = false
    /// `pending` is looked at in a later turn.
    var isResuming = false
    /// The client has ended its sending side: what it has sent is answered, more does not come.
    var inputIsClosed = false
    /// The head of the answer under way was written.
    var isHeadWritten = false
    var probe = ClosedInputProbe()
    /// The connection is no more; what was read of it is not looked at.
    private(set) var isInactive = false
    /// What the client sends is not read for now.
    var isPaused = false

    /// - Parameter tls: what the connection began with; nil: it is not over TLS.
    init(loop: LoopState, tls: ListenerTLS.Terms? = nil) {
        self.loop = loop
        self.tls = tls
        lastRead = loop.eventLoop.now
        handshakeBy = tls == nil ? nil : lastRead + Limits.handshakeTime
        requestMemory = MemoryShare(of: loop.shared.memory, isForRequest: true)
        aheadMemory = MemoryShare(of: loop.shared.memory, isForRequest: true)
        answerMemory = MemoryShare(of: loop.shared.memory)
    }

    var common: AnswerWriter.Common {
        AnswerWriter.Common(
            requestID: requestID, isModern: head.minorVersion == 1, keepAlive: head.keepAlive && !loop.isDraining,
            crossOrigin: crossOrigin)
    }

    /// One direction of the connection can be closed alone. Not so over TLS.
    var closesHalf: Bool { tls == nil }

    // MARK: Channel

    var now: NIODeadline { loop.eventLoop.now }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        service = RequestService(loop: loop, client: self)
        switch loop.add(self, from: context.channel.remoteAddress) {
        case .ordinary: break
        case .reserve: isReserve = true
        case .crowded(let limit): (isReserve, crowd) = (true, limit)
        case .refused: close()
        }
        trace("client connected")
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        trace("client's connection ended")
        self.context = nil
        // Nothing of it outlives the connection.
        service?.clientGone()
        service = nil
        place = nil
        loop.remove(self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        lastRead = now
        receiving.take(bytes.readableBytes, now: lastRead)
        if case .lingering(var lingering) = phase {
            let goesOn = lingering.take(bytes.readableBytes, now: lastRead)
            phase = .lingering(lingering)
            if !goesOn { close() }
            return
        }
        if var pending {
            self.pending = nil
            pending.discardReadBytes()
            pending.writeBuffer(&bytes)
            bytes = pending
        }
        if isHeldUp || isResuming { keep(bytes) } else { process(bytes) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        service?.setPaused(!isWritable)
        if isWritable {
            _ = answerMemory.set(0)
            if isHeldUp {
                isHeldUp = false
                setReading(true)
                resumeLater()
            }
        }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { endOfInput() }
        if case TLSUserEvent.handshakeCompleted = event { shookHands(context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func shookHands(_ context: ChannelHandlerContext) {
        handshakeBy = nil
        // One that does not come from the authorities has ended the handshake.
        guard let authorities = tls?.authorities,
            let shown = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
        else { return }
        certificate = ClientCertificate(shown, authorities: authorities)
    }

    /// The certificate that makes the client an operator now. A proxy's is not that of those whose requests it passes on.
    var countingCertificate: ClientCertificate? {
        guard let certificate, !head.isForwarded,
            certificate.counts(under: loop.authorities, wall: Clock.wallSeconds())
        else { return nil }
        return certificate
    }

    func channelInactive(context: ChannelHandlerContext) {
        phase = .closing(by: now)
        isInactive = true
        service?.clientGone()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: Reading requests

    func process(_ input: ByteBuffer) {
        var bytes = input
        var heads = 0
        let start = now
        isProcessing = true
        _ = aheadMemory.set(0)
        defer { isProcessing = false }
        // A write that fails ends the connection inside the call that wrote.
        while !isInactive {
            do {
                switch phase {
                case .head:
                    guard !isHeldUp else { return keep(bytes) }
                    if heads >= Limits.requestsAtOnce || heads > 0 && now - start > Limits.turn {
                        keep(bytes)
                        return resumeLater(after: Limits.pause)
                    }
                    heads += 1
                    guard bytes.readableBytes > 0, try readHead(&bytes) else { return wait(bytes) }
                case .body(var reader):
                    // The reader's only reference while it works, or every piece would copy all that came before it.
                    phase = .answering
                    let body = try reader.read(&bytes)
                    guard let body else {
                        phase = .body(reader)
                        guard countRequest(reader.size) else { return refuse(.outOfMemory) }
                        return wait(bytes)
                    }
                    receiving.reset()
                    service?.serve(body)
                case .skipping(var reader):
                    phase = .answering
                    guard let isSkipped = try? reader.read(&bytes) != nil else { return linger() }
                    guard isSkipped else {
                        phase = .skipping(reader)
                        return wait(bytes)
                    }
                    receiving.reset()
                    answered()
                case .answering: return keep(bytes)
                case .closing, .lingering, .handedOver: return
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

    /// More bytes are needed; if none can come the connection ends.
    private func wait(_ bytes: ByteBuffer) {
        if case .head = phase, !countRequest(bytes.readableBytes) { return refuse(.outOfMemory) }
        // A request that was sent ahead begins now. Where nothing has begun, nothing is late.
        if case .head = phase, bytes.readableBytes == 0 { receiving.reset() } else { receiving.take(0, now: now) }
        keep(bytes)
        if inputIsClosed { endOfInput() }
    }

    /// Keeps what cannot be looked at yet, within bounds.
    func keep(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0 else { return }
        // More than is read ahead may be there: the end of the input brings all that came before it.
        guard aheadMemory.set(bytes.readableBytes > Limits.uncounted ? bytes.readableBytes : 0) else { return forget() }
        pending = bytes
        if case .answering = phase, bytes.readableBytes > Limits.ahead { setReading(false) }
    }

    /// Nothing of what was sent ahead is looked at, and the connection ends with its answer.
    private func forget() {
        pending = nil
        _ = aheadMemory.set(0)
        head.keepAlive = false
        if case .head = phase { linger() }
    }

    /// False if the memory of all is used up.
    func countRequest(_ bytes: Int) -> Bool { requestMemory.set(bytes > Limits.uncounted ? bytes : 0) }

    func setReading(_ reading: Bool) {
        isPaused = !reading
        try? context?.channel.syncOptions?.setOption(.autoRead, value: reading)
    }

    /// False: more bytes are needed.
    private func readHead(_ bytes: inout ByteBuffer) throws -> Bool {
        // First: what is wrong with this request must not be told as something of the one before.
        (requestID, dialect, crossOrigin) = ("", .openAI, .untold)
        guard try skipEmptyLines(&bytes) else { return false }
        let finder = headFinder
        var next = finder
        let end = try bytes.withUnsafeReadableBytes { try next.find($0) }
        headFinder = next
        guard let end else { return false }
        guard let headBytes = bytes.readSlice(length: end) else { return false }
        (emptyLines, hasSpoken) = (0, true)
        loop.catchUp()
        head = RequestHead()
        let context = try context(of: headBytes)
        try hostCheck.check(head, headBytes, border: loop.settings.border)
        if let crowd { throw ErrorBody.tooManyFromAddress(crowd) }
        if loop.memoryPressure >= .closing { head.keepAlive = false }
        if isReserve {
            // A place that is soon free again: for one small question.
            head.keepAlive = false
            guard head.framing == .none, !head.upgradesToWebSocket else { throw ErrorBody.outOfDescriptors }
        }
        guard let service else { return false }
        trace(context)
        func text(_ span: Range<Int>?) -> String? {
            span.flatMap { headBytes.getString(at: headBytes.readerIndex + $0.lowerBound, length: $0.count) }
        }
        let admission = service.admit(
            context, upgrades: head.upgradesToWebSocket, isReserve: isReserve, host: text(head.authority ?? head.host))
        let origin = text(head.origin)
        crossOrigin = loop.settings.border.crossOrigin(origin, isForClients: service.isForClients)
        // Who says which backend is asked goes round the operator's rules of routing.
        let isCommand =
            (!service.isForClients || head.backend != nil) && head.method != .get && head.method != .head
            && head.method != .options
        // What comes of a socket a browser lets every page read.
        var isSocket = false
        if case .webSocket = admission { isSocket = true }
        if let origin, isCommand || isSocket {
            guard loop.settings.border.admitsCommand(origin: origin, host: text(head.authority ?? head.host)) else {
                throw ErrorBody.foreignCommand(origin)
            }
        }
        switch admission {
        case .body(let limit): try readBody(limit)
        case .refused(let error): answerUnread(error) { writeError(error, origin: nil) }
        case .answered(let answer): answerUnread(.commandTooLarge(Limits.skippedBody)) { write(answer) }
        case .options(let allow):
            let preflight = Preflight(head, headBytes)
            answerUnread(.commandTooLarge(Limits.skippedBody)) { writeOptions(allow: allow, preflight) }
        case .webSocket(let query): try handOver(headBytes, rest: bytes, query: query, of: context)
        }
        return true
    }

    private func readBody(_ limit: BodyLimit) throws {
        if case .length(let length) = head.framing {
            guard length <= limit.bytes else { throw limit.error }
            guard countRequest(length) else { throw ErrorBody.outOfMemory }
        }
        // First, since a write may bring what the client sends next, or the end of the connection.
        phase = .body(BodyReader(head.framing, limit: limit))
        if head.expectsContinue, head.minorVersion == 1, head.framing != .none {
            write(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"), flush: true)
        }
    }

    /// Answers a request whose body nobody will look at. A small one is read past; for the sake of a large one, or of one that
    /// the client has not begun to send, the connection does not go on.
    /// - Parameters:
    ///   - refusal: what a request with such a body is told.
    ///   - write: writes the answer.
    private func answerUnread(_ refusal: ErrorBody, _ write: () -> Void) {
        let isSmall =
            switch head.framing {
            case .none: true
            case .length(let length): length <= Limits.skippedBody
            case .chunked: true
            }
        guard head.framing == .none || isSmall && !head.expectsContinue && head.keepAlive else {
            return refuse(refusal)
        }
        phase = .answering
        write()
        // The connection may have ended with that.
        guard case .answering = phase else { return }
        guard head.framing != .none else { return answered() }
        phase = .skipping(BodyReader(head.framing, limit: .skipped(Limits.skippedBody)))
    }

    /// Some clients send an empty line behind a body (RFC 9112, section 2.2). False: more bytes are needed to tell.
    private func skipEmptyLines(_ bytes: inout ByteBuffer) throws -> Bool {
        while let first: UInt8 = bytes.getInteger(at: bytes.readerIndex), first == 0x0D {
            guard let second: UInt8 = bytes.getInteger(at: bytes.readerIndex + 1) else { return false }
            emptyLines += 1
            guard second == 0x0A, emptyLines <= HTTPLimits.emptyLines else { throw HTTPParseError.badStartLine }
            bytes.moveReaderIndex(forwardBy: 2)
        }
        return bytes.readableBytes > 0
    }

    // MARK: Answers

    /// The request cannot be understood or is not wanted to its end: answer and close.
    func refuse(_ error: ErrorBody) {
        head.keepAlive = false
        if requestID.isEmpty { requestID = loop.nextRequestID() }
        writeError(error, origin: nil)
        pending = nil
        _ = requestMemory.set(0)
        linger()
    }

    func flush() { context?.flush() }

    /// A committed answer cannot be completed: the client must not take it for whole.
    func abort() {
        phase = .closing(by: now)
        close()
    }

    /// What tells where the answer ends is the connection's end.
    func closeAfterAnswer() { head.keepAlive = false }

    /// Writes what begins with the head of an answer.
    func writeHead(_ bytes: ByteBuffer, flush: Bool) {
        var bytes = bytes
        // A probe may have sent the start of it.
        bytes.moveReaderIndex(forwardBy: probe.startSent)
        isHeadWritten = true
        write(bytes, flush: flush)
    }

    func write(_ bytes: ByteBuffer, flush: Bool) {
        guard let context else { return }
        if flush {
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        } else {
            context.write(wrapOutboundOut(bytes), promise: nil)
        }
    }
}
