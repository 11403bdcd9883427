import Shims

/// The hash of FIPS 180-4, section 6.2: for names that must be short and not be guessed from, for keys, and for files.
///
/// A value takes a message piece by piece, in any pieces; it holds less than a block of it.
public struct SHA256 {
    /// Bytes of a block.
    static let block = 64

    private var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
    /// What came and is no whole block yet.
    private var rest: [UInt8] = []
    private var length: UInt64 = 0

    public init() {}

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        length &+= UInt64(bytes.count)
        var bytes = bytes[...]
        if !rest.isEmpty {
            let taken = bytes.prefix(Self.block - rest.count)
            rest += taken
            bytes = bytes.dropFirst(taken.count)
            guard rest.count == Self.block else { return }
            rest.withUnsafeBytes { mix($0) }
            rest = []
        }
        let whole = bytes.count - bytes.count % Self.block
        mix(UnsafeRawBufferPointer(rebasing: bytes.prefix(whole)))
        rest += bytes.dropFirst(whole)
    }

    /// 32 bytes, of everything that came.
    public func finished() -> [UInt8] {
        var last = self
        let bits = length &* 8
        var padding: [UInt8] = [0x80]
        while (rest.count + padding.count) % Self.block != Self.block - 8 { padding.append(0) }
        for index in 0..<8 { padding.append(UInt8(truncatingIfNeeded: bits >> UInt64(56 - 8 * index))) }
        padding.withUnsafeBytes { last.update($0) }
        return last.state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * $0)) } }
    }

    /// Whole blocks.
    private mutating func mix(_ blocks: UnsafeRawBufferPointer) {
        guard let start = blocks.assumingMemoryBound(to: UInt8.self).baseAddress else { return }
        state.withUnsafeMutableBufferPointer { nexus_sha256_blocks($0.baseAddress, start, blocks.count / Self.block) }
    }

    /// 64 hexadecimal digits.
    public static func hexadecimal(of text: String) -> String { Hexadecimal.text(hash(Array(text.utf8))) }

    /// 32 bytes.
    public static func hash(_ message: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        message.withUnsafeBytes { hash.update($0) }
        return hash.finished()
    }
}

/// A hash that only who has the key can make (RFC 2104, with SHA-256).
enum HMAC {
    static func code(of message: [UInt8], key: [UInt8]) -> [UInt8] {
        var key = key.count > SHA256.block ? SHA256.hash(key) : key
        key += [UInt8](repeating: 0, count: SHA256.block - key.count)
        return SHA256.hash(key.map { $0 ^ 0x5C } + SHA256.hash(key.map { $0 ^ 0x36 } + message))
    }
}

/// Bytes as text, two digits each.
public enum Hexadecimal {
    public static func text(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    static func isDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }

    /// Nil: it is none. Capital letters are taken, too.
    public static func bytes(_ text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in text.utf8 {
            let digit: UInt8
            switch character {
            case 0x30...0x39: digit = character - 0x30
            case 0x41...0x46: digit = character - 0x37
            case 0x61...0x66: digit = character - 0x57
            default: return nil
            }
            if let before = high {
                bytes.append(before << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return high == nil ? bytes : nil
    }
}
