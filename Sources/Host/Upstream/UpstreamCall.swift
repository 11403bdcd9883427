import HTTP1
import NIOCore

/// Why an HTTP request to a backend ended.
public enum UpstreamEnd: Sendable, Equatable {
    case complete
    /// No connection; the text names the address and the cause.
    case refused(String)
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
    /// `bytes` holds the head that the ranges of `head` refer to.
    func upstreamHead(_ head: ResponseHead, bytes: ByteBuffer)
    func upstreamBody(_ bytes: ByteBuffer)
    /// What was read at once has been delivered: a good moment to flush.
    func upstreamReadComplete()
    func upstreamEnd(_ end: UpstreamEnd)
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
    private var delegate: (any UpstreamCallDelegate)?
    private let loop: any EventLoop
    private(set) var isPaused = false
    /// A byte of the answer has come; the request cannot be sent again unnoticed.
    var answered = false

    init(
        head: ByteBuffer, body: ByteBuffer?, bodyless: Bool, delegate: any UpstreamCallDelegate,
        loop: any EventLoop
    ) {
        self.head = head
        self.body = body
        self.bodyless = bodyless
        self.delegate = delegate
        self.loop = loop
    }

    /// False once the end was delivered or the call was cancelled.
    public var isLive: Bool { delegate != nil }

    func attach(_ connection: UpstreamConnection) { self.connection = connection }

    func deliverHead(_ head: ResponseHead, bytes: ByteBuffer) { delegate?.upstreamHead(head, bytes: bytes) }
    func deliverBody(_ bytes: ByteBuffer) { delegate?.upstreamBody(bytes) }
    func deliverReadComplete() { delegate?.upstreamReadComplete() }

    func end(_ end: UpstreamEnd) {
        guard let delegate else { return }
        self.delegate = nil
        connection = nil
        delegate.upstreamEnd(end)
    }

    /// Ends the call; its connection is closed unless the answer is complete. The end is delivered in a later turn of the
    /// loop. Nothing else is delivered after this returns.
    public func cancel() {
        guard let delegate else { return }
        self.delegate = nil
        let connection = connection
        self.connection = nil
        connection?.abandon(self)
        let box = NIOLoopBound(delegate, eventLoop: loop)
        loop.execute { box.value.upstreamEnd(.cancelled) }
    }

    /// Ends the call right now, delivering the end inside. For the owner of the delegate, never for code that a
    /// delegate's event is running.
    public func endNow(_ end: UpstreamEnd) {
        guard delegate != nil else { return }
        connection?.abandon(self)
        self.end(end)
    }

    /// Stops or resumes reading the answer, so that a slow reader fills no memory.
    public func setPaused(_ paused: Bool) {
        guard paused != isPaused else { return }
        isPaused = paused
        connection?.setPaused(paused)
    }
}
