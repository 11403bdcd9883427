import Compression
import Core
import HTTP1
import NIOCore

/// Why an HTTP request to a backend ended.
public enum UpstreamEnd: Sendable, Equatable {
    case complete
    /// No connection; the text names the address and the cause.
    case refused(String)
    /// No connection within the time for it; the text names the address, the time, and whether TCP or TLS did not come.
    case connectTimedOut(String)
    case timedOut(String)
    /// The peer closed before the answer was complete.
    case closed(String)
    /// The peer broke HTTP/1.1 or a limit.
    case garbage(String)
    case cancelled
}

/// Receives the events of one call, on the call's event loop: the head at most once, any number of pieces, the end
/// exactly once and last. Content codings of the body are taken off, and so is a byte order mark of a text. None is made from inside `UpstreamPool.start` or `UpstreamCall.cancel`.
public protocol UpstreamCallDelegate: AnyObject {
    /// The call has come this far. What was reached inside `UpstreamPool.start` is told by `UpstreamCall.step` alone. May come
    /// again from `connecting` on: a kept connection may turn out to be closed.
    func upstreamStep(_ step: UpstreamStep)
    /// `bytes` holds the head that the ranges of `head` refer to.
    func upstreamHead(_ head: ResponseHead, bytes: ByteBuffer)
    func upstreamBody(_ bytes: ByteBuffer)
    /// What was read at once has been delivered: a good moment to flush.
    func upstreamReadComplete()
    func upstreamEnd(_ end: UpstreamEnd)
}

extension UpstreamCallDelegate {
    public func upstreamStep(_ step: UpstreamStep) {}
}

/// One HTTP request under way. Lives on one event loop; not for any other thread.
public final class UpstreamCall {
    /// The head, and the body if that is small.
    let head: ByteBuffer
    /// A body too large to be copied behind the head.
    let body: ByteBuffer?
    /// The request is HEAD.
    let bodyless: Bool
    private(set) weak var connection: UpstreamConnection?
    /// Until a connection is there; `.some(nil)`: any time, nil: what the pool has.
    var connectLimit: TimeAmount??
    /// While the connection is being made.
    private weak var connecting: Connecting?
    private let start: NIODeadline
    private let authority: String
    /// How far the call has come.
    public private(set) var step = UpstreamStep.connecting
    public private(set) var timings = UpstreamTimings()
    /// Set while `UpstreamPool.start` runs, which delivers nothing.
    var isStarting = true
    private var delegate: (any UpstreamCallDelegate)?
    private let loop: any EventLoop
    private(set) var isPaused = false
    /// Set if the answer has content codings.
    private var decoding: AnswerDecoding?
    /// Set until it is settled whether a text begins with one.
    private var mark: ByteOrderMark?
    /// More has come than is decoded in one turn of the loop.
    private var isBehind = false
    /// The rest is decoded in a later turn.
    private var isResuming = false
    /// The answer has come whole.
    private var hasCome = false
    /// Nothing more is to be read for now.
    var holdsReading: Bool { isPaused || isBehind }
    /// A byte of the answer has come; the request cannot be sent again unnoticed.
    var answered: Bool { timings.firstByte != nil }

    /// - Parameter authority: of the server, for messages.
    init(
        head: ByteBuffer, body: ByteBuffer?, bodyless: Bool, authority: String, delegate: any UpstreamCallDelegate,
        loop: any EventLoop
    ) {
        self.authority = authority
        self.head = head
        self.body = body
        self.bodyless = bodyless
        self.delegate = delegate
        self.loop = loop
        start = loop.now
    }

    /// False once the end was delivered or the call was cancelled.
    public var isLive: Bool { delegate != nil }

    func attach(_ connecting: Connecting) {
        connection = nil
        self.connecting = connecting
        timings.reusedConnection = false
        timings.connected = nil
    }

    /// The connection is there.
    func attach(_ connection: UpstreamConnection, isReused: Bool) {
        self.connection = connection
        connecting = nil
        timings.reusedConnection = isReused
        timings.connected = isReused ? 0 : elapsed
        reached(.connected)
    }

    func reached(_ step: UpstreamStep) {
        self.step = step
        if !isStarting { delegate?.upstreamStep(step) }
    }

    /// What came was no answer to this call, which is sent again.
    func forgetAnswer() { timings.firstByte = nil }

    /// A byte of the answer is here.
    func noteAnswer() { if timings.firstByte == nil { timings.firstByte = elapsed } }

    private var elapsed: UInt64 { UInt64(max(0, (loop.now - start).nanoseconds)) }

