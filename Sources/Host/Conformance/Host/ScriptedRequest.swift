import ABIRules
import AdapterHost
import Glibc
import PluginAPI

/// An HTTP request of the adapter, and how far its answer has come.
final class ScriptedRequest {
    let handle: nexus_http
    let task: ScriptedTask
    let arrival: Arrival
    let handlers: nexus_http_handlers
    let user: UnsafeMutableRawPointer?
    /// Events delivered so far: the head, then the pieces.
    var step = 0
    var isOver = false
    var isCancelled = false

    init(
        _ handle: nexus_http, task: ScriptedTask, arrival: Arrival, handlers: nexus_http_handlers,
        user: UnsafeMutableRawPointer?
    ) {
        self.handle = handle
        self.task = task
        self.arrival = arrival
        self.handlers = handlers
        self.user = user
    }

    private var delivery: EventDelivery {
        EventDelivery(
            handle: handle, handlers: handlers, user: user, scribbles: arrival.scribbles, times: arrival.times,
            hasAnswer: step > 0, older: task.backend.older)
    }

    func deliverHead(_ answer: UpstreamAnswer) { delivery.head(answer) }

    func deliver(_ piece: ArraySlice<UInt8>) { delivery.body(piece) }

    func deliverEnd(_ result: nexus_http_result, _ message: String) {
        isOver = true
        delivery.end(result, message)
    }
}

/// Calls the handlers of one HTTP request.
struct EventDelivery {
    let handle: nexus_http
    let handlers: nexus_http_handlers
    let user: UnsafeMutableRawPointer?
    /// What was lent is overwritten after each call.
    let scribbles: Bool
    var times = Arrival.Times()
    var hasAnswer = false
    var older = OlderHost.no

    func head(_ answer: UpstreamAnswer) {
        let texts = answer.headers.map { (Array($0.name.utf8), Array($0.value.utf8)) }
        func lent(_ bytes: [UInt8]) -> nexus_str { Lending.keep(bytes) }
        let fields = texts.map { nexus_header(name: lent($0.0), value: lent($0.1)) }
        fields.withUnsafeBufferPointer { fields in
            var head = nexus_http_head(
                struct_size: UInt32(MemoryLayout<nexus_http_head>.size), status: answer.status,
                headers: fields.baseAddress, header_count: fields.count)
            handlers.on_head(user, handle, &head)
        }
        for field in fields {
            Lending.release(field.name, scribbling: scribbles)
            Lending.release(field.value, scribbling: scribbles)
        }
    }

    func body(_ piece: ArraySlice<UInt8>) {
        guard scribbles else {
            return piece.withUnsafeBytes {
                handlers.on_body(user, handle, $0.assumingMemoryBound(to: CChar.self).baseAddress, $0.count)
            }
        }
        let lent = Lending.keep(Array(piece))
        handlers.on_body(user, handle, lent.ptr, lent.len)
        Lending.release(lent, scribbling: true)
    }

    func end(_ result: nexus_http_result, _ message: String) {
        withBorrowed(message) { message in
            var end = nexus_http_end()
            end.result = result
            end.message = message
            if result != NEXUS_HTTP_REFUSED {
                end.connected_us = times.connected
                end.flags = NEXUS_HTTP_END_REUSED
            }
            if hasAnswer { end.first_byte_us = times.firstByte }
            older.withSize(&end, first: OlderHost.httpEnd) { handlers.on_end(user, handle, $0) }
        }
    }
}

/// Memory that is lent to the adapter for one call.
enum Lending {
    static func keep(_ bytes: [UInt8]) -> nexus_str {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
        bytes.withUnsafeBytes { source in
            if let base = source.baseAddress { memory.copyMemory(from: base, byteCount: source.count) }
        }
        return nexus_str(ptr: UnsafePointer(memory.assumingMemoryBound(to: CChar.self)), len: bytes.count)
    }

    /// - Parameter scribbling: the memory is overwritten and not given back, so that a pointer which was kept shows it.
    static func release(_ lent: nexus_str, scribbling: Bool) {
        guard let pointer = lent.ptr else { return }
        let memory = UnsafeMutableRawPointer(mutating: pointer)
        if scribbling {
            memset(memory, 0x21, lent.len)
        } else {
            memory.deallocate()
        }
    }
}
