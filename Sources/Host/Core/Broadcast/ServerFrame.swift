import NIOCore

/// Writes frames of a WebSocket as a server sends them (RFC 6455, section 5.2). They have no mask, so the same bytes serve all peers.
public enum ServerFrame {
    public enum Opcode: UInt8, Sendable {
        case text = 0x1
        case close = 0x8
        case ping = 0x9
        case pong = 0xA
    }

    /// A whole message of text.
    public static func text(_ message: [UInt8]) -> ByteBuffer {
        var out = ByteBuffer()
        append(message, to: &out)
        return out
    }

    public static func append(_ message: [UInt8], to out: inout ByteBuffer) {
        out.reserveCapacity(minimumWritableBytes: message.count + 10)
        head(.text, message.count, &out)
        out.writeBytes(message)
    }

    /// - Parameter data: at most 125 bytes.
    public static func control(_ opcode: Opcode, _ data: ByteBuffer = ByteBuffer()) -> ByteBuffer {
        var out = ByteBuffer()
        head(opcode, data.readableBytes, &out)
        out.writeImmutableBuffer(data)
        return out
    }

    private static func head(_ opcode: Opcode, _ length: Int, _ out: inout ByteBuffer) {
        // The first and last of its message.
        out.writeInteger(0x80 | opcode.rawValue)
        switch length {
        case ...125: out.writeInteger(UInt8(length))
        case ...0xFFFF:
            out.writeInteger(UInt8(126))
            out.writeInteger(UInt16(length))
        default:
            out.writeInteger(UInt8(127))
            out.writeInteger(UInt64(length))
        }
    }
}
