import Core

/// Puts bytes into chunks of many lengths, with what may stand around them.
struct ChunkWriting {
    private let bytes: [UInt8]
    private var random: SeededRandom

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        random = SeededRandom(seed: Cutting.hash(bytes))
    }

    mutating func chunks() -> [UInt8] {
        var out: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...64, using: &random))
            rest = rest.dropFirst(piece.count)
            let size = String(piece.count, radix: 16, uppercase: Bool.random(using: &random))
            let zeros = String(repeating: "0", count: Int.random(in: 0...3, using: &random))
            let extras = ["", "", ";a", ";a=b", " ; a=\"b c\"", ";"].randomElement(using: &random) ?? ""
            out += Array((zeros + size + extras + "\r\n").utf8) + piece + [0x0D, 0x0A]
        }
        let trailer = ["", "X-A: b\r\n", "A:\r\nB:c\r\n"].randomElement(using: &random) ?? ""
        return out + Array(("0\r\n" + trailer + "\r\n").utf8)
    }
}
