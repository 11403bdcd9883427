/// Where a stream of events stands that goes out in pieces, cut anywhere: between two events, where a comment or another event
/// may be put in, or inside one. Told by the last bytes alone, so a piece costs next to nothing.
public struct EventBoundary: Sendable, Equatable {
    /// The last bytes, the newest lowest.
    private var tail: UInt32 = 0x0A0A

    public init() {}

    /// A piece has gone out.
    public mutating func took(_ piece: UnsafeRawBufferPointer) {
        guard piece.count < 4 else {
            tail = UInt32(bigEndian: piece.loadUnaligned(fromByteOffset: piece.count - 4, as: UInt32.self))
            return
        }
        for byte in piece { tail = tail << 8 | UInt32(byte) }
    }

    /// Nothing has gone out, or an empty line was the last: it ends with LF, CR LF or CR. Behind a CR the LF that belongs to it
    /// may still come; as a line of its own it is empty, and ends nothing.
    public var isBetweenEvents: Bool {
        let last = Self.isLineEnd(tail) && Self.isLineEnd(tail >> 8)
        // CR LF is one line end, and not two.
        return tail & 0xFFFF == 0x0D0A ? Self.isLineEnd(tail >> 16) : last
    }

    private static func isLineEnd(_ bytes: UInt32) -> Bool { bytes & 0xFF == 0x0A || bytes & 0xFF == 0x0D }
}
