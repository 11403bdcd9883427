import Compression

/// Codes an answer piece by piece, each so that it can be decoded as soon as it is there. Nothing is made smaller: each coding
/// has blocks that hold their bytes as they are, and these alone are used.
struct AnswerCoder {
    let coding: ContentCoding
    private var hasBegun = false
    private var crc: UInt32 = 0xFFFF_FFFF
    private var adler: (a: UInt32, b: UInt32) = (1, 0)
    private var length: UInt32 = 0

    init(_ coding: ContentCoding) { self.coding = coding }

    mutating func piece(_ text: [UInt8], isLast: Bool) -> [UInt8] {
        var out = begin()
        for byte in text { sum(byte) }
        length &+= UInt32(text.count)
        for start in stride(from: 0, to: text.count, by: Self.block) {
            out += block(text[start..<min(text.count, start + Self.block)])
        }
        if isLast { out += end }
        return out
    }

    /// Bytes of a block; each coding has larger ones.
    private static let block = 32 * 1024

    private mutating func block(_ text: ArraySlice<UInt8>) -> [UInt8] {
        let count = text.count
        defer { isFirst = false }
        return switch coding {
        // RFC 1951, section 3.2.4.
        case .gzip, .deflate: [0] + little(UInt32(count), bytes: 2) + little(~UInt32(count), bytes: 2) + text
        // RFC 8878, section 3.1.1.2.
        case .zstd: little(UInt32(count << 3), bytes: 3) + text
        // RFC 7932, section 9.2: the first one stands behind the bit for the size of the window.
        case .brotli: little(UInt32((1 << 19 | (count - 1) << 3) << (isFirst ? 1 : 0)), bytes: 3) + text
        }
    }

    private var end: [UInt8] {
        switch coding {
        case .gzip, .deflate: [1, 0, 0, 0xFF, 0xFF] + check
        case .zstd: [1, 0, 0]
        case .brotli: [3]
        }
    }

    /// What no decoder goes on with.
    mutating func garbage() -> [UInt8] { begin() + [UInt8](repeating: 0xFF, count: 16) }

    /// The first block is still to come.
    private var isFirst = true

    private mutating func begin() -> [UInt8] {
        defer { hasBegun = true }
        guard !hasBegun else { return [] }
        return switch coding {
        // RFC 1952, section 2.3.
        case .gzip: [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF]
        case .deflate: [0x78, 0x01]
        // A window of 1 MiB, and no length.
        case .zstd: [0x28, 0xB5, 0x2F, 0xFD, 0, 10 << 3]
        case .brotli: []
        }
    }

    private mutating func sum(_ byte: UInt8) {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        adler.a = (adler.a + UInt32(byte)) % 65521
        adler.b = (adler.b + adler.a) % 65521
    }

    private var check: [UInt8] {
        coding == .gzip
            ? little(~crc, bytes: 4) + little(length, bytes: 4)
            : little(adler.b << 16 | adler.a, bytes: 4).reversed()
    }

    private func little(_ value: UInt32, bytes: Int) -> [UInt8] { (0..<bytes).map { UInt8(value >> ($0 * 8) & 0xFF) } }
}
