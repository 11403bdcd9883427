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
/// exactly once and last. None is made from inside `UpstreamPool.start` or `UpstreamCall.cancel`.
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
    /// While the connection is being made.
    private weak var connecting: Connecting?
    private let start: NIODeadline
    /// How far the call has come.
    public private(set) var step = UpstreamStep.connecting
    public private(set) var timings = UpstreamTimings()
    /// Set while `UpstreamPool.start` runs, which delivers nothing.
    var isStarting = true
    private var delegate: (any UpstreamCallDelegate)?
    private let loop: any EventLoop
    private(set) var isPaused = false
    /// A byte of the answer has come; the request cannot be sent again unnoticed.
    var answered: Bool { timings.firstByte != nil }

    init(
        head: ByteBuffer, body: ByteBuffer?, bodyless: Bool, delegate: any UpstreamCallDelegate,
        loop: any EventLoop
    ) {
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

    func deliverHead(_ head: ResponseHead, bytes: ByteBuffer) { delegate?.upstreamHead(head, bytes: bytes) }
    func deliverBody(_ bytes: ByteBuffer) { delegate?.upstreamBody(bytes) }
    func deliverReadComplete() { delegate?.upstreamReadComplete() }

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
        connection?.setPaused(paused)
    }
}
