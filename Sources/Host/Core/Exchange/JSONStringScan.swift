/// A string of a JSON text, as it is written.
struct ScannedString {
    /// Between the quotes.
    var span: Range<Int>
    /// ASCII without escapes: what is written is what is meant.
    var isPlain: Bool
}

/// The scan of one JSON string (RFC 8259, section 7) that the request scanner spends most of its time in.
enum JSONStringScan {
    enum Failure: String, Error {
        case unterminated = "a string is not terminated"
        case control = "a control character in a string must be escaped"
        case escape = "an unknown escape in a string"
        case utf8 = "a string is not valid UTF-8"
    }

    /// Scans the string whose opening quote is at `position`; leaves `position` behind the closing quote (or at
    /// the offending byte) and gives the span between the quotes. Every read is below `count`.
    static func scan(
        _ base: UnsafePointer<UInt8>, _ count: Int, from position: inout Int
    ) throws(Failure) -> ScannedString {
        let start = position + 1
        var index = start
        var isPlain = true
        while true {
            index = endOfPlainRun(base, count, from: index)
            position = index
            guard index < count else { throw .unterminated }
            let byte = base[index]
            if byte == UInt8(ascii: "\"") {
                position = index + 1
                return ScannedString(span: start..<index, isPlain: isPlain)
            }
            isPlain = false
            if byte == UInt8(ascii: "\\") {
                index = try escape(base, count, at: index)
            } else if byte < 0x20 {
                throw .control
            } else {
                let length = utf8Length(base, count, at: index)
                guard length > 0 else { throw .utf8 }
                index += length
            }
        }
    }

    /// The first index from `index` on whose byte is a quote, a backslash, a control character or not ASCII;
    /// eight bytes at a time. A borrow can only mark bytes after the first true hit, so the first mark is exact.
    @inline(__always)
    private static func endOfPlainRun(_ base: UnsafePointer<UInt8>, _ count: Int, from index: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var index = index
        while count - index >= 8 {
            let word = UInt64(
                littleEndian: UnsafeRawPointer(base + index).loadUnaligned(as: UInt64.self))
            let quote = word ^ (ones &* 0x22)
            let slash = word ^ (ones &* 0x5C)
            let marks =
                (((quote &- ones) & ~quote) | ((slash &- ones) & ~slash)
                    | ((word &- (ones &* 0x20)) & ~word) | word) & highs
            if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < count {
            let byte = base[index]
            if byte == 0x22 || byte == 0x5C || byte < 0x20 || byte >= 0x80 { return index }
            index += 1
        }
        return index
    }

    private static func escape(
        _ base: UnsafePointer<UInt8>, _ count: Int, at index: Int
    ) throws(Failure) -> Int {
        guard index + 1 < count else { throw .unterminated }
        switch base[index + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return index + 2
        case UInt8(ascii: "u"):
            guard index + 6 <= count else { throw .unterminated }
            for offset in 2..<6 where hexValue(base[index + offset]) == nil { throw .escape }
            return index + 6
        default:
            throw .escape
        }
    }

    private static func hexValue(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte) - 0x30
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte) - 0x61 + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte) - 0x41 + 10
        default: nil
        }
    }

    /// Length of the well-formed UTF-8 sequence at `index` (Unicode 15, table 3-7), 0 if there is none.
    private static func utf8Length(_ base: UnsafePointer<UInt8>, _ count: Int, at index: Int) -> Int {
        func continuation(_ offset: Int, _ allowed: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            index + offset < count && allowed.contains(base[index + offset])
        }
        switch base[index] {
        case 0x00...0x7F: return 1
        case 0xC2...0xDF: return continuation(1) ? 2 : 0
        case 0xE0: return continuation(1, 0xA0...0xBF) && continuation(2) ? 3 : 0
        case 0xED: return continuation(1, 0x80...0x9F) && continuation(2) ? 3 : 0
        case 0xE1...0xEF: return continuation(1) && continuation(2) ? 3 : 0
        case 0xF0: return continuation(1, 0x90...0xBF) && continuation(2) && continuation(3) ? 4 : 0
        case 0xF1...0xF3: return continuation(1) && continuation(2) && continuation(3) ? 4 : 0
        case 0xF4: return continuation(1, 0x80...0x8F) && continuation(2) && continuation(3) ? 4 : 0
        default: return 0
        }
    }

    /// The text of a string that `scan` accepted. A lone surrogate becomes U+FFFD.
    static func unescaped(_ text: UnsafeBufferPointer<UInt8>) -> String {
        guard text.contains(UInt8(ascii: "\\")) else { return String(decoding: text, as: UTF8.self) }
        var units: [UInt16] = []
        var result = ""
        var run = 0
        var index = 0
        func flushUnits() {
            if !units.isEmpty { result += String(decoding: units, as: UTF16.self) }
            units.removeAll(keepingCapacity: true)
        }
        while index < text.count {
            guard text[index] == UInt8(ascii: "\\") else {
                index += 1
                continue
            }
            if index > run {
                flushUnits()
                result += String(decoding: text[run..<index], as: UTF8.self)
            }
            switch text[index + 1] {
            case UInt8(ascii: "u"):
                let code = (2..<6).reduce(UInt32(0)) { $0 << 4 | (hexValue(text[index + $1]) ?? 0) }
                units.append(UInt16(truncatingIfNeeded: code))
                index += 6
            case let byte:
                flushUnits()
                let plain: Unicode.Scalar =
                    switch byte {
                    case UInt8(ascii: "b"): "\u{8}"
                    case UInt8(ascii: "f"): "\u{C}"
                    case UInt8(ascii: "n"): "\n"
                    case UInt8(ascii: "r"): "\r"
                    case UInt8(ascii: "t"): "\t"
                    default: Unicode.Scalar(byte)
                    }
                result.unicodeScalars.append(plain)
                index += 2
            }
            run = index
        }
        flushUnits()
        if run < text.count { result += String(decoding: text[run...], as: UTF8.self) }
        return result
    }
}
