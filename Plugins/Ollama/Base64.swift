/// Base64 (RFC 4648, section 4) of floats, as OpenAI encodes embeddings: 32 bits, little-endian.
enum Base64 {
    static func floats(_ numbers: [JSONValue]) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(numbers.count * 4)
        for number in numbers {
            withUnsafeBytes(of: Float(number.double ?? 0).bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return encode(bytes)
    }

    static func encode(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let word = group.reduce(0) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for position in 0..<4 {
                let index = Int(word >> UInt32(18 - 6 * position)) & 0x3F
                out.append(position <= group.count ? alphabet[index] : UInt8(ascii: "="))
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
