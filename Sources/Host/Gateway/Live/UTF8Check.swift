/// Whether bytes that come one after another are UTF-8 (RFC 3629, section 4): no with the first byte that no text goes on with.
struct UTF8Check: Equatable {
    /// Bytes of the character under way that are still to come.
    private var left = 0
    /// What the next of them may be.
    private var next: ClosedRange<UInt8> = 0x80...0xBF

    /// No character is under way.
    var isWhole: Bool { left == 0 }

    /// False: it is no UTF-8.
    @inline(__always)
    mutating func take(_ byte: UInt8) -> Bool {
        guard left > 0 else { return byte < 0x80 || begin(byte) }
        guard next.contains(byte) else { return false }
        next = 0x80...0xBF
        left -= 1
        return true
    }

    /// Overlong forms, surrogates and what is beyond U+10FFFF show in the second byte.
    private mutating func begin(_ byte: UInt8) -> Bool {
        switch byte {
        case 0xC2...0xDF: left = 1
        case 0xE0: (left, next) = (2, 0xA0...0xBF)
        case 0xED: (left, next) = (2, 0x80...0x9F)
        case 0xE1...0xEF: left = 2
        case 0xF0: (left, next) = (3, 0x90...0xBF)
        case 0xF1...0xF3: left = 3
        case 0xF4: (left, next) = (3, 0x80...0x8F)
        default: return false
        }
        return true
    }
}
