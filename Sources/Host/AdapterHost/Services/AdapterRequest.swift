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
    }

    private let task: AdapterTask
    private let handlers: nexus_http_handlers
    private let user: UnsafeMutableRawPointer?
    private(set) var deadline: NIODeadline
    /// Bytes that may still be read and thrown away; nil while the adapter wants the answer.
    private var lingering: Int?
    private(set) var handle: nexus_http = 0
    var call: UpstreamCall?

    init(task: AdapterTask, handlers: nexus_http_handlers, user: UnsafeMutableRawPointer?, deadline: NIODeadline) {
        self.task = task
        self.handlers = handlers
        self.user = user
        self.deadline = deadline
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

    /// The exchange has ended well: nothing but the end is told to the adapter any more.
    func linger() {
        lingering = Limits.lingerBytes
        deadline = min(deadline, task.services.loop.now + Limits.lingerTime)
        call?.setPaused(false)
    }

    func isOf(_ backend: AdapterBackend) -> Bool { task.backend === backend }

    func isOf(_ ordinal: Int) -> Bool { task.backend.ordinal == ordinal }

    func expire() {
        call?.endNow(.timedOut("\(task.backend.target.authority) did not answer in time"))
    }

    func upstreamHead(_ head: ResponseHead, bytes: ByteBuffer) {
        guard lingering == nil else { return }
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
        task.lend(bytes) { piece in
            task.backend.calling(.onBody, on: task.services) {
                handlers.on_body(user, handle, piece.assumingMemoryBound(to: CChar.self).baseAddress, piece.count)
            }
        }
    }

    func upstreamReadComplete() { task.readComplete() }

    func upstreamEnd(_ end: UpstreamEnd) {
        call = nil
        task.readComplete()
        HTTPEvents.withEnd(end) { crossing in
            task.backend.calling(.onEnd, on: task.services) { handlers.on_end(user, handle, crossing) }
        }
        task.ended(self)
        task.services.requests.remove(handle)
        task.backend.unpin()
    }
}
