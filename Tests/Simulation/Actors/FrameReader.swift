/// Reads what a WebSocket server sends (RFC 6455, section 5), strictly.
struct FrameReader {
    enum Frame {
        case text([UInt8])
        case ping([UInt8])
        case pong([UInt8])
        /// Nil: no code was given.
        case close(UInt16?)
        case broken(String)
    }

    private var bytes: [UInt8] = []
    private var at = 0

    mutating func feed(_ input: some Sequence<UInt8>) -> [Frame] {
        bytes += input
        var frames: [Frame] = []
        while let frame = next() { frames.append(frame) }
        bytes.removeFirst(at)
        at = 0
        return frames
    }

    /// Nil: more bytes are needed.
    private mutating func next() -> Frame? {
        guard bytes.count - at >= 2 else { return nil }
        let (first, second) = (bytes[at], bytes[at + 1])
        guard first & 0xF0 == 0x80, second & 0x80 == 0 else { return .broken("a frame that begins \(first) \(second)") }
        let lengthBytes = second == 126 ? 2 : second == 127 ? 8 : 0
        let start = at + 2 + lengthBytes
        guard bytes.count >= start else { return nil }
        let length = lengthBytes == 0 ? Int(second) : bytes[at + 2..<start].reduce(0) { $0 << 8 | Int($1) }
        guard bytes.count - start >= length else { return nil }
        let payload = Array(bytes[start..<start + length])
        at = start + length
        switch first & 0x0F {
        case 0x1: return .text(payload)
        case 0x8: return .close(length >= 2 ? UInt16(payload[0]) << 8 | UInt16(payload[1]) : nil)
        case 0x9: return .ping(payload)
        case 0xA: return .pong(payload)
        default: return .broken("a frame of kind \(first & 0x0F)")
        }
    }

    /// A frame as a client sends it: under a mask (section 5.3).
    static func masked(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, key: UInt32) -> [UInt8] {
        var frame = [isFinal ? 0x80 | opcode : opcode]
        if payload.count < 126 {
            frame.append(0x80 | UInt8(payload.count))
        } else {
            frame += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        }
        for place in 0..<4 { frame.append(UInt8(truncatingIfNeeded: key >> UInt32(24 - 8 * place))) }
        for (index, byte) in payload.enumerated() {
            frame.append(byte ^ UInt8(truncatingIfNeeded: key >> UInt32(24 - index % 4 * 8)))
        }
        return frame
    }
}
