/// Reads an event stream that comes in pieces, cut anywhere, line by line: what a line ends with, and a byte order mark at
/// the start, are settled here and nowhere else. Lines that lie whole in a piece are given in place, with where they end, so
/// that a stream can be passed on without a copy.
public struct EventStreamLines: Sendable {
    private var lines: LineDecoder
    private var isAtStart = true

    /// - Parameter limit: bytes of one line.
    public init(limit: Int = LineDecoder.defaultLimit) { lines = LineDecoder(limit: limit) }

    /// Calls `line` for each line that is complete with this piece, and with the index in `bytes` behind the line's end.
    /// Returns early when `line` returns false.
    @inline(__always)
    public mutating func feed(
        _ bytes: UnsafeRawBufferPointer, _ line: (EventStreamLine, Int) -> Bool
    ) throws(LineDecoder.TooLong) {
        guard isAtStart else { return try lines.feed(bytes) { line(EventStreamLine($0), $1) } }
        var isAtStart = true
        defer { self.isAtStart = isAtStart }
        try lines.feed(bytes) { text, next in
            defer { isAtStart = false }
            return line(EventStreamLine(isAtStart ? Self.withoutMark(text) : text), next)
        }
    }

    /// The last line, if the stream ended without a line end.
    public mutating func finish(_ line: (EventStreamLine) -> Void) {
        let isAtStart = isAtStart
        lines.finish { line(EventStreamLine(isAtStart ? Self.withoutMark($0) : $0)) }
        self.isAtStart = false
    }

    private static func withoutMark(_ line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        EventStreamLine.starts(line, "\u{FEFF}") ? UnsafeRawBufferPointer(rebasing: line[3...]) : line
    }
}
