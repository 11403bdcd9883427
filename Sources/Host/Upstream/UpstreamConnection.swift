import Core
import HTTP1
import NIOCore
import NIOSSL
import NIOTLS

/// One connection to a server: runs one call at a time, reads its answer, and goes back to the pool.
final class UpstreamConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Reading {
        /// No call: any byte that comes breaks the protocol.
        case nothing
        case head
        case length(Int)
        case chunked(ChunkedDecoder)
        case untilClose
    }

    private let pool: UpstreamPool
    private var context: ChannelHandlerContext?
    private var call: UpstreamCall?
    private var reading = Reading.nothing
    private var headFinder = HeadEndFinder()
    private var head = ResponseHead()
    /// Bytes of an incomplete head.
    private var partial: ByteBuffer?
    /// Set while `partial` is: a head that has begun must end soon.
    private var headTimer: Scheduled<Void>?
    /// Calls run so far; a connection that was used before may have been closed by the server unnoticed.
    private var runs = 0
    private let isTLS: Bool
    /// The TLS handshake is not done.
    private var awaitsHandshake: Bool
    /// Who waits for the end of the handshake.
    private var connecting: Connecting?
    private var failure: UpstreamEnd?
    var idleSince = NIODeadline.uptimeNanoseconds(0)
    /// Of the pool, when the connection was begun.
    let generation: Int

    init(pool: UpstreamPool, isTLS: Bool) {
        self.pool = pool
        self.isTLS = isTLS
        generation = pool.generation
        awaitsHandshake = isTLS
    }

    var isUsable: Bool { context?.channel.isActive == true && call == nil && failure == nil }

    // MARK: For pool and call

    /// Tells when the connection can carry a request, or that it never will.
    func whenReady(_ connecting: Connecting) {
        if context?.channel.isActive != true {
            connecting.failed(failure ?? .refused("\(pool.target.authority): the connection was closed"))
        } else if awaitsHandshake {
            self.connecting = connecting
        } else {
            connecting.isReady()
        }
    }

    func run(_ call: UpstreamCall) {
        guard let context, context.channel.isActive else {
            let pool = pool
            call.end(.closed("\(pool.target.authority): the connection was closed"))
            return
        }
        self.call = call
        call.attach(self, isReused: runs > 0)
        runs += 1
        reading = .head
        if call.holdsReading { setPaused(true) }
        guard let body = call.body else {
            context.writeAndFlush(wrapOutboundOut(call.head), promise: nil)
            // So little fits into the socket. A write that failed may have given the call to another connection.
            if call.step == .connected { call.reached(.written) }
            return
        }
        context.write(wrapOutboundOut(call.head), promise: nil)
        let bound = NIOLoopBound(call, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(body)).whenSuccess {
            if bound.value.step == .connected { bound.value.reached(.written) }
        }
    }

    /// The call needs no more. The rest of its answer is not read.
    func abandon(_ call: UpstreamCall) {
        guard self.call === call else { return }
        self.call = nil
        reading = .nothing
        drop()
    }

    func setPaused(_ paused: Bool) {
        guard let context else { return }
        try? context.channel.syncOptions?.setOption(.autoRead, value: !paused)
        if !paused { context.read() }
    }

    func close() { context?.close(promise: nil) }

    /// Closes it at once, since nobody wants what would come: over TLS too, where an end in good order waits for the server's
    /// part, for which a server that works on a prompt takes its time.
    func drop() {
        guard let context else { return }
        guard isTLS,
            let tls = try? context.pipeline.syncOperations.context(handlerType: NIOSSLClientHandler.self)
        else { return close() }
        // In front of TLS there is TCP alone.
        tls.close(promise: nil)
    }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        UpstreamSockets.open.add(1, ordering: .relaxed)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        endHeadTimer()
        UpstreamSockets.open.subtract(1, ordering: .relaxed)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard call != nil else {
            failure = .garbage("unexpected data")
            close()
            return
        }
        call?.noteAnswer()
        do {
            try consume(&bytes)
        } catch {
            fail(.garbage("\(pool.target.authority): it does not answer in valid HTTP/1.1 (\(error.description))"))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        call?.deliverReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent {
            awaitsHandshake = false
            let connecting = connecting
            self.connecting = nil
            connecting?.isReady()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let connecting {
            self.connecting = nil
            connecting.failed(
                failure
                    ?? .refused("\(pool.target.authority): the server closed the connection during the TLS handshake"))
        }
        if let call {
            if case .untilClose = reading {
                finish()
            } else if !call.answered, runs > 1, call.isLive {
                // The server closed an idle connection just as it was taken: the request was never looked at.
                self.call = nil
                pool.connect(for: call)
            } else {
                fail(
                    failure
                        ?? .closed("\(pool.target.authority): it closed the connection before its answer was complete"))
            }
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if isTLS, call?.answered != true, let words = tlsFailure(error, context) {
            failure = .refused("\(pool.target.authority): \(words)")
        } else if awaitsHandshake, failure == nil {
            failure = .refused("\(pool.target.authority): \(ConnectFailure.describe(error)) during the TLS handshake")
        } else if failure == nil {
            failure = .closed("\(pool.target.authority): \(ConnectFailure.describe(error))")
        }
        context.close(promise: nil)
    }

    private func tlsFailure(_ error: any Error, _ context: ChannelHandlerContext) -> String? {
        let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
        return TLSFailure.describe(error, certificate: certificate, host: pool.target.host)
    }

    // MARK: Reading an answer

    private func consume(_ bytes: inout ByteBuffer) throws(HTTPParseError) {
        while call != nil {
            switch reading {
            case .nothing: return
            case .head:
                guard try readHead(&bytes) else { return }
            case .length(let left):
                let count = min(left, bytes.readableBytes)
                guard count > 0 else { return }
                reading = .length(left - count)
                if let slice = bytes.readSlice(length: count) { call?.deliverBody(slice) }
                if left == count { finish(leftover: bytes.readableBytes) }
            case .chunked(var decoder):
                let data = try readChunks(&bytes, &decoder)
                reading = .chunked(decoder)
                let done = decoder.isDone
                if let data { call?.deliverBody(data) }
                if done { finish(leftover: bytes.readableBytes) } else { return }
            case .untilClose:
                if bytes.readableBytes > 0 { call?.deliverBody(bytes) }
                return
            }
        }
    }

    /// False: more bytes are needed.
    private func readHead(_ bytes: inout ByteBuffer) throws(HTTPParseError) -> Bool {
        if var partial {
            partial.writeBuffer(&bytes)
            bytes = partial
            self.partial = nil
        }
        guard bytes.readableBytes > 0 else { return false }
        guard let length = try Self.findEnd(bytes, &headFinder) else {
            partial = bytes
            if headTimer == nil { beginHeadTimer() }
            return false
        }
        endHeadTimer()
        guard let headBytes = bytes.readSlice(length: length), let call else { return false }
        try Self.parse(headBytes, into: &head, bodyless: call.bodyless)
        if isUnasked(head, by: call) {
            self.call = nil
            reading = .nothing
            close()
            call.forgetAnswer()
            pool.connect(for: call)
            return false
        }
        if head.isInterim { return true }
        switch head.framing {
        case .none: reading = .length(0)
        case .length(let length): reading = .length(length)
        case .chunked: reading = .chunked(ChunkedDecoder())
        case .untilClose: reading = .untilClose
        }
        call.deliverHead(head, bytes: headBytes)
        if case .none = head.framing, self.call != nil { finish(leftover: bytes.readableBytes) }
        return true
    }

    /// A server ends a connection that has been idle for too long for it, and some say so with 408 before they close it (RFC
    /// 9110, section 15.5.9). Just as a request was sent, that looks like its answer; the request was never looked at.
    private func isUnasked(_ head: ResponseHead, by call: UpstreamCall) -> Bool {
        guard head.status == 408, runs > 1 else { return false }
        return call.timings.firstByte ?? .max < UpstreamPool.Limits.unaskedTime
    }

    private func beginHeadTimer() {
        guard let context else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        headTimer = context.eventLoop.scheduleTask(in: pool.headLimit) { bound.value.expireHead() }
    }

    private func endHeadTimer() {
        headTimer?.cancel()
        headTimer = nil
    }

    private func expireHead() {
        headTimer = nil
        guard let call, partial != nil else { return }
        // The rest may be there, unread.
        guard !call.isPaused else { return beginHeadTimer() }
        let limit = Duration.nanoseconds(pool.headLimit.nanoseconds).inSeconds
        fail(.timedOut("\(pool.target.authority): it began to answer, and its head had no end within \(limit)"))
    }

    /// The data of all chunks that are there: one chunk is passed as a slice, several are put together, so that what
    /// was read at once crosses the layers above once.
    private func readChunks(
        _ bytes: inout ByteBuffer, _ decoder: inout ChunkedDecoder
    ) throws(HTTPParseError) -> ByteBuffer? {
        var single: ByteBuffer?
        var joined: ByteBuffer?
        while bytes.readableBytes > 0, !decoder.isDone {
            let (consumed, data) = try Self.next(bytes, &decoder)
            if !data.isEmpty, let slice = bytes.getSlice(at: bytes.readerIndex + data.lowerBound, length: data.count) {
                if var target = joined {
                    joined = nil
                    target.writeImmutableBuffer(slice)
                    joined = target
                } else if let first = single {
                    var target = ByteBuffer()
                    target.reserveCapacity(first.readableBytes + bytes.readableBytes)
                    target.writeImmutableBuffer(first)
                    target.writeImmutableBuffer(slice)
                    joined = target
                    single = nil
                } else {
                    single = slice
                }
            }
            bytes.moveReaderIndex(forwardBy: consumed)
        }
        return joined ?? single
    }

    private func finish(leftover: Int = 0) {
        guard let call else { return }
        self.call = nil
        reading = .nothing
        if head.keepAlive && leftover == 0 {
            if call.holdsReading { setPaused(false) }
            pool.release(self)
        } else {
            close()
        }
        call.allCame()
    }

    private func fail(_ end: UpstreamEnd) {
        guard let call else { return }
        self.call = nil
        reading = .nothing
        failure = end
        close()
        call.end(end)
    }

    // MARK: Typed throws across NIO's closures

    private static func findEnd(
        _ bytes: ByteBuffer, _ finder: inout HeadEndFinder
    ) throws(HTTPParseError) -> Int? {
        let result = bytes.withUnsafeReadableBytes { bytes in
            Result { () throws(HTTPParseError) in try finder.find(bytes) }
        }
        return try result.get()
    }

    private static func parse(
        _ bytes: ByteBuffer, into head: inout ResponseHead, bodyless: Bool
    ) throws(HTTPParseError) {
        let result = bytes.withUnsafeReadableBytes { bytes in
            Result { () throws(HTTPParseError) in try head.parse(bytes, bodyless: bodyless) }
        }
        try result.get()
    }

    private static func next(
        _ bytes: ByteBuffer, _ decoder: inout ChunkedDecoder
    ) throws(HTTPParseError) -> (consumed: Int, data: Range<Int>) {
        let result = bytes.withUnsafeReadableBytes { bytes in
            Result { () throws(HTTPParseError) in try decoder.next(bytes) }
        }
        return try result.get()
    }
}
