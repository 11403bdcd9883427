/// A response's head, parsed in place: ranges are indices into the head's own bytes (RFC 9112, section 4).
public struct ResponseHead: Sendable, Equatable {
    public var status = 0
    public var keepAlive = true
    public var framing = BodyFraming.untilClose
    public var fields: [FieldSpan] = []
    /// The body has a content coding.
    public var hasContentEncoding = false
    public var contentType: Range<Int>?

    /// How long the body is (RFC 9112, section 6.3).
    public enum BodyFraming: Sendable, Equatable {
        case none
        case length(Int)
        case chunked, untilClose
    }

    public init() {}

    public var isInterim: Bool { status < 200 && status != 101 }

    /// Parses a complete head, the empty line included. `bytes` is borrowed for the call. Reuses `fields`.
    /// - Parameter bodyless: the request was HEAD, so there is no body whatever the fields say.
    public mutating func parse(
        _ bytes: UnsafeRawBufferPointer, bodyless: Bool = false
    ) throws(HTTPParseError) {
        guard let start = bytes.baseAddress else { throw .badStartLine }
        var scanner = FieldScanner(base: start.assumingMemoryBound(to: UInt8.self), position: 0, end: bytes.count)
        let minor = try parseStatusLine(&scanner)
        keepAlive = minor == 1
        fields.removeAll(keepingCapacity: true)
        (hasContentEncoding, contentType) = (false, nil)
        var length: Int?
        var chunked = false
        var closes = false
        while let field = try scanner.next() {
            guard fields.count < HTTPLimits.fields else { throw .headTooLarge }
            fields.append(field)
            switch field.name.count {
            case 10 where scanner.equals(field.name, "connection"):
                if scanner.lists(field.value, "close") { closes = true }
                if minor == 0, scanner.lists(field.value, "keep-alive") { keepAlive = true }
            case 12 where scanner.equals(field.name, "content-type"): contentType = field.value
            case 16 where scanner.equals(field.name, "content-encoding"): hasContentEncoding = true
            case 14 where scanner.equals(field.name, "content-length"):
                guard let value = scanner.decimal(field.value), length == nil || length == value else {
                    throw .badLength
                }
                length = value
            case 17 where scanner.equals(field.name, "transfer-encoding"):
                guard scanner.equals(field.value, "chunked") else { throw .unsupportedCoding }
                chunked = true
            default: break
            }
        }
        // Whatever else is said (RFC 9112, section 9.3).
        if closes { keepAlive = false }
        if bodyless || status < 200 || status == 204 || status == 304 {
            framing = .none
        } else if chunked {
            // Both given: chunked counts, and the connection is not trusted any further.
            if length != nil { keepAlive = false }
            framing = .chunked
        } else if let length {
            framing = length == 0 ? .none : .length(length)
        } else {
            framing = .untilClose
            keepAlive = false
        }
    }

    private mutating func parseStatusLine(_ scanner: inout FieldScanner) throws(HTTPParseError) -> Int {
        guard scanner.end >= 14 else { throw .badStartLine }
        let minor = try scanner.minorVersion(at: 0)
        guard scanner.base[8] == 0x20, let code = scanner.decimal(9..<12), (100...999).contains(code) else {
            throw .badStartLine
        }
        status = code
        var index = 12
        guard scanner.base[index] == 0x20 || scanner.base[index] == 0x0D else { throw .badStartLine }
        while index < scanner.end, FieldScanner.isValue(scanner.base[index]) { index += 1 }
        guard index + 1 < scanner.end, scanner.base[index] == 0x0D, scanner.base[index + 1] == 0x0A else {
            throw .badStartLine
        }
        scanner.position = index + 2
        return minor
    }
}
