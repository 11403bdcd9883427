/// Bounds of the HTTP/1.1 machines.
public enum HTTPLimits {
    /// Bytes of a head: start line, header fields and the empty line.
    public static let head = 64 * 1024
    public static let fields = 256
    /// Empty lines before a request line that are passed over (RFC 9112, section 2.2).
    public static let emptyLines = 4
    /// Bytes of a chunk's size line with extensions, and of the trailer section.
    public static let chunkLine = 4096
    public static let trailer = 16 * 1024
}

/// Why bytes are not the HTTP/1.1 that is accepted here (RFC 9112).
public enum HTTPParseError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The head exceeds `HTTPLimits.head` or `HTTPLimits.fields`: 431.
    case headTooLarge
    /// Not "METHOD target HTTP/1.x".
    case badStartLine
    /// A line of a head ends with LF alone, in which readers differ (section 2.2).
    case badLineEnd
    /// A field's name or value has characters that are not allowed, or a line is folded.
    case badField
    /// Content-Length is not one number, or comes with Transfer-Encoding (request smuggling, section 6.1).
    case badLength
    /// A transfer coding other than chunked: 501.
    case unsupportedCoding
    /// An HTTP version other than 1.0 and 1.1: 505.
    case unsupportedVersion
    case badChunk
    /// An HTTP/1.1 request without exactly one Host (section 3.2).
    case badHost

    public var description: String {
        switch self {
        case .headTooLarge: "its head is too large"
        case .badStartLine: "its first line is none of HTTP"
        case .badLineEnd: "a line of its head ends with LF alone"
        case .badField: "a field of its head holds what none may hold"
        case .badLength: "its length is not one number"
        case .unsupportedCoding: "its transfer coding is not chunked"
        case .unsupportedVersion: "it is neither HTTP/1.0 nor HTTP/1.1"
        case .badChunk: "a chunk of its body is none"
        case .badHost: "it does not name one host"
        }
    }
}
