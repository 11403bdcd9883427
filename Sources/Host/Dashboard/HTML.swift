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

        /// Text that is seen. A control that would show it as another text (Unicode's embeddings, overrides and isolates) is
        /// shown as a mark.
        mutating func appendInterpolation(_ text: String) {
            guard text.unicodeScalars.contains(where: Self.turns) else { return append(text.utf8) }
            append(String(String.UnicodeScalarView(text.unicodeScalars.map { Self.turns($0) ? "\u{FFFD}" : $0 })).utf8)
        }

        /// The value of an attribute by which something is known, such as an id: nothing of it is shown.
        mutating func appendInterpolation(id text: String) { append(text.utf8) }

        /// A part of an address: what would end it, or begin another part, is written in its percent form (RFC 3986).
        mutating func appendInterpolation(address text: String) {
            for byte in text.utf8 {
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                    UInt8(ascii: "~"):
                    bytes.append(byte)
                default:
                    let digits = Array("0123456789ABCDEF".utf8)
                    bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                }
            }
        }

        private static func turns(_ scalar: Unicode.Scalar) -> Bool {
            (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
        }

        private mutating func append(_ text: some Sequence<UInt8>) {
            for byte in text {
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
