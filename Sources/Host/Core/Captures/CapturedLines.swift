/// Lines of a stream that was kept. They end as those of event streams do: with CR, with LF, or with both.
struct CapturedLines: Sequence, IteratorProtocol {
    struct Line {
        var text: ArraySlice<UInt8>
        /// Nothing but CR and LF; empty: the last one does not end.
        var ending: ArraySlice<UInt8>
    }

    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    mutating func next() -> Line? {
        guard !rest.isEmpty else { return nil }
        let end = rest.firstIndex(where: Self.isEnd) ?? rest.endIndex
        var next = end
        if next < rest.endIndex {
            next += 1
            if rest[end] == UInt8(ascii: "\r"), next < rest.endIndex, rest[next] == UInt8(ascii: "\n") { next += 1 }
        }
        let line = Line(text: rest[..<end], ending: rest[end..<next])
        rest = rest[next...]
        return line
    }

    /// Without the last line if that has no end.
    static func whole(of bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        bytes.lastIndex(where: isEnd).map { bytes[...$0] } ?? []
    }

    /// What of it is one event: the lines until one that is empty, and that one.
    static func event(of bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var lines = CapturedLines(bytes)
        while let line = lines.next() {
            if line.text.isEmpty { return bytes[..<line.ending.endIndex] }
        }
        return bytes
    }

    private static func isEnd(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") }
}

/// A line of an event stream: a field's name, and what it holds.
struct CapturedField {
    private static let known = ["", "data", "event", "id", "retry"].map { Array($0.utf8) }
    /// Bytes of what may be a name of an event.
    private static let longestName = 64

    let name: ArraySlice<UInt8>
    /// Without the spaces in front.
    let value: ArraySlice<UInt8>

    init(_ line: ArraySlice<UInt8>) {
        let end = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        name = line[..<end]
        value = line[end...].dropFirst().drop { $0 == UInt8(ascii: " ") }
    }

    var isData: Bool { name.elementsEqual("data".utf8) }
    /// Names of other fields may be anything that somebody has written.
    var isKnown: Bool { Self.known.contains { name.elementsEqual($0) } }

    /// It is what events are called, and no text.
    var isPlain: Bool {
        value.count <= Self.longestName
            && value.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
