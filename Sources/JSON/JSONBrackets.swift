/// The open brackets of a JSON text, a bit each, the innermost lowest: set for an object. Room for `JSONScan.maximumDepth`.
struct JSONBrackets: Sendable {
    private var bits: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    private(set) var depth = 0

    @inline(__always)
    var isInObject: Bool { bits.0 & 1 != 0 }

    @inline(__always)
    mutating func open(isObject: Bool) {
        if depth >= 64 {
            bits.3 = bits.3 << 1 | bits.2 >> 63
            bits.2 = bits.2 << 1 | bits.1 >> 63
            bits.1 = bits.1 << 1 | bits.0 >> 63
        }
        bits.0 = bits.0 << 1 | (isObject ? 1 : 0)
        depth += 1
    }

    @inline(__always)
    mutating func close() {
        bits.0 >>= 1
        if depth > 64 {
            bits.0 |= bits.1 << 63
            bits.1 = bits.1 >> 1 | bits.2 << 63
            bits.2 = bits.2 >> 1 | bits.3 << 63
            bits.3 >>= 1
        }
        depth -= 1
    }
}
