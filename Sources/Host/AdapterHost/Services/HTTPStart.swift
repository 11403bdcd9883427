import ABIRules
import Core
import NIOCore
import PluginAPI
import Product
import Upstream

/// `http_start`: checks what the adapter gave, writes the request's head, and starts the call.
enum HTTPStart {
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
            let handlers = Versioned.handlers(handlers)
        else { return NEXUS_INVALID }
        guard !task.isExpired else { return NEXUS_BAD_STATE }
        guard task.requestCount < ABILimits.httpRequests else { return NEXUS_TOO_LARGE }

        let prepared: Prepared
        do throws(Refusal) {
            let isExchanges = request.flags & NEXUS_HTTP_EXCHANGE_BODY != 0
            prepared = try prepare(
                request, exchangeBody: isExchanges ? task.sink?.requestBody : nil, target: task.backend.target)
        } catch {
            return error.status
        }

        let timeout = request.timeout_ms
        let deadline =
            timeout == 0 ? NIODeadline.distantFuture : services.loop.now + .milliseconds(Int64(timeout))
        let started = AdapterRequest(task: task, handlers: handlers, user: user, deadline: deadline)
        guard started.register() else { return NEXUS_TOO_LARGE }
        started.send(prepared)
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

    /// Checks what an adapter gave and copies it. On any thread.
    /// - Parameter exchangeBody: the client's, where the request wants it; nil: there is no client.
    static func prepare(
        _ request: nexus_http_request, exchangeBody: ByteBuffer?, target: UpstreamTarget
    ) throws(Refusal) -> Prepared {
        let checked = try HTTPRequestRules.check(request, hasExchange: exchangeBody != nil)
        var body = checked.body.map { ByteBuffer(bytes: $0) } ?? exchangeBody ?? ByteBuffer()
        var head = ByteBuffer()
        let inlineBody = body.readableBytes <= UpstreamPool.Limits.copiedBody ? body.readableBytes : 0
        head.reserveCapacity(512 + inlineBody)
        write(checked, to: &head, target: target, bodyLength: body.readableBytes)
        let separateBody = body.readableBytes > inlineBody ? body : nil
        if separateBody == nil { head.writeBuffer(&body) }
        return Prepared(head: head, body: separateBody, bodyless: FieldRules.equals(checked.method, "HEAD"))
    }

    private static func write(
        _ request: CheckedHTTPRequest, to head: inout ByteBuffer, target: UpstreamTarget, bodyLength: Int
    ) {
        let hasNone = FieldRules.equals(request.method, "GET") || FieldRules.equals(request.method, "HEAD")
        let length = bodyLength > 0 || !hasNone ? String(bodyLength) : nil
        let limit =
            request.size + request.headers.count * 4 + target.basePath.utf8.count + target.authority.utf8.count
            + ownBytes
        head.writePieces(atMost: limit) { head in
            head.put(request.method)
            head.put(" ")
            if !request.isFromRoot { head.put(target.basePath) }
            head.put(request.path)
            head.put(" HTTP/1.1\r\nhost: ")
            head.put(target.authority)
            var (asksForCodings, isNamed) = (false, false)
            request.forEachField { name, value in
                if name.count == 15, FieldRules.equals(name, "accept-encoding") { asksForCodings = true }
                if name.count == 10, FieldRules.equals(name, "user-agent") { isNamed = true }
                head.put(field: name, value)
            }
            // Without the field a server may choose any coding (RFC 9110, section 12.5.3).
            if !asksForCodings { head.put("\r\naccept-encoding: identity") }
            // Some servers, and walls before them, refuse a client that does not say what it is.
            if !isNamed {
                head.put("\r\nuser-agent: nexus/")
                head.put(Product.version)
            }
            if let length {
                head.put("\r\ncontent-length: ")
                head.put(length)
            }
            head.put("\r\n\r\n")
        }
    }

    /// Bytes of a head that are the host's own, and more than enough: the words between the parts, a length of 20 digits.
    private static let ownBytes = 128 + Product.version.utf8CodeUnitCount
}
