import ABIRules
import Core
import HTTP1
import NIOCore
import PluginAPI
import Upstream

/// One HTTP request that an adapter started: turns the events of the call into the adapter's handler calls.
final class AdapterRequest: UpstreamCallDelegate {
    enum Limits {
        /// How long, and for how many bytes, the rest of an answer is read of which the adapter has seen enough. It saves
        /// the connection: the end mark of a stream often comes just before the end of the body.
        static let lingerTime = TimeAmount.seconds(1)
        static let lingerBytes = 64 * 1024
        /// Bytes of one answer to a probe: no list of models and no figures are that long.
        static let probeBytes = ABILimits.probeBody
    }

    private let task: AdapterTask
    private let handlers: nexus_http_handlers
    private let user: UnsafeMutableRawPointer?
    private let isOfProbe: Bool
    private(set) var deadline: NIODeadline
    /// How much of an error answer is still read; nil: it is no error, or its head has not come.
    private var errorRest: ErrorBodyRest?
    /// Bytes that may still come of an answer to a probe.
    private var probeLeft = Limits.probeBytes
    /// Told of since the last read was delivered.
    private var toldOfPiece = false
    /// Bytes that may still be read and thrown away; nil while the adapter wants the answer.
    private var lingering: Int?
    private var isBodyless = false
    private(set) var handle: nexus_http = 0
    var call: UpstreamCall?
    /// Nil: redirects are not followed.
    private var redirects: Redirects?
    /// Where the answer under way sends us to: the request follows it when that has ended.
    private var redirected: (head: ByteBuffer, deadline: NIODeadline, left: Int)?

    init(task: AdapterTask, handlers: nexus_http_handlers, user: UnsafeMutableRawPointer?, deadline: NIODeadline) {
        self.task = task
        self.handlers = handlers
        self.user = user
        self.deadline = deadline
        isOfProbe = task.sink == nil
    }

    /// Sends it.
    func send(_ prepared: HTTPStart.Prepared) {
        redirects = Redirects(prepared.head, target: task.backend.target)
        call = task.services.pool(of: task.backend).start(
            head: prepared.head, body: prepared.body, bodyless: prepared.bodyless, connectLimit: task.connectLimit,
            delegate: self)
        isBodyless = prepared.bodyless
        begun()
    }

    /// False if the table is full.
    func register() -> Bool {
        handle = task.services.requests.insert(self, owner: task.backend.ordinal)
        guard handle != 0 else { return false }
        task.start(self)
        task.backend.pin()
        return true
    }

    func cancel() { call?.cancel() }

    /// The exchange has ended well: from now on the adapter hears only of the end.
    func linger() {
        lingering = Limits.lingerBytes
        deadline = min(deadline, task.services.loop.now + Limits.lingerTime)
        call?.setPaused(false)
    }

    func isOf(_ backend: AdapterBackend) -> Bool { task.backend === backend }

    func isOf(_ ordinal: Int) -> Bool { task.backend.ordinal == ordinal }

    func expire() {
        // As if it had ended by itself: the status and what came of the body say what failed.
        if let errorRest, errorRest.end <= task.services.loop.now {
            call?.endNow(.complete)
            return
        }
        call?.endNow(.timedOut("\(task.backend.target.authority): it did not answer in time"))
    }

    /// The call was started: tells how far it has come already.
    func begun() {
        guard let call else { return }
        if call.step == .written { upstreamStep(.connected) }
        upstreamStep(call.step)
    }

    func upstreamStep(_ step: UpstreamStep) {
        switch step {
        case .connecting: task.sink?.attemptSaw(.connecting)
        case .handshaking: task.sink?.attemptSaw(.handshaking)
        case .connected: task.sink?.attemptSaw(.connected)
        case .written: task.sink?.attemptSaw(.requestWritten)
        }
    }

    func upstreamHead(_ head: ResponseHead, bytes: ByteBuffer) {
        guard lingering == nil else { return }
        errorRest = ErrorBodyRest(status: head.status, now: task.services.loop.now)
        if errorRest != nil, let next = redirects?.next(head, bytes) {
            redirected = (next, deadline, ErrorBodyLimits.bytes)
        }
        if let errorRest { deadline = min(deadline, errorRest.end) }
        if redirected != nil { return }
        task.sink?.attemptSaw(.head(status: head.status))
        HTTPEvents.withHead(head, bytes) { crossing in
            task.backend.calling(.onHead, on: task.services) { handlers.on_head(user, handle, crossing) }
        }
    }

    func upstreamBody(_ bytes: ByteBuffer) {
        if let left = lingering {
            lingering = left - bytes.readableBytes
            if left < bytes.readableBytes { cancel() }
            return
        }
        if let redirected {
            self.redirected?.left = redirected.left - bytes.readableBytes
            if redirected.left < bytes.readableBytes { call?.cancel(as: .complete) }
            return
        }
        if !toldOfPiece {
            toldOfPiece = true
            task.sink?.attemptSaw(.piece)
        }
        if isOfProbe {
            probeLeft -= bytes.readableBytes
            if probeLeft < 0 { return tooLong() }
        }
        guard var rest = errorRest else { return deliver(bytes) }
        let piece = rest.take(bytes)
        errorRest = rest
        deliver(piece)
        if rest.isOver { call?.cancel(as: .complete) }
    }

    private func tooLong() {
        let target = task.backend.target.authority
        call?.cancel(as: .garbage("\(target): it answers a probe with more than \(Limits.probeBytes >> 20) MiB"))
    }

    private func deliver(_ bytes: ByteBuffer) {
        task.lend(bytes) { piece in
            task.backend.calling(.onBody, on: task.services) {
                handlers.on_body(user, handle, piece.assumingMemoryBound(to: CChar.self).baseAddress, piece.count)
            }
        }
    }

    func upstreamReadComplete() {
        toldOfPiece = false
        task.readComplete()
    }

    func upstreamEnd(_ end: UpstreamEnd) {
        if let next = redirected, follow(next.head, next.deadline, after: end) { return }
        let timings = call?.timings ?? UpstreamTimings()
        call = nil
        if case .connectTimedOut = end { task.connectTimedOut = true }
        task.readComplete()
        HTTPEvents.withEnd(end, timings) { crossing in
            task.backend.calling(.onEnd, on: task.services) { handlers.on_end(user, handle, crossing) }
        }
        task.ended(self)
        task.services.requests.remove(handle)
        task.backend.unpin()
    }

    /// Sends the request to where its answer has sent us. False: that answer did not come to its end.
    private func follow(_ head: ByteBuffer, _ deadline: NIODeadline, after end: UpstreamEnd) -> Bool {
        redirected = nil
        guard case .complete = end, task.isLive, !task.isExpired, lingering == nil else { return false }
        (self.deadline, errorRest) = (deadline, nil)
        call = task.services.pool(of: task.backend).start(
            head: head, body: nil, bodyless: isBodyless, connectLimit: task.connectLimit, delegate: self)
        return true
    }
}
