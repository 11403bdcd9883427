/// A request's head, parsed in place: ranges are indices into the head's own bytes (RFC 9112, sections 3 and 5).
public struct RequestHead: Sendable, Equatable {
    public enum Method: Sendable, Equatable { case get, head, post, put, patch, delete, options, other }

    public var method = Method.other
    public var methodText = 0..<0
    /// Path and query; of a target in absolute form what follows its authority, which may be empty.
    public var target = 0..<0
    /// The authority of a target in absolute form, which counts instead of Host (RFC 9112, section 3.2.2).
    public var authority: Range<Int>?
    /// HTTP/1.0 when 0.
    public var minorVersion = 1
    public var framing = BodyFraming.none
    public var keepAlive = true
    /// "Expect: 100-continue" was sent.
    public var expectsContinue = false
    /// "Upgrade: websocket" with "Connection: upgrade" was sent.
    public var upgradesToWebSocket = false
    /// "Accept" names text/event-stream, without parameters.
    public var acceptsEventStream = false
    public var requestID: Range<Int>?
    public var origin: Range<Int>?
    /// What the client shows to be let in: Authorization, `x-api-key` or `api-key`; of several the last.
    public var credential: Range<Int>?
    /// The one before, if there are several.
    public var otherCredential: Range<Int>?
    public var cookie: Range<Int>?
    /// `x-nexus-csrf`.
    public var confirmation: Range<Int>?
    /// A proxy says that it passes on what somebody else asks.
    public var isForwarded = false
    /// `x-nexus-priority`.
    public var priority: Range<Int>?
    /// `x-nexus-backend`.
    public var backend: Range<Int>?
    public var host: Range<Int>?
    public var contentType: Range<Int>?
    /// The body has a content coding; of several fields all count.
    public var hasContentEncoding = false
    public var webSocketKey: Range<Int>?
    public var webSocketVersion: Range<Int>?
    /// Where the header fields begin.
    private var fieldsStart = 0

    public init() {}

    /// How long the body is.
    public enum BodyFraming: Sendable, Equatable {
        case none
        case length(Int)
        case chunked
    }

    /// Parses a complete head, the empty line included. `bytes` is borrowed for the call.
    public static func parse(_ bytes: UnsafeRawBufferPointer) throws(HTTPParseError) -> RequestHead {
        guard let start = bytes.baseAddress else { throw .badStartLine }
        var scanner = FieldScanner(base: start.assumingMemoryBound(to: UInt8.self), position: 0, end: bytes.count)
        var head = RequestHead()
        try head.parseStartLine(&scanner)
        try head.parseFields(&scanner)
        return head
    }

    private mutating func parseStartLine(_ scanner: inout FieldScanner) throws(HTTPParseError) {
        let base = scanner.base
        var index = 0
        while index < scanner.end, FieldScanner.isToken(base[index]) { index += 1 }
        guard index > 0, index < scanner.end, base[index] == 0x20 else { throw .badStartLine }
        methodText = 0..<index
        method = Self.method(scanner, methodText)
        let targetStart = index + 1
        index = targetStart
        while index < scanner.end, base[index] > 0x20, base[index] != 0x7F { index += 1 }
        guard index > targetStart, scanner.end - index >= 11, base[index] == 0x20 else { throw .badStartLine }
        target = targetStart..<index
        if base[target.lowerBound] != UInt8(ascii: "/"), !scanner.equals(target, "*") {
            try parseAbsoluteForm(scanner)
        }
        let version = index + 1..<index + 9
        guard base[version.upperBound] == 0x0D, base[version.upperBound + 1] == 0x0A else { throw .badStartLine }
        minorVersion = try scanner.minorVersion(at: version.lowerBound)
        if minorVersion == 0 { keepAlive = false }
        scanner.position = version.upperBound + 2
        fieldsStart = scanner.position
    }

    /// `http://authority/path?query`: a server must accept it as well (RFC 9112, section 3.2.2).
    private mutating func parseAbsoluteForm(_ scanner: FieldScanner) throws(HTTPParseError) {
        let start = target.lowerBound
        let scheme: Int
        if target.count > 7, scanner.equals(start..<start + 7, "http://") {
            scheme = 7
        } else if target.count > 8, scanner.equals(start..<start + 8, "https://") {
            scheme = 8
        } else {
            throw .badStartLine
        }
        var end = start + scheme
        while end < target.upperBound, scanner.base[end] != UInt8(ascii: "/"), scanner.base[end] != UInt8(ascii: "?") {
            // A user or a password has no place in a request (RFC 9110, section 4.2.4).
            guard scanner.base[end] != UInt8(ascii: "@") else { throw .badStartLine }
            end += 1
        }
        guard end > start + scheme else { throw .badStartLine }
        authority = start + scheme..<end
        target = end..<target.upperBound
    }

    /// Goes through those header fields of a head that was parsed whose names may be of interest, in their order.
    /// - Parameters:
    ///   - bytes: those that it was parsed from.
    ///   - letter: small, with which the names begin.
    public func forEachField(
        of bytes: UnsafeRawBufferPointer, startingWith letter: Unicode.Scalar,
        _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
    ) {
        forEachField(of: bytes, where: { $0 | 0x20 == UInt8(ascii: letter) }, body)
    }

