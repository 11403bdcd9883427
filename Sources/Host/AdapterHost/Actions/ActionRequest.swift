import HTTP1
import NIOCore
import PluginAPI
import Synchronization
import Upstream

/// One HTTP request of an action: it runs on some event loop, and its events are taken by the action's own thread.
final class ActionRequest: Sendable {
    private let pipe = EventPipe()
    private let services: NIOLoopBound<LoopServices>
    private let loop: any EventLoop
    private let backend: AdapterBackend
    private let isCancelled = Atomic<Bool>(false)
    private let courier: NIOLoopBoundBox<Courier?>

    /// Nil if there is no event loop.
    init?(backend: AdapterBackend) {
        guard let services = LoopServices.some() else { return nil }
        self.services = services
        self.backend = backend
        loop = services.eventLoop
        courier = .makeBoxSendingValue(nil, eventLoop: loop)
    }

    /// Sends the request. `deliver` always gets its end.
    /// - Parameter milliseconds: until it is over.
    func start(_ prepared: HTTPStart.Prepared, milliseconds: Int64) {
        loop.execute { [self] in
            guard !isCancelled.load(ordering: .sequentiallyConsistent) else {
                _ = pipe.push(.end(.cancelled, UpstreamTimings()))
                return
            }
            let pool = services.value.pool(of: backend)
            let courier = Courier(
                pipe: pipe, loop: loop, pool: pool, redirects: Redirects(prepared.head, target: backend.target),
                isBodyless: prepared.bodyless)
            self.courier.value = courier
            courier.call = pool.start(
                head: prepared.head, body: prepared.body, bodyless: prepared.bodyless, delegate: courier)
            let authority = backend.target.authority
            let bound = NIOLoopBound(courier, eventLoop: loop)
            courier.timeout = loop.scheduleTask(in: .milliseconds(milliseconds)) {
                bound.value.call?.endNow(.timedOut("\(authority): it did not answer in time"))
            }
        }
    }

    /// Its end comes soon, and nothing else before it. On any thread.
    func cancel() {
        isCancelled.store(true, ordering: .sequentiallyConsistent)
        pipe.dropBody()
        loop.execute { [courier] in courier.value?.call?.cancel() }
    }

    /// Calls the handlers with every event until the end, on the calling thread.
    func deliver(to handlers: nexus_http_handlers, user: UnsafeMutableRawPointer?, handle: nexus_http) {
        while true {
            let (events, resumes) = pipe.next()
            if resumes { loop.execute { [courier] in courier.value?.call?.setPaused(false) } }
            for event in events {
                switch event {
                case .head(let head, let bytes):
                    if isCancelled.load(ordering: .relaxed) { continue }
                    HTTPEvents.withHead(head, bytes) { head in
                        backend.calling { handlers.on_head(user, handle, head) }
                    }
                case .body(let bytes):
                    if isCancelled.load(ordering: .relaxed) { continue }
                    bytes.withUnsafeReadableBytes { bytes in
                        backend.calling {
                            handlers.on_body(
                                user, handle, bytes.assumingMemoryBound(to: CChar.self).baseAddress, bytes.count)
                        }
                    }
                case .end(let end, let timings):
                    // Whatever it was: what came before may have been left out.
                    let end = isCancelled.load(ordering: .relaxed) ? .cancelled : end
                    return HTTPEvents.withEnd(end, timings) { end in
                        backend.calling { handlers.on_end(user, handle, end) }
                    }
                }
            }
        }
    }

    /// The request on its loop.
    private final class Courier: UpstreamCallDelegate {
        private let pipe: EventPipe
        private let loop: any EventLoop
        var call: UpstreamCall?
        var timeout: Scheduled<Void>?
        /// How much of an error answer is still read.
        private var errorRest: ErrorBodyRest?
        private var errorEnd: Scheduled<Void>?
        private let pool: UpstreamPool
        private var redirects: Redirects?
        /// Where the answer under way sends us to.
        private var redirected: ByteBuffer?
        private let isBodyless: Bool

        init(pipe: EventPipe, loop: any EventLoop, pool: UpstreamPool, redirects: Redirects?, isBodyless: Bool) {
            self.pipe = pipe
            self.loop = loop
            self.pool = pool
            self.redirects = redirects
            self.isBodyless = isBodyless
        }

        func upstreamHead(_ head: ResponseHead, bytes: ByteBuffer) {
            errorRest = ErrorBodyRest(status: head.status, now: loop.now)
            if let errorRest {
                let bound = NIOLoopBound(self, eventLoop: loop)
                errorEnd = loop.scheduleTask(deadline: errorRest.end) { bound.value.call?.endNow(.complete) }
            }
            redirected = errorRest == nil ? nil : redirects?.next(head, bytes)
            if redirected == nil { _ = pipe.push(.head(head, bytes)) }
        }

        func upstreamBody(_ bytes: ByteBuffer) {
            guard var rest = errorRest else {
                if pipe.push(.body(bytes)) { call?.setPaused(true) }
                return
            }
            let piece = rest.take(bytes)
            if redirected == nil { _ = pipe.push(.body(piece)) }
            errorRest = rest
            if rest.isOver { call?.cancel(as: .complete) }
        }

        func upstreamReadComplete() {}

        func upstreamEnd(_ end: UpstreamEnd) {
            errorEnd?.cancel()
            errorEnd = nil
            if case .complete = end, let head = redirected {
                (redirected, errorRest) = (nil, nil)
                call = pool.start(head: head, body: nil, bodyless: isBodyless, delegate: self)
                return
            }
            let timings = call?.timings ?? UpstreamTimings()
            call = nil
            timeout?.cancel()
            timeout = nil
            _ = pipe.push(.end(end, timings))
        }
    }
}
