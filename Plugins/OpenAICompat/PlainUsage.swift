/// Reads the counts of a usage object as servers write it, in one pass and without a copy: members whose values are whole
/// numbers, null, or one level of such objects. For OpenAI's older shape alone, which is in most answers.
struct PlainUsage {
    private let bytes: UnsafeRawBufferPointer
    private var index = 0
    private var usage = TokenUsage()

    /// Nil if the text is anything else, which says nothing about it.
    static func scan(_ bytes: UnsafeRawBufferPointer) -> TokenUsage? {
        var scan = PlainUsage(bytes: bytes)
        guard scan.object(inside: nil), scan.index == bytes.count else { return nil }
        // The sum alone, or other names: not read here.
        guard scan.usage.prompt != nil || scan.usage.completion != nil else { return nil }
        return scan.usage
    }

    private init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// - Parameter outer: the name of the object; nil: the outermost.
    private mutating func object(inside outer: Range<Int>?) -> Bool {
        guard take(UInt8(ascii: "{")) else { return false }
        if take(UInt8(ascii: "}")) { return true }
        while true {
            guard let name = name(), take(UInt8(ascii: ":")), value(of: name, inside: outer) else { return false }
            if take(UInt8(ascii: ",")) { continue }
            return take(UInt8(ascii: "}"))
        }
    }

    private mutating func value(of name: Range<Int>, inside outer: Range<Int>?) -> Bool {
        skipSpace()
        guard index < bytes.count else { return false }
        switch bytes[index] {
        case UInt8(ascii: "{"): return outer == nil && object(inside: name)
        case UInt8(ascii: "n"):
            guard bytes.count - index >= 4, matches(index..<index + 4, "null") else { return false }
            index += 4
            return true
        default:
            guard let number = number() else { return false }
            if let outer {
                if matches(outer, "prompt_tokens_details"), matches(name, "cached_tokens") { usage.cached = number }
            } else if matches(name, "prompt_tokens") {
                usage.prompt = number
            } else if matches(name, "completion_tokens") {
                usage.completion = number
            }
            return true
        }
    }

    /// A name without escapes, without its quotes.
    private mutating func name() -> Range<Int>? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        let start = index
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            guard bytes[index] != UInt8(ascii: "\\"), bytes[index] >= 0x20, bytes[index] < 0x80 else { return nil }
            index += 1
        }
        guard index < bytes.count else { return nil }
        index += 1
        return start..<index - 1
    }

    /// A whole number of up to 15 digits, as JSON writes it.
    private mutating func number() -> UInt64? {
        let start = index
        var number: UInt64 = 0
        while index < bytes.count, bytes[index] &- 0x30 < 10, index - start < 16 {
            number = number * 10 + UInt64(bytes[index] &- 0x30)
            index += 1
        }
        guard index > start, index - start < 16, bytes[start] != 0x30 || index - start == 1 else { return nil }
        return number
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard index < bytes.count, bytes[index] == byte else { return false }
        index += 1
        return true
    }

    private mutating func skipSpace() {
        while index < bytes.count,
            bytes[index] == 0x20 || bytes[index] == 0x0A || bytes[index] == 0x0D || bytes[index] == 0x09
        { index += 1 }
    }

    private func matches(_ span: Range<Int>, _ text: StaticString) -> Bool {
        guard span.count == text.utf8CodeUnitCount else { return false }
        for offset in 0..<span.count where bytes[span.lowerBound + offset] != text.utf8Start[offset] { return false }
        return true
    }
}