    /// - Parameter mayStart: whether a name may begin with this byte; others are passed over quickly.
    public func forEachField(
        of bytes: UnsafeRawBufferPointer, where mayStart: (UInt8) -> Bool,
        _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
    ) {
        guard let start = bytes.baseAddress, fieldsStart > 0 else { return }
        var scanner = FieldScanner(
            base: start.assumingMemoryBound(to: UInt8.self), position: fieldsStart, end: bytes.count)
        while scanner.position < scanner.end {
            guard mayStart(scanner.base[scanner.position]) else {
                scanner.skipLine()
                continue
            }
            guard let field = try? scanner.next() else { return }
            body(
                UnsafeRawBufferPointer(rebasing: bytes[field.name]),
                UnsafeRawBufferPointer(rebasing: bytes[field.value]))
        }
    }

    private static func method(_ scanner: FieldScanner, _ span: Range<Int>) -> Method {
        func exactly(_ text: StaticString) -> Bool {
            span.count == text.utf8CodeUnitCount
                && (0..<span.count).allSatisfy { scanner.base[span.lowerBound + $0] == text.utf8Start[$0] }
        }
        switch span.count {
        case 3: return exactly("GET") ? .get : exactly("PUT") ? .put : .other
        case 4: return exactly("POST") ? .post : exactly("HEAD") ? .head : .other
        case 5: return exactly("PATCH") ? .patch : .other
        case 6: return exactly("DELETE") ? .delete : .other
        case 7: return exactly("OPTIONS") ? .options : .other
        default: return .other
        }
    }

    private mutating func parseFields(_ scanner: inout FieldScanner) throws(HTTPParseError) {
        var count = 0
        var length: Int?
        var chunked = false
        var upgradeListed = false
        var webSocket = false
        var closes = false
        while let field = try scanner.next() {
            count += 1
            guard count <= HTTPLimits.fields else { throw .headTooLarge }
            switch field.name.count {
            case 4 where scanner.equals(field.name, "host"):
                guard host == nil else { throw .badHost }
                host = field.value
            case 6 where scanner.equals(field.name, "expect"):
                expectsContinue = scanner.equals(field.value, "100-continue")
            case 6 where scanner.equals(field.name, "origin"):
                // Of two that differ one would be believed.
                guard origin == nil else { throw .badField }
                origin = field.value
            case 6 where scanner.equals(field.name, "accept"):
                if scanner.lists(field.value, "text/event-stream") { acceptsEventStream = true }
            case 6 where scanner.equals(field.name, "cookie"): cookie = field.value
            case 3 where scanner.equals(field.name, "via"), 9 where scanner.equals(field.name, "forwarded"),
                15 where scanner.equals(field.name, "x-forwarded-for"):
                isForwarded = true
            // Those of proxies and of services in front of them.
            case 9 where scanner.equals(field.name, "x-real-ip"), 14 where scanner.equals(field.name, "x-forwarded-by"),
                14 where scanner.equals(field.name, "true-client-ip"),
                16 where scanner.equals(field.name, "x-forwarded-host"),
                16 where scanner.equals(field.name, "x-forwarded-port"),
                16 where scanner.equals(field.name, "cf-connecting-ip"),
                17 where scanner.equals(field.name, "x-forwarded-proto"),
                18 where scanner.equals(field.name, "x-forwarded-server"):
                isForwarded = true
            case 7 where scanner.equals(field.name, "upgrade"): webSocket = scanner.lists(field.value, "websocket")
            case 9 where scanner.equals(field.name, "x-api-key"), 13 where scanner.equals(field.name, "authorization"),
                7 where scanner.equals(field.name, "api-key"):
                otherCredential = credential
                credential = field.value
            case 10 where scanner.equals(field.name, "connection"):
                if scanner.lists(field.value, "close") { closes = true }
                if minorVersion == 0, scanner.lists(field.value, "keep-alive") { keepAlive = true }
                if scanner.lists(field.value, "upgrade") { upgradeListed = true }
            case 12 where scanner.equals(field.name, "x-request-id"): requestID = field.value
            case 12 where scanner.equals(field.name, "x-nexus-csrf"): confirmation = field.value
            case 12 where scanner.equals(field.name, "content-type"): contentType = field.value
            case 14 where scanner.equals(field.name, "content-length"):
                guard let value = scanner.decimal(field.value), length == nil || length == value else {
                    throw .badLength
                }
                length = value
            case 15 where scanner.equals(field.name, "x-nexus-backend"):
                // Of two that differ one would be asked, and not the other.
                guard backend == nil else { throw .badField }
                backend = field.value
            case 16 where scanner.equals(field.name, "x-nexus-priority"): priority = field.value
            case 16 where scanner.equals(field.name, "content-encoding"): hasContentEncoding = true
            case 17 where scanner.equals(field.name, "sec-websocket-key"):
                guard webSocketKey == nil else { throw .badField }
                webSocketKey = field.value
            case 21 where scanner.equals(field.name, "sec-websocket-version"): webSocketVersion = field.value
            case 17 where scanner.equals(field.name, "transfer-encoding"):
                guard !chunked, minorVersion == 1 else { throw .badLength }
                guard scanner.equals(field.value, "chunked") else { throw .unsupportedCoding }
                chunked = true
            default: break
            }
        }
        guard host != nil || minorVersion == 0 else { throw .badHost }
        guard !(chunked && length != nil) else { throw .badLength }
        upgradesToWebSocket = upgradeListed && webSocket
        // Whatever else is said (RFC 9112, section 9.3).
        if closes { keepAlive = false }
        framing = chunked ? .chunked : length.map { $0 == 0 ? .none : .length($0) } ?? .none
    }
}
