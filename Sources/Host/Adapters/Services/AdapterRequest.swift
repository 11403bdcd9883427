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
        deadline = min(deadline, .now() + Limits.lingerTime)
        call?.setPaused(false)
    }

    func isOf(_ backend: AdapterBackend) -> Bool { task.backend === backend }

    func expire() {
        call?.endNow(.timedOut("\(task.backend.target.authority) did not answer in time"))
    }

    func upstreamHead(_ head: ResponseHead, bytes: ByteBuffer) {
        guard lingering == nil else { return }
        bytes.withUnsafeReadableBytes { bytes in
            guard let base = bytes.assumingMemoryBound(to: CChar.self).baseAddress else { return }
            withUnsafeTemporaryAllocation(of: nexus_header.self, capacity: max(1, head.fields.count)) { fields in
                for (index, field) in head.fields.enumerated() {
                    fields.initializeElement(
                        at: index,
                        to: nexus_header(
                            name: nexus_str(ptr: base + field.name.lowerBound, len: field.name.count),
                            value: nexus_str(ptr: base + field.value.lowerBound, len: field.value.count)))
                }
                var crossing = nexus_http_head(
                    struct_size: UInt32(MemoryLayout<nexus_http_head>.size), status: UInt32(head.status),
                    headers: UnsafePointer(fields.baseAddress), header_count: head.fields.count)
                task.backend.calling(.onHead, on: task.services) { handlers.on_head(user, handle, &crossing) }
            }
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
        let (result, message): (nexus_http_result, String) =
            switch end {
            case .complete: (NEXUS_HTTP_COMPLETE, "")
            case .refused(let message): (NEXUS_HTTP_REFUSED, message)
            case .timedOut(let message): (NEXUS_HTTP_TIMED_OUT, message)
            case .closed(let message): (NEXUS_HTTP_CLOSED, message)
            case .garbage(let message): (NEXUS_HTTP_GARBAGE, message)
            case .cancelled: (NEXUS_HTTP_CANCELLED, "")
            }
        withBorrowed(message) { message in
            var crossing = nexus_http_end(
                struct_size: UInt32(MemoryLayout<nexus_http_end>.size), result: result, message: message)
            task.backend.calling(.onEnd, on: task.services) { handlers.on_end(user, handle, &crossing) }
        }
        task.ended(self)
        task.services.requests.remove(handle)
        task.backend.unpin()
    }
}
