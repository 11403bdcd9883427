import NIOCore
import Shims

/// Escapes what ends a line for some readers only: vertical tab, form feed, U+001C...U+001F, U+0085, U+2028, U+2029
/// (Python's `str.splitlines`, and libraries that read streams with it). Servers write them as they are, since JSON allows the
/// latter three inside strings, and there alone; so `\u2028` in their place means the same. For streams of lines and events, which
/// come in pieces, cut anywhere.
public struct LineSeparators: Sendable {
    /// The end of the piece before: the first bytes of what may be one.
    private var open: [UInt8] = []

    public init() {}

    /// Makes of a piece what can be sent now, which may be nothing. A piece without separators stays the buffer that it was.
    public mutating func escape(_ piece: inout ByteBuffer) {
        if !open.isEmpty {
            var whole = ByteBuffer(bytes: open)
            whole.writeBuffer(&piece)
            piece = whole
            open = []
        }
        var found = Self.first(in: piece, from: 0)
        guard found.place < piece.readableBytes else { return }
        var escaped = ByteBuffer()
        escaped.reserveCapacity(piece.readableBytes + 16)
        var start = 0
        while found.place < piece.readableBytes {
            if let text = piece.getSlice(at: piece.readerIndex + start, length: found.place - start) {
                escaped.writeImmutableBuffer(text)
            }
            start = found.place + found.size
            if found.character == 0 {
                open = Array(piece.readableBytesView[(piece.readerIndex + found.place)...])
                start = piece.readableBytes
            } else {
                Self.write(found.character, to: &escaped)
            }
            found = Self.first(in: piece, from: start)
        }
        if let text = piece.getSlice(at: piece.readerIndex + start, length: piece.readableBytes - start) {
            escaped.writeImmutableBuffer(text)
        }
        piece = escaped
    }

    /// What is left at the end: bytes that were the beginning of no separator.
    public mutating func finish() -> ByteBuffer {
        defer { open = [] }
        return ByteBuffer(bytes: open)
    }

    /// Escapes a text that is there whole.
    public static func escaped(_ text: [UInt8]) -> [UInt8] {
        var (separators, piece) = (LineSeparators(), ByteBuffer(bytes: text))
        separators.escape(&piece)
        var rest = separators.finish()
        piece.writeBuffer(&rest)
        return Array(piece.readableBytesView)
    }

    private static func first(in piece: ByteBuffer, from start: Int) -> (place: Int, size: Int, character: UInt32) {
        piece.withUnsafeReadableBytes { bytes in
            guard start < bytes.count, let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else {
                return (bytes.count, 0, 0)
            }
            var (size, character) = (0, UInt32(0))
            let place = nexus_find_separator(base + start, bytes.count - start, &size, &character)
            return (start + place, size, character)
        }
    }

    private static func write(_ character: UInt32, to escaped: inout ByteBuffer) {
        escaped.writeStaticString("\\u")
        for shift in [12, 8, 4, 0] as [UInt32] {
            let digit = UInt8(truncatingIfNeeded: character >> shift & 0xF)
            escaped.writeInteger(digit < 10 ? digit + 0x30 : digit + 0x57)
        }
    }
}
