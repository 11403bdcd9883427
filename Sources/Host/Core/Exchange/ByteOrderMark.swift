import NIOCore

/// UTF-8's byte order mark at the start of a text. It says nothing; JSON's parsers may take it for an error (RFC 8259, section
/// 8.1), and some programs write it all the same.
public struct ByteOrderMark: Sendable {
    private static let bytes: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// Takes it off a text that is there whole.
    public static func skip(_ text: inout ByteBuffer) {
        if text.readableBytesView.starts(with: bytes) { text.moveReaderIndex(forwardBy: bytes.count) }
    }

    // MARK: Of a text that comes in pieces

    /// Bytes of the mark that have come; nil: what begins the text is settled.
    private var seen: Int? = 0

    public init() {}

    /// From here on pieces pass as they are.
    public var isSettled: Bool { seen == nil }

    /// What of the next piece goes on, and of the pieces before it: nothing while it may still be the mark.
    public mutating func take(_ piece: ByteBuffer) -> ByteBuffer {
        guard let before = seen else { return piece }
        // Nearly every text begins otherwise.
        if before == 0, let first = piece.getInteger(at: piece.readerIndex, as: UInt8.self), first != 0xEF {
            seen = nil
            return piece
        }
        var piece = piece
        var count = before
        for byte in piece.readableBytesView.prefix(Self.bytes.count - before) {
            guard byte == Self.bytes[count] else {
                seen = nil
                return Self.text(before, piece)
            }
            count += 1
        }
        piece.moveReaderIndex(forwardBy: count - before)
        seen = count == Self.bytes.count ? nil : count
        return piece
    }

    /// What is left of a text that has ended.
    public mutating func finish() -> ByteBuffer {
        defer { seen = nil }
        return Self.text(seen ?? 0, ByteBuffer())
    }

    /// The first bytes of the mark, which were none, before a piece.
    private static func text(_ count: Int, _ piece: ByteBuffer) -> ByteBuffer {
        guard count > 0 else { return piece }
        var text = ByteBuffer(bytes: bytes[..<count])
        text.writeImmutableBuffer(piece)
        return text
    }
}
