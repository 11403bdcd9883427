/// Writes one JSON text (RFC 8259) into a byte array. Commas are put where they belong; the caller opens and closes
/// objects and arrays in order and writes a key before each member. What ends a line for any reader of lines is escaped.
public struct JSONWriter {
    /// What was written so far.
    public private(set) var bytes: [UInt8]
    private var needsComma = false
    private let escapesHTML: Bool

    /// - Parameters:
    ///   - capacity: bytes to reserve.
    ///   - escapingForHTML: also escape `<`, `>` and `&`, so that the text can stand inside an HTML script element.
    public init(capacity: Int = 256, escapingForHTML: Bool = false) {
        bytes = []
        bytes.reserveCapacity(capacity)
        escapesHTML = escapingForHTML
    }

    public var text: String { String(decoding: bytes, as: UTF8.self) }

    public mutating func beginObject() { open(UInt8(ascii: "{")) }
    public mutating func endObject() { close(UInt8(ascii: "}")) }
    public mutating func beginArray() { open(UInt8(ascii: "[")) }
    public mutating func endArray() { close(UInt8(ascii: "]")) }

    public mutating func key(_ name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    public mutating func string(_ text: String) {
        var text = text
        text.withUTF8 { string(bytes: UnsafeRawBufferPointer($0)) }
    }

    /// - Parameter text: valid UTF-8.
    public mutating func string(bytes text: UnsafeRawBufferPointer) {
        beginValue()
        bytes.append(UInt8(ascii: "\""))
        var run = 0
        for index in 0..<text.count where needsEscape(text, index) {
            if run < index { bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[run..<index])) }
            run = index + escape(text, index)
        }
        bytes.append(contentsOf: text[run...])
        bytes.append(UInt8(ascii: "\""))
    }

    public mutating func integer(_ value: some BinaryInteger) {
        beginValue()
        bytes.append(contentsOf: String(value).utf8)
    }

    /// Whole numbers are written without a fraction; infinities and NaN, which JSON does not have, as null.
    public mutating func number(_ value: Double) {
        beginValue()
        if !value.isFinite {
            bytes.append(contentsOf: "null".utf8)
        } else if value == value.rounded(), abs(value) < 9_007_199_254_740_992 {
            bytes.append(contentsOf: String(Int64(value)).utf8)
        } else {
            bytes.append(contentsOf: String(value).utf8)
        }
    }

    public mutating func bool(_ value: Bool) {
        beginValue()
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
    }

    public mutating func null() {
        beginValue()
        bytes.append(contentsOf: "null".utf8)
    }

    /// - Parameter value: one finished JSON value.
    public mutating func raw(_ value: some Sequence<UInt8>) {
        beginValue()
        bytes.append(contentsOf: value)
    }

    public mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let value): bool(value)
        case .number(let number): raw(number.text.utf8)
        case .string(let text): string(text)
        case .array(let items):
            beginArray()
            for item in items { self.value(item) }
            endArray()
        case .object(let object):
            beginObject()
            for (name, member) in object.members {
                key(name)
                self.value(member)
            }
            endObject()
        }
    }

    private mutating func beginValue() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func open(_ bracket: UInt8) {
        beginValue()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    @inline(__always)
    private func needsEscape(_ text: UnsafeRawBufferPointer, _ index: Int) -> Bool {
        let byte = text[index]
        if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return true }
        if byte == 0xC2 || byte == 0xE2 { return isLineSeparator(text, index) }
        guard escapesHTML else { return false }
        return byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "&")
    }

    /// U+0085: C2 85. U+2028 and U+2029: E2 80 A8, E2 80 A9. JSON allows them as they are; Python's `str.splitlines` and older
    /// JavaScript end a line there.
    private func isLineSeparator(_ text: UnsafeRawBufferPointer, _ index: Int) -> Bool {
        if text[index] == 0xC2 { return index + 1 < text.count && text[index + 1] == 0x85 }
        return index + 2 < text.count && text[index + 1] == 0x80 && text[index + 2] | 1 == 0xA9
    }

    /// Writes the escape; gives the number of bytes it stands for.
    private mutating func escape(_ text: UnsafeRawBufferPointer, _ index: Int) -> Int {
        let byte = text[index]
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): pair(byte)
        case 0x0A: pair(UInt8(ascii: "n"))
        case 0x0D: pair(UInt8(ascii: "r"))
        case 0x09: pair(UInt8(ascii: "t"))
        case 0xC2:
            bytes.append(contentsOf: "\\u0085".utf8)
            return 2
        case 0xE2:
            bytes.append(contentsOf: (text[index + 2] == 0xA8 ? "\\u2028" : "\\u2029").utf8)
            return 3
        default:
            bytes.append(contentsOf: "\\u00".utf8)
            bytes.append(Self.digit(byte >> 4))
            bytes.append(Self.digit(byte & 0xF))
        }
        return 1
    }

    private mutating func pair(_ second: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(second)
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? value + 0x30 : value + 0x57 }
}
