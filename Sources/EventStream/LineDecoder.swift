import Glibc

/// Cuts a stream of bytes into lines, whatever way it comes in pieces: a line ends with LF, CR LF or CR. A line longer
/// than the limit is an error. Lines that lie whole in a piece are given in place; only the rest of a piece is copied.
public struct LineDecoder: Sendable {
    public struct TooLong: Error, Sendable, Equatable {}

    /// Bytes of one line: models send whole images as base64.
    public static let defaultLimit = 16 * 1024 * 1024

    private let limit: Int
    private var partial: [UInt8] = []
    private var skipsLineFeed = false

    public init(limit: Int = LineDecoder.defaultLimit) { self.limit = limit }

    /// Bytes of a line that is not complete yet.
    public var pending: Int { partial.count }

    /// Calls `line` for each line that is complete with this piece, without its end, and with the index in `bytes` behind
    /// the line's end. Returns early when `line` returns false.
    public mutating func feed(
        _ bytes: UnsafeRawBufferPointer, _ line: (UnsafeRawBufferPointer, Int) -> Bool
    ) throws(TooLong) {
        var start = 0
        if skipsLineFeed, let first = bytes.first {
            skipsLineFeed = false
            if first == 0x0A { start = 1 }
        }
        var index = start
        while let end = Self.lineEnd(bytes, from: index) {
            var next = end + 1
            if bytes[end] == 0x0D {
                if next < bytes.count {
                    if bytes[next] == 0x0A { next += 1 }
                } else {
                    skipsLineFeed = true
                }
            }
            let goOn: Bool
            if partial.isEmpty {
                guard end - start <= limit else { throw TooLong() }
                goOn = line(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), next)
            } else {
                partial.append(contentsOf: bytes[start..<end])
                guard partial.count <= limit else { throw TooLong() }
                let whole = partial
                partial.removeAll(keepingCapacity: true)
                goOn = whole.withUnsafeBytes { line($0, next) }
            }
            guard goOn else { return }
            start = next
            index = next
        }
        guard partial.count + bytes.count - start <= limit else { throw TooLong() }
        if start < bytes.count { partial.append(contentsOf: bytes[start...]) }
    }

    /// The last line, if the stream ended without a line end.
    public mutating func finish(_ line: (UnsafeRawBufferPointer) -> Void) {
        guard !partial.isEmpty else { return }
        let whole = partial
        partial = []
        whole.withUnsafeBytes { line($0) }
    }

    /// The first LF or CR from `start` on. Looked for in steps that grow, so that neither lines that end with CR alone nor
    /// long lines are searched for the other end again and again.
    private static func lineEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard start < bytes.count, let base = bytes.baseAddress else { return nil }
        var from = start
        var step = 256
        while from < bytes.count {
            let count = min(step, bytes.count - from)
            let lineFeed = memchr(base + from, 0x0A, count).map { UnsafeRawPointer($0) - base }
            let limit = lineFeed ?? from + count
            if let hit = memchr(base + from, 0x0D, limit - from) { return UnsafeRawPointer(hit) - base }
            if let lineFeed { return lineFeed }
            from += count
            step *= 2
        }
        return nil
    }
}