    func deliverHead(_ head: ResponseHead, bytes: ByteBuffer) {
        if head.isText(bytes) { mark = ByteOrderMark() }
        guard head.hasContentEncoding, head.framing != .none else {
            delegate?.upstreamHead(head, bytes: bytes)
            return
        }
        do throws(ContentCoding.Refusal) {
            let codings = try head.codings(bytes)
            if !codings.isEmpty { decoding = AnswerDecoding(codings) }
        } catch {
            return fail(UnreadableAnswer(error))
        }
        delegate?.upstreamHead(decoding == nil ? head : head.decoded(bytes), bytes: bytes)
    }

    func deliverBody(_ bytes: ByteBuffer) {
        guard decoding == nil else {
            decoding?.add(bytes)
            // What is behind is decoded in its turn.
            if !isBehind { decode() }
            return
        }
        deliverText(bytes)
    }

    func deliverReadComplete() { delegate?.upstreamReadComplete() }

    /// The answer has come whole, and its connection is not this call's any more.
    func allCame() {
        connection = nil
        hasCome = true
        // The end follows what is decoded in later turns.
        if isBehind { deliverReadComplete() } else { finish() }
    }

    private func finish() {
        do throws(UnreadableAnswer) { try decoding?.finish() } catch { return fail(error) }
        if var mark {
            self.mark = nil
            let rest = mark.finish()
            if rest.readableBytes > 0 { delegate?.upstreamBody(rest) }
        }
        deliverReadComplete()
        end(.complete)
    }

    private func deliverText(_ bytes: ByteBuffer) {
        guard var mark else {
            delegate?.upstreamBody(bytes)
            return
        }
        let text = mark.take(bytes)
        self.mark = mark.isSettled ? nil : mark
        if text.readableBytes > 0 { delegate?.upstreamBody(text) }
    }

    // MARK: Content codings

    /// Decodes and delivers what one turn of the loop may; the rest follows in the next one, and nothing is read until then.
    private func decode() {
        var left = AnswerDecoding.Limits.turn
        while isLive, !isPaused, left > 0, decoding?.isDrained == false {
            do throws(UnreadableAnswer) {
                guard let piece = try decoding?.next() else { break }
                // What codings give between one another counts too.
                left -= max(1024, piece.readableBytes, decoding?.worked ?? 0)
                if piece.readableBytes > 0 { deliverText(piece) }
            } catch {
                return fail(error)
            }
        }
        setBehind(isLive && decoding?.isDrained == false)
        if isBehind, !isPaused { decodeLater() }
    }

    private func setBehind(_ behind: Bool) {
        guard behind != isBehind else { return }
        isBehind = behind
        if !isPaused { connection?.setPaused(behind) }
    }

    private func decodeLater() {
        guard !isResuming else { return }
        isResuming = true
        let call = NIOLoopBound(self, eventLoop: loop)
        loop.execute { call.value.resumeDecoding() }
    }

    private func resumeDecoding() {
        isResuming = false
        guard isLive, isBehind else { return }
        decode()
        guard isLive else { return }
        if hasCome, !isBehind { finish() } else { deliverReadComplete() }
    }

    private func fail(_ error: UnreadableAnswer) {
        cancel(as: .garbage("\(authority): its answer \(error.message)"))
    }

    func end(_ end: UpstreamEnd) {
        guard let delegate else { return }
        self.delegate = nil
        connection = nil
        connecting = nil
        guard isStarting else { return delegate.upstreamEnd(end) }
        let box = NIOLoopBound(delegate, eventLoop: loop)
        loop.execute { box.value.upstreamEnd(end) }
    }

    /// Ends the call; its connection is closed unless the answer is complete. The end is delivered in a later turn of the
    /// loop. Nothing else is delivered after this returns.
    /// - Parameter end: what is delivered.
    public func cancel(as end: UpstreamEnd = .cancelled) {
        guard let delegate else { return }
        self.delegate = nil
        abandon()
        let box = NIOLoopBound(delegate, eventLoop: loop)
        loop.execute { box.value.upstreamEnd(end) }
    }

    private func abandon() {
        let (connection, connecting) = (connection, connecting)
        self.connection = nil
        self.connecting = nil
        connection?.abandon(self)
        connecting?.abandon()
    }

    /// Ends the call right now, delivering the end inside. For the owner of the delegate, never for code that a
    /// delegate's event is running.
    public func endNow(_ end: UpstreamEnd) {
        guard delegate != nil else { return }
        abandon()
        self.end(end)
    }

    /// Stops or resumes reading the answer, so that a slow reader fills no memory.
    public func setPaused(_ paused: Bool) {
        guard paused != isPaused else { return }
        isPaused = paused
        if isBehind {
            if !paused { decodeLater() }
        } else {
            connection?.setPaused(paused)
        }
    }
}
