/// Markup under construction. What is written literally in the source is markup; every interpolated value is text and
/// is escaped, also inside quoted attributes. There is no way to turn a string made at run time into markup:
///
///     let row: HTML = "<td title=\"\(note)\">\(model)</td>"
struct HTML: ExpressibleByStringInterpolation, Equatable {
    private(set) var bytes: [UInt8]

    init(stringLiteral literal: StaticString) {
        bytes = literal.withUTF8Buffer(Array.init)
    }

    init(stringInterpolation: StringInterpolation) {
        bytes = stringInterpolation.bytes
    }

    static func += (html: inout HTML, more: HTML) {
        html.bytes += more.bytes
    }

    var isEmpty: Bool { bytes.isEmpty }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var bytes: [UInt8] = []

        init(literalCapacity: Int, interpolationCount: Int) {
            bytes.reserveCapacity(literalCapacity + interpolationCount * 16)
        }

        mutating func appendLiteral(_ literal: StaticString) {
            literal.withUTF8Buffer { bytes.append(contentsOf: $0) }
        }

        mutating func appendInterpolation(_ html: HTML) { bytes += html.bytes }

        mutating func appendInterpolation(_ number: some BinaryInteger) { bytes += String(number).utf8 }

        mutating func appendInterpolation(_ text: String) {
            for byte in text.utf8 {
                switch byte {
                case UInt8(ascii: "&"): bytes += "&amp;".utf8
                case UInt8(ascii: "<"): bytes += "&lt;".utf8
                case UInt8(ascii: ">"): bytes += "&gt;".utf8
                case UInt8(ascii: "\""): bytes += "&quot;".utf8
                case UInt8(ascii: "'"): bytes += "&#39;".utf8
                // Controls are errors in HTML; a browser shows this mark for them as well.
                case 0..<9, 11, 12, 14..<32, 127: bytes += "\u{FFFD}".utf8
                default: bytes.append(byte)
                }
            }
        }
    }
}
