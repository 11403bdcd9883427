import Core
import Dialects
import HTTP1

extension ErrorBody {
    static func bodyTooLarge(_ limit: Int) -> ErrorBody {
        ErrorBody(
            status: 413,
            message: "The request body exceeds \(limit) bytes; the operator can raise server.max_body_bytes.",
            code: "body_too_large")
    }

    static var outOfMemory: ErrorBody {
        ErrorBody(
            status: 503,
            message: "The gateway has no memory left for this request; try again. The operator can raise "
                + "server.max_memory_bytes.",
            type: "service_unavailable_error", code: "memory_limit", retryAfter: 1)
    }

    static var tooSlowForMemory: ErrorBody {
        ErrorBody(
            status: 408,
            message: "The request came too slowly while the gateway is short of memory; try again. The operator can "
                + "raise server.max_memory_bytes.",
            code: "request_timeout", retryAfter: 1)
    }

    static var heldMost: ErrorBody {
        ErrorBody(
            status: 503,
            message: "The gateway ran out of memory, and this request held most of it. The operator can raise "
                + "server.max_memory_bytes.",
            type: "service_unavailable_error", code: "memory_limit", retryAfter: 5)
    }

    static func tooManyFromAddress(_ limit: Int) -> ErrorBody {
        ErrorBody(
            status: 429,
            message: "More than \(limit) connections are open from this address; keep them open and use them again. "
                + "The operator can set server.max_connections_per_address.",
            type: "rate_limit_error", code: "too_many_connections", retryAfter: 1)
    }

    static var outOfDescriptors: ErrorBody {
        ErrorBody(
            status: 503,
            message: "The gateway has as many connections open as it may; try again. The operator can raise the "
                + "limit of open files (ulimit -n).",
            type: "service_unavailable_error", code: "too_many_connections", retryAfter: 1)
    }

    /// - Parameters:
    ///   - meant: a route that is so alike that it was meant; nil: there is none.
    ///   - origin: the address under which the client has reached the gateway, without a path; nil: not known.
    static func unknownPath(
        _ path: String, meant: (path: String, isForClients: Bool)?, origin: String?
    ) -> ErrorBody {
        var hint = "GET /v1/openapi.json lists what is here."
        if let meant {
            hint = "did you mean \(EntryLimits.cut(meant.path, to: 200))?"
            if meant.isForClients { hint += " " + baseAddress(Dialect(path: meant.path), origin) }
        }
        return ErrorBody(
            status: 404, message: "Unknown path \(EntryLimits.cut(path, to: 200)); \(hint)", code: "unknown_path")
    }

    /// How the clients of an API are to be set up.
    private static func baseAddress(_ dialect: Dialect, _ origin: String?) -> String {
        let (words, path): (String, String) =
            switch dialect {
            case .anthropic: ("The base address of Anthropic's clients has no /v1: they add it", "")
            case .openAI: ("The base address of OpenAI's clients ends in /v1, once", "/v1")
            case .ollama: ("The base address of Ollama's clients has no path", "")
            }
        return words + (origin.map { "; here it is \(EntryLimits.cut($0, to: 200))\(path)" } ?? "") + "."
    }

    /// - Parameter allow: what the path takes.
    static func methodNotAllowed(_ allow: String) -> ErrorBody {
        ErrorBody(
            status: 405, message: "This path takes \(allow) only.", code: "method_not_allowed", allow: allow)
    }

    static var webSocketOnly: ErrorBody {
        ErrorBody(status: 400, message: "This path speaks WebSocket only; send an upgrade request.")
    }

    static func commandTooLarge(_ limit: Int) -> ErrorBody {
        ErrorBody(
            status: 413, message: "This path takes bodies of at most \(limit) bytes.", code: "body_too_large")
    }

    /// The answer to a client that does not speak HTTP as expected.
    init(_ error: HTTPParseError) {
        switch error {
        case .headTooLarge:
            self.init(
                status: 431,
                message: "The header block exceeds \(HTTPLimits.head) bytes or \(HTTPLimits.fields) fields.",
                code: "headers_too_large")
        case .unsupportedVersion:
            self.init(status: 505, message: "Only HTTP/1.0 and HTTP/1.1 are spoken here.")
        case .unsupportedCoding:
            self.init(status: 501, message: "The only transfer coding that is understood is chunked.")
        case .badStartLine: self.init(status: 400, message: "The request line is malformed.")
        case .badLineEnd: self.init(status: 400, message: "The lines of a request's head end with CR LF.")
        case .badField: self.init(status: 400, message: "A header field is malformed.")
        case .badLength:
            self.init(status: 400, message: "Content-Length and Transfer-Encoding do not agree or are malformed.")
        case .badChunk: self.init(status: 400, message: "The chunked body is malformed.")
        case .badHost: self.init(status: 400, message: "An HTTP/1.1 request needs exactly one Host.")
        }
    }
}

extension AnswerWriter {
    mutating func origin(_ origin: AnswerOrigin) {
        if let backend = origin.backend { field("x-nexus-backend", backend) }
        if origin.attempts > 0 { field("x-nexus-attempts", origin.attempts) }
        if let reason = origin.reason { field("x-nexus-route-reason", reason) }
        if let fallback = origin.fallback { field("x-nexus-fallback-model", fallback) }
        if let warning = origin.warning { field("x-nexus-warning", warning) }
        for field in origin.fields { self.field(field.name, field.value) }
    }
}
