import NIOCore
import PluginAPI
import Upstream

/// `http_start`: checks what the adapter gave, writes the request's head, and starts the call.
enum HTTPStart {
    static let headerLimit = 64
    static let headLimit = 64 * 1024
    static let bodyLimit = Int(NEXUS_LIMIT_HTTP_BODY)

    static func start(
        task handle: nexus_task, request: UnsafePointer<nexus_http_request>?,
        handlers: UnsafePointer<nexus_http_handlers>?, user: UnsafeMutableRawPointer?,
        out: UnsafeMutablePointer<nexus_http>?
    ) -> nexus_status {
        guard let services = LoopServices.current else { return HostTable.wrongThread("http_start") }
        guard let task = services.tasks[handle], services.caller == task.backend.ordinal else {
            return HostTable.stale("http_start", services.caller ?? services.tasks.owner(of: handle))
        }
        guard let out, let request = Versioned.read(request, minimum: Versioned.Minimum.httpRequest),
            let handlers = Versioned.read(handlers, minimum: Versioned.Minimum.httpHandlers),
            handlers.on_head != nil, handlers.on_body != nil, handlers.on_end != nil
        else { return NEXUS_INVALID }
        guard !task.isExpired else { return NEXUS_BAD_STATE }
        guard task.requestCount < AdapterTask.requestLimit else { return NEXUS_TOO_LARGE }

        let exchangeBody = request.flags & NEXUS_HTTP_EXCHANGE_BODY != 0
        guard !exchangeBody || task.sink != nil else { return NEXUS_INVALID }
        let prepared: Prepared
        do throws(Refused) {
            prepared = try prepare(
                request, body: exchangeBody ? task.sink?.requestBody : nil, target: task.backend.target)
        } catch {
            return error.status
        }

        let timeout = request.timeout_ms
        let deadline =
            timeout == 0 ? NIODeadline.distantFuture : services.loop.now + .milliseconds(Int64(timeout))
        let started = AdapterRequest(task: task, handlers: handlers, user: user, deadline: deadline)
        guard started.register() else { return NEXUS_TOO_LARGE }
        started.call = services.pool(of: task.backend).start(
            head: prepared.head, body: prepared.body, bodyless: prepared.bodyless, delegate: started)
        started.begun()
        out.pointee = started.handle
        return NEXUS_OK
    }

    /// A request as the upstream client takes it.
    struct Prepared: Sendable {
        /// The head, and the body if that is small.
        var head: ByteBuffer
        var body: ByteBuffer?
        /// No body answers it: HEAD.
        var bodyless: Bool
    }

    struct Refused: Error { let status: nexus_status }

    /// Checks what an adapter gave and copies it. On any thread.
    /// - Parameter given: the body to send; nil: that of the request.
    static func prepare(
        _ request: nexus_http_request, body given: ByteBuffer?, target: UpstreamTarget
    ) throws(Refused) -> Prepared {
        var body: ByteBuffer
        if let given {
            body = given
        } else {
            guard let bytes = BorrowedText.bytes(request.body) else { throw Refused(status: NEXUS_INVALID) }
            guard bytes.count <= bodyLimit else { throw Refused(status: NEXUS_TOO_LARGE) }
            body = ByteBuffer(bytes: bytes)
        }
        var head = ByteBuffer()
        let inlineBody = body.readableBytes <= UpstreamPool.Limits.copiedBody ? body.readableBytes : 0
        head.reserveCapacity(512 + inlineBody)
        let status = writeHead(&head, request, target: target, bodyLength: body.readableBytes)
        guard status == NEXUS_OK else { throw Refused(status: status) }
        let separateBody = body.readableBytes > inlineBody ? body : nil
        if separateBody == nil { head.writeBuffer(&body) }
        return Prepared(head: head, body: separateBody, bodyless: equals(request.method, "HEAD"))
    }

    private static func writeHead(
        _ head: inout ByteBuffer, _ request: nexus_http_request, target: UpstreamTarget, bodyLength: Int
    ) -> nexus_status {
        guard let method = BorrowedText.bytes(request.method), isToken(method),
            let path = BorrowedText.bytes(request.path), path.first == UInt8(ascii: "/"),
            path.allSatisfy({ $0 > 0x20 && $0 != 0x7F }),
            request.header_count == 0 || request.headers != nil
        else { return NEXUS_INVALID }
        guard (0...headerLimit).contains(request.header_count), path.count <= headLimit else { return NEXUS_TOO_LARGE }
        head.writeBytes(method)
        head.writeInteger(UInt8(ascii: " "))
        if request.flags & NEXUS_HTTP_FROM_ROOT == 0 { head.writeString(target.basePath) }
        head.writeBytes(path)
        head.writeStaticString(" HTTP/1.1\r\nhost: ")
        head.writeString(target.authority)
        for index in 0..<request.header_count {
            guard let header = request.headers?[index], let name = BorrowedText.bytes(header.name), isToken(name),
                let value = BorrowedText.bytes(header.value),
                value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }), !isHosts(header.name)
            else { return NEXUS_INVALID }
            head.writeStaticString("\r\n")
            head.writeBytes(name)
            head.writeStaticString(": ")
            head.writeBytes(value)
        }
        if bodyLength > 0 || !(equals(request.method, "GET") || equals(request.method, "HEAD")) {
            head.writeStaticString("\r\ncontent-length: ")
            head.writeString(String(bodyLength))
        }
        head.writeStaticString("\r\n\r\n")
        return head.readableBytes <= headLimit + bodyLength ? NEXUS_OK : NEXUS_TOO_LARGE
    }

    /// RFC 9110, section 5.6.2.
    private static func isToken(_ bytes: UnsafeRawBufferPointer) -> Bool {
        !bytes.isEmpty
            && bytes.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                    0x21, 0x23...0x27, 0x2A, 0x2B, 0x5E, 0x60, 0x7C, 0x7E:
                    true
                default: false
                }
            }
    }

    /// Fields that are the host's to write.
    private static func isHosts(_ name: nexus_str) -> Bool {
        equals(name, "host") || equals(name, "content-length") || equals(name, "transfer-encoding")
            || equals(name, "connection")
    }

    /// Compares without case.
    private static func equals(_ text: nexus_str, _ other: StaticString) -> Bool {
        guard text.len == other.utf8CodeUnitCount, let bytes = BorrowedText.bytes(text) else { return false }
        return (0..<bytes.count).allSatisfy { bytes[$0] | 0x20 == other.utf8Start[$0] | 0x20 }
    }
}
