/// Names a trace: 128 bits, not all zero (W3C Trace Context, section 3.2.2.3).
public struct TraceID: Sendable, Hashable {
    public let high: UInt64
    public let low: UInt64

    /// Nil: there is no such one.
    public init?(high: UInt64, low: UInt64) {
        guard high != 0 || low != 0 else { return nil }
        self.high = high
        self.low = low
    }

    /// 32 hexadecimal digits.
    public var text: String { HexDigits.text(high) + HexDigits.text(low) }
}

/// Names a part of a trace: 64 bits, not all zero.
public struct SpanID: Sendable, Hashable {
    public let number: UInt64

    /// Nil: there is no such one.
    public init?(_ number: UInt64) {
        guard number != 0 else { return nil }
        self.number = number
    }

    /// 16 hexadecimal digits.
    public var text: String { HexDigits.text(number) }
}

/// Who asks, as `traceparent` tells it (W3C Trace Context, section 3.2).
public struct TraceParent: Sendable, Hashable {
    public enum Flags {
        /// The caller records the trace.
        public static let sampled: UInt8 = 1
        /// The trace's id is random (level 2).
        public static let random: UInt8 = 2
        /// What is passed on; of the others nobody knows what they mean.
        static let known = sampled | random
    }

    public var trace: TraceID
    public var span: SpanID
    /// Only known ones.
    public var flags: UInt8

    public init(trace: TraceID, span: SpanID, flags: UInt8) {
        self.trace = trace
        self.span = span
        self.flags = flags & Flags.known
    }

    /// Bytes of a value of version 00; one of a later version may be longer.
    private static let length = 55

    /// Nil: it is not valid. What a later version has put behind its known part is left out.
    public init?(_ text: String) {
        var text = text
        let parsed = text.withUTF8 { Self.parsed(UnsafeRawBufferPointer($0)) }
        guard let parsed else { return nil }
        self = parsed
    }

    private static func parsed(_ bytes: UnsafeRawBufferPointer) -> TraceParent? {
        let dash = UInt8(ascii: "-")
        guard bytes.count >= length, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let version = HexDigits.number(bytes, 0..<2), version != 0xFF,
            bytes.count == length || version > 0 && bytes[length] == dash,
            let high = HexDigits.number(bytes, 3..<19), let low = HexDigits.number(bytes, 19..<35),
            let trace = TraceID(high: high, low: low),
            let span = HexDigits.number(bytes, 36..<52).flatMap(SpanID.init),
            let flags = HexDigits.number(bytes, 53..<55)
        else { return nil }
        return TraceParent(trace: trace, span: span, flags: UInt8(truncatingIfNeeded: flags))
    }

    public var isSampled: Bool { flags & Flags.sampled != 0 }

    /// As version 00 writes it.
    public var text: String { "00-\(trace.text)-\(span.text)-\(HexDigits.text(UInt64(flags), digits: 2))" }
}

/// Numbers in hexadecimal digits, of which Trace Context allows the small ones alone.
enum HexDigits {
    static func text(_ number: UInt64, digits: Int = 16) -> String {
        String(unsafeUninitializedCapacity: digits) { buffer in
            for index in 0..<digits {
                let digit = UInt8(truncatingIfNeeded: (number >> UInt64((digits - 1 - index) * 4)) & 0xF)
                buffer[index] = digit < 10 ? digit + 0x30 : digit + 0x57
            }
            return digits
        }
    }

    /// - Parameter range: of at most 16 bytes.
    /// - Returns: nil if there is anything else.
    static func number(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> UInt64? {
        var number: UInt64 = 0
        for index in range {
            switch bytes[index] {
            case 0x30...0x39: number = number << 4 | UInt64(bytes[index] - 0x30)
            case 0x61...0x66: number = number << 4 | UInt64(bytes[index] - 0x57)
            default: return nil
            }
        }
        return number
    }
}
