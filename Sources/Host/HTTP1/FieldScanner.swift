import Glibc

/// A header field by its place in the bytes of its head.
public struct FieldSpan: Sendable, Equatable {
    public var name: Range<Int>
    public var value: Range<Int>
}

/// Reads the lines of a head that is known to be complete. Invariant: every read of `base` is at an index below
/// `end`, and `end` is the index behind the empty line that ends the head.
struct FieldScanner {
    let base: UnsafePointer<UInt8>
    var position: Int
    let end: Int

    /// The next field; nil at the empty line. Names are tokens; values hold no control characters but tabs
    /// (RFC 9110, section 5.5), and are trimmed.
    mutating func next() throws(HTTPParseError) -> FieldSpan? {
        if position + 1 < end, base[position] == 0x0D, base[position + 1] == 0x0A {
            position += 2
            return nil
        }
        let nameStart = position
        skipName()
        guard position > nameStart, position < end, base[position] == UInt8(ascii: ":") else { throw .badField }
        let name = nameStart..<position
        position += 1
        while position < end, base[position] == 0x20 || base[position] == 0x09 { position += 1 }
        let valueStart = position
        skipValue()
        guard position + 1 < end, base[position] == 0x0D, base[position + 1] == 0x0A else { throw .badField }
        var valueEnd = position
        while valueEnd > valueStart, base[valueEnd - 1] == 0x20 || base[valueEnd - 1] == 0x09 { valueEnd -= 1 }
        position += 2
        return FieldSpan(name: name, value: valueStart..<valueEnd)
    }

    /// Goes to the first byte that no name holds. What names are made of is taken eight bytes at a time: letters and hyphens.
    @inline(__always)
    private mutating func skipName() {
        while position + 8 <= end {
            let word = UnsafeRawPointer(base + position).loadUnaligned(as: UInt64.self)
            // In the high bit of a byte each, without a carry into the next one: not "a" to "z" in either case; not a hyphen.
            let low = word & 0x7F7F_7F7F_7F7F_7F7F
            let letter = low | 0x2020_2020_2020_2020
            let noLetter = ~(letter &+ 0x1F1F_1F1F_1F1F_1F1F) | (letter &+ 0x0505_0505_0505_0505)
            let noHyphen = (low ^ 0x2D2D_2D2D_2D2D_2D2D) &+ 0x7F7F_7F7F_7F7F_7F7F
            let marks = ((noLetter & noHyphen) | word) & 0x8080_8080_8080_8080
            if marks == 0 {
                position += 8
                continue
            }
            position += marks.littleEndian.trailingZeroBitCount / 8
            guard Self.isToken(base[position]) else { return }
            position += 1
        }
        while position < end, Self.isToken(base[position]) { position += 1 }
    }

    /// Goes to the first byte that no value holds, eight at a time where there are so many.
    @inline(__always)
    private mutating func skipValue() {
        while position + 8 <= end {
            let word = UnsafeRawPointer(base + position).loadUnaligned(as: UInt64.self)
            // The high bit of a byte says: below a space, or delete. A borrow may mark a byte behind such a one as well.
            let low = (word &- 0x2020_2020_2020_2020) & ~word
            let delete = word ^ 0x7F7F_7F7F_7F7F_7F7F
            let marks = (low | (delete &- 0x0101_0101_0101_0101) & ~delete) & 0x8080_8080_8080_8080
            if marks == 0 {
                position += 8
                continue
            }
            position += marks.littleEndian.trailingZeroBitCount / 8
            guard base[position] == 0x09 else { return }
            position += 1
        }
        while position < end, Self.isValue(base[position]) { position += 1 }
    }

    /// Goes behind the end of the line.
    mutating func skipLine() {
        guard position < end, let lineFeed = memchr(base + position, 0x0A, end - position) else {
            position = end
            return
        }
        position = UnsafeRawPointer(lineFeed) - UnsafeRawPointer(base) + 1
    }

    /// The minor version that the eight bytes at an index name: "HTTP/1.0" is 0, and what is above 1 is read as 1 (RFC 9110,
    /// section 2.5). There must be eight.
    @inline(__always)
    func minorVersion(at index: Int) throws(HTTPParseError) -> Int {
        let word = UInt64(bigEndian: UnsafeRawPointer(base + index).loadUnaligned(as: UInt64.self))
        if word == Self.newestVersion { return 1 }
        let number = word & 0xFF
        // Its name is in capital letters (RFC 9112, section 2.3).
        guard word >> 24 == Self.newestVersion >> 24, (0x30...0x39).contains(word >> 16 & 0xFF),
            word >> 8 & 0xFF == 0x2E,
            (0x30...0x39).contains(number)
        else { throw .badStartLine }
        guard word >> 16 & 0xFF == 0x31 else { throw .unsupportedVersion }
        return number == 0x30 ? 0 : 1
    }

    /// "HTTP/1.1"
    private static let newestVersion: UInt64 = 0x4854_5450_2F31_2E31

    /// Compares without case; `text` is in lower case.
    @inline(__always)
    func equals(_ span: Range<Int>, _ text: StaticString) -> Bool {
        guard span.count == text.utf8CodeUnitCount else { return false }
        let other = text.utf8Start
        for index in 0..<span.count where Self.lower(base[span.lowerBound + index]) != other[index] { return false }
        return true
    }

    /// Whether a comma-separated list has the member; compares without case.
    func lists(_ span: Range<Int>, _ text: StaticString) -> Bool {
        var start = span.lowerBound
        for index in span.lowerBound...span.upperBound
        where index == span.upperBound || base[index] == UInt8(ascii: ",") {
            var lower = start
            var upper = index
            while lower < upper, base[lower] == 0x20 || base[lower] == 0x09 { lower += 1 }
            while upper > lower, base[upper - 1] == 0x20 || base[upper - 1] == 0x09 { upper -= 1 }
            if equals(lower..<upper, text) { return true }
            start = index + 1
        }
        return false
    }

    /// A decimal number of at most 15 digits; nil otherwise.
    func decimal(_ span: Range<Int>) -> Int? {
        guard (1...15).contains(span.count) else { return nil }
        var value = 0
        for index in span {
            let digit = base[index] &- 0x30
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value
    }

    @inline(__always)
    static func lower(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    @inline(__always)
    static func isValue(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == 0x09 }

    /// RFC 9110, section 5.6.2; the two halves of the ASCII table as bits.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        let low: UInt64 = 0x03FF_6CFA_0000_0000
        let high: UInt64 = 0x57FF_FFFF_C7FF_FFFE
        if byte >= 0x80 { return false }
        return (byte < 64 ? low >> UInt64(byte) : high >> UInt64(byte - 64)) & 1 == 1
    }
}
