import AdapterHost
import PluginAPI

/// `http_start` of the scripted host: checks what the gateway checks.
enum ScriptedHTTP {
    static func start(
        _ handle: nexus_task, _ pointer: UnsafePointer<nexus_http_request>?,
        _ handlers: UnsafePointer<nexus_http_handlers>?, _ user: UnsafeMutableRawPointer?,
        _ out: UnsafeMutablePointer<nexus_http>?
    ) -> nexus_status {
        ScriptedHost.task(handle, "http_start") { task, loop in
            guard let out, let given = Versioned.read(pointer, minimum: Versioned.Minimum.httpRequest),
                let handlers = Versioned.read(handlers, minimum: Versioned.Minimum.httpHandlers),
                handlers.on_head != nil, handlers.on_body != nil, handlers.on_end != nil
            else {
                loop.breaches.record(.badArgument, "http_start: struct_size, or a handler that is NULL")
                return NEXUS_INVALID
            }
            guard loop.refusal == NEXUS_OK else { return loop.refusal }
            guard !task.isExpired else { return NEXUS_BAD_STATE }
            guard task.requests.count < Int(NEXUS_LIMIT_HTTP_REQUESTS) else {
                loop.breaches.record(.tooMany, "more than \(NEXUS_LIMIT_HTTP_REQUESTS) HTTP requests of one task")
                return NEXUS_TOO_LARGE
            }
            let isProbe = task.purpose == .probe
            switch request(given, exchangeBody: isProbe ? nil : task.requestBody, isProbe: isProbe) {
            case .failure(let problem):
                loop.breaches.record(.badRequest, "http_start: \(problem.text)")
                return NEXUS_INVALID
            case .success(let request):
                out.pointee = loop.start(task, request, handlers, user, timeout: given.timeout_ms)
                return NEXUS_OK
            }
        }
    }

    struct Problem: Error {
        let text: String
        init(_ text: String) { self.text = text }
    }

    private static let hosts: Set = ["host", "content-length", "transfer-encoding", "connection"]

    /// The request as it would be sent, or why the gateway refuses it.
    /// - Parameter exchangeBody: the client's; nil: there is no client.
    static func request(
        _ given: nexus_http_request, exchangeBody: [UInt8]?, isProbe: Bool = false
    ) -> Result<UpstreamRequest, Problem> {
        guard let method = Text.copy(given.method), isToken(method) else {
            return .failure(Problem("the method is no token"))
        }
        guard let path = Text.copy(given.path), path.first == UInt8(ascii: "/"),
            path.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
        else { return .failure(Problem("the path does not start with \"/\", or holds spaces")) }
        guard given.header_count == 0 || given.headers != nil, (0...64).contains(given.header_count) else {
            return .failure(Problem("headers is NULL, or there are more than 64"))
        }
        var headers: [(name: String, value: String)] = []
        for index in 0..<given.header_count {
            guard let field = given.headers?[index], let name = Text.copy(field.name), isToken(name),
                let value = Text.copy(field.value), value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
            else { return .failure(Problem("header \(index) is no valid field")) }
            let text = String(decoding: name, as: UTF8.self).lowercased()
            guard !hosts.contains(text) else { return .failure(Problem("the header \(text) is the host's to write")) }
            headers.append((text, String(decoding: value, as: UTF8.self)))
        }
        let usesBody = given.flags & NEXUS_HTTP_EXCHANGE_BODY != 0
        guard !usesBody || exchangeBody != nil else {
            return .failure(Problem("NEXUS_HTTP_EXCHANGE_BODY without an exchange"))
        }
        guard let body = usesBody ? exchangeBody : Text.copy(given.body) else {
            return .failure(Problem("body: a length without data"))
        }
        return .success(
            UpstreamRequest(
                method: String(decoding: method, as: UTF8.self), path: String(decoding: path, as: UTF8.self),
                headers: headers, body: body, isProbe: isProbe))
    }

    /// RFC 9110, section 5.6.2.
    private static func isToken(_ bytes: [UInt8]) -> Bool {
        !bytes.isEmpty
            && bytes.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || "!#$%&'*+-.^_`|~".utf8.contains($0)
            }
    }
}
