import ABIRules
import AdapterHost
import PluginAPI

/// `http_start` of the scripted host.
enum ScriptedHTTP {
    static func start(
        _ handle: nexus_task, _ pointer: UnsafePointer<nexus_http_request>?,
        _ handlers: UnsafePointer<nexus_http_handlers>?, _ user: UnsafeMutableRawPointer?,
        _ out: UnsafeMutablePointer<nexus_http>?
    ) -> nexus_status {
        ScriptedHost.task(handle, "http_start") { task, loop in
            guard let out, let given = Versioned.read(pointer, minimum: Versioned.Minimum.httpRequest),
                let handlers = Versioned.handlers(handlers)
            else {
                loop.breaches.record(.badArgument, "http_start: struct_size, or a handler that is NULL")
                return NEXUS_INVALID
            }
            guard loop.refusal == NEXUS_OK else { return loop.refusal }
            let allowed = TaskCall.httpStart.status(in: task.state, isLate: task.isExpired)
            guard allowed == NEXUS_OK else { return allowed }
            guard task.requests.count < ABILimits.httpRequests else {
                loop.breaches.record(.tooMany, "more than \(ABILimits.httpRequests) HTTP requests of one task")
                return NEXUS_TOO_LARGE
            }
            let isProbe = task.purpose == .probe
            do throws(Refusal) {
                let request = try request(given, exchangeBody: isProbe ? nil : task.requestBody, isProbe: isProbe)
                out.pointee = loop.start(task, request, handlers, user, timeout: given.timeout_ms)
                return NEXUS_OK
            } catch {
                loop.breaches.record(.badRequest, "http_start: \(error.reason)")
                return error.status
            }
        }
    }

    /// The request as it would be sent, or why the gateway refuses it.
    /// - Parameter exchangeBody: the client's; nil: there is no client.
    static func request(
        _ given: nexus_http_request, exchangeBody: [UInt8]?, isProbe: Bool = false
    ) throws(Refusal) -> UpstreamRequest {
        let checked = try HTTPRequestRules.check(given, hasExchange: exchangeBody != nil)
        var headers: [(name: String, value: String)] = []
        checked.forEachField { name, value in
            headers.append(
                (String(decoding: name, as: UTF8.self).lowercased(), String(decoding: value, as: UTF8.self)))
        }
        return UpstreamRequest(
            method: String(decoding: checked.method, as: UTF8.self),
            path: String(decoding: checked.path, as: UTF8.self),
            headers: headers, body: checked.body.map { [UInt8]($0) } ?? exchangeBody ?? [], isProbe: isProbe)
    }
}
