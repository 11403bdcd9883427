import PluginAPI

/// How an HTTP request ended. The texts are for people and name the address.
enum HTTPEnd: Equatable {
    case complete
    /// No connection: refused, unreachable, unknown host name, TLS failure.
    case refused(String)
    case timedOut(String)
    /// Before the answer was complete.
    case closed(String)
    /// Not HTTP/1.1, or a limit was exceeded.
    case garbage(String)
    case cancelled
}

/// When an HTTP request got how far, in microseconds since its start; 0: it did not, or the host does not tell.
struct HTTPTimings: Equatable {
    /// There was a connection, TLS included.
    var connected: UInt64 = 0
    /// The first byte of the answer came.
    var firstByte: UInt64 = 0
    /// The connection was open already.
    var reusesConnection = false
}

/// Receives the events of one HTTP request; to be subclassed. All calls are on the task's event loop. The object lives until
/// `end` has returned.
class HTTPHandler {
    /// Set when the request was started; for `Host.cancel`.
    final var request: nexus_http = 0

    /// Known in `end`.
    final private(set) var timings = HTTPTimings()

    /// At most once, first. Valid during the call only.
    func head(_ head: nexus_http_head) {}
    /// A piece of the body, cut anywhere. Valid during the call only.
    func body(_ bytes: UnsafeRawBufferPointer) {}
    /// Exactly once, last.
    func end(_ end: HTTPEnd) {}

    /// The C functions behind every handler; `user` is the retained handler.
    static var functions: nexus_http_handlers {
        nexus_http_handlers(
            struct_size: UInt32(MemoryLayout<nexus_http_handlers>.size), reserved: 0,
            on_head: { user, _, head in
                guard let user, let head else { return }
                HTTPHandler.from(user).head(head.pointee)
            },
            on_body: { user, _, bytes, length in
                guard let user else { return }
                HTTPHandler.from(user).body(UnsafeRawBufferPointer(start: bytes, count: length))
            },
            on_end: { user, _, end in
                guard let user else { return }
                // The last call: this takes the reference that starting the request gave.
                let handler = Unmanaged<HTTPHandler>.fromOpaque(user).takeRetainedValue()
                guard let end else { return handler.end(.cancelled) }
                // A host from before ABI 1.2 tells no times.
                let told = grown(end, size: end.pointee.struct_size)
                handler.timings = HTTPTimings(
                    connected: told.connected_us, firstByte: told.first_byte_us,
                    reusesConnection: told.flags & NEXUS_HTTP_END_REUSED != 0)
                handler.end(HTTPHandler.result(told))
            })
    }

    private static func from(_ user: UnsafeMutableRawPointer) -> HTTPHandler {
        Unmanaged<HTTPHandler>.fromOpaque(user).takeUnretainedValue()
    }

    private static func result(_ end: nexus_http_end) -> HTTPEnd {
        switch end.result {
        case NEXUS_HTTP_COMPLETE: .complete
        case NEXUS_HTTP_REFUSED: .refused(end.message.text)
        case NEXUS_HTTP_TIMED_OUT: .timedOut(end.message.text)
        case NEXUS_HTTP_CLOSED: .closed(end.message.text)
        case NEXUS_HTTP_GARBAGE: .garbage(end.message.text)
        default: .cancelled
        }
    }
}

extension nexus_http_head {
    /// The value of a header field, compared without case; nil if it is not there. Valid during the call only.
    func field(_ name: StaticString) -> nexus_str? {
        for index in 0..<header_count {
            guard let field = headers?[index], field.name.len == name.utf8CodeUnitCount else { continue }
            let bytes = field.name.bytes
            if (0..<bytes.count).allSatisfy({ bytes[$0] | 0x20 == name.utf8Start[$0] | 0x20 }) { return field.value }
        }
        return nil
    }
}

/// A header field.
typealias HeaderField = (name: String, value: String)

/// Which of a server's header fields the host passes to a client: the list in nexus_plugin.h, so that an adapter copies no
/// others. The host looks at them again.
enum PassedHeaders {
    private static let names: [(name: [UInt8], isPrefix: Bool)] =
        NEXUS_HEADERS_OF_SERVERS.split(separator: " ").map { word in
            (Array(word.utf8.filter { $0 != UInt8(ascii: "*") }), word.hasSuffix("*"))
        }

    /// The letters that they begin with, a bit each: most fields of an answer begin with another.
    private static let letters = names.reduce(into: UInt32(0)) { letters, known in
        if let first = known.name.first { letters |= 1 << UInt32((first | 0x20) & 0x1F) }
    }

    static func contains(_ name: UnsafeRawBufferPointer) -> Bool {
        guard let first = name.first, letters & 1 << UInt32(first & 0x1F) != 0 else { return false }
        for known in names where known.name.first == first | 0x20 {
            let length = known.name.count
            guard known.isPrefix ? name.count > length : name.count == length else { continue }
            if (0..<length).allSatisfy({ name[$0] | 0x20 == known.name[$0] | 0x20 }) { return true }
        }
        return false
    }
}

extension nexus_http_head {
    /// Where an answer that redirects sends to; nil: it is none, or does not say.
    var location: String? { Refusals.isRedirect(status) ? field("location")?.text : nil }

    /// Copies of the fields that a client may see; most answers have none.
    var passedHeaders: [HeaderField] {
        var passed: [HeaderField] = []
        for index in 0..<header_count {
            guard let field = headers?[index], PassedHeaders.contains(field.name.bytes) else { continue }
            passed.append((field.name.text, field.value.text))
        }
        return passed
    }
}

extension nexus_request {
    /// Copies of the client's fields that may go to the server, names in lower case.
    var passedHeaders: [HeaderField] {
        (0..<header_count).compactMap { index in headers.map { ($0[index].name.text, $0[index].value.text) } }
    }
}

/// Collects a whole answer within a bound and then calls back once.
final class CollectingHandler: HTTPHandler {
    struct Answer {
        var status: UInt32
        var server: String
        /// Where an answer that redirects sends to.
        var location: String?
        var body: [UInt8]
        var end: HTTPEnd
        /// The body exceeded the bound and was cut.
        var isCut: Bool
    }

    private let limit: Int
    private let completion: (Answer) -> Void
    private var answer = Answer(status: 0, server: "", location: nil, body: [], end: .cancelled, isCut: false)

    init(limit: Int = 8 * 1024 * 1024, completion: @escaping (Answer) -> Void) {
        self.limit = limit
        self.completion = completion
    }

    override func head(_ head: nexus_http_head) {
        answer.status = head.status
        answer.server = head.field("server")?.text ?? ""
        answer.location = head.location
    }

    override func body(_ bytes: UnsafeRawBufferPointer) {
        let room = limit - answer.body.count
        if bytes.count > room { answer.isCut = true }
        answer.body.append(contentsOf: bytes.prefix(room))
    }

    override func end(_ end: HTTPEnd) {
        answer.end = end
        completion(answer)
    }
}
