import NIOCore

/// Puts pieces one behind the other into the space of a buffer. Invariant: `count` bytes at the start of `space` are written;
/// a piece that does not fit is a mistake in the caller's sum, and stops the program rather than write elsewhere.
public struct PieceWriter {
    private let space: UnsafeMutableRawBufferPointer
    fileprivate private(set) var count = 0

    fileprivate init(_ space: UnsafeMutableRawBufferPointer) { self.space = space }

    @inline(__always)
    public mutating func put(_ piece: UnsafeRawBufferPointer) {
        precondition(piece.count <= space.count - count, "the pieces are longer than was said")
        UnsafeMutableRawBufferPointer(rebasing: space[count..<count + piece.count]).copyMemory(from: piece)
        count += piece.count
    }

    @inline(__always)
    public mutating func put(_ text: StaticString) {
        put(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    public mutating func put(_ text: String) {
        var text = text
        text.withUTF8 { put(UnsafeRawBufferPointer($0)) }
    }

    /// A line end and a header field behind it.
    public mutating func put(field name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        put("\r\n")
        put(name)
        put(": ")
        put(value)
    }
}

extension ByteBuffer {
    /// Writes many pieces in one go: each write of the buffer's own costs as much as a hundred bytes.
    /// - Parameter limit: bytes that the pieces have together at most.
    @inline(__always)
    public mutating func writePieces(atMost limit: Int, _ body: (inout PieceWriter) -> Void) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: limit) { space in
            var writer = PieceWriter(space)
            body(&writer)
            return writer.count
        }
    }

    /// Writes a line end and a header field behind it, in one go: heads are made of many.
    /// - Parameter name: valid in HTTP, as `value` is.
    public mutating func writeField(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        let length = 4 + name.count + value.count
        writeWithUnsafeMutableBytes(minimumWritableBytes: length) { space in
            space[0] = 0x0D
            space[1] = 0x0A
            UnsafeMutableRawBufferPointer(rebasing: space[2..<2 + name.count]).copyMemory(from: name)
            space[2 + name.count] = UInt8(ascii: ":")
            space[3 + name.count] = 0x20
            UnsafeMutableRawBufferPointer(rebasing: space[4 + name.count..<length]).copyMemory(from: value)
            return length
        }
    }
}
