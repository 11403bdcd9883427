import Core
import NIOCore

/// How much of an error answer is still read: counts its bytes, and knows when its time is up.
struct ErrorBodyRest {
    private(set) var left = ErrorBodyLimits.bytes
    let end: NIODeadline

    /// - Parameter now: when its head came.
    init(now: NIODeadline) { end = now + TimeAmount(ErrorBodyLimits.time) }

    /// Nil: the answer is none of an error.
    init?(status: Int, now: @autoclosure () -> NIODeadline) {
        guard !(200...299).contains(status) else { return nil }
        self.init(now: now())
    }

    var isOver: Bool { left == 0 }

    /// The part of a piece that still counts.
    mutating func take(_ piece: ByteBuffer) -> ByteBuffer {
        let count = min(left, piece.readableBytes)
        left -= count
        return piece.getSlice(at: piece.readerIndex, length: count) ?? piece
    }
}
