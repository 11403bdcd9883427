/// One line of an event stream, looked at in place.
enum EventLine {
    static func isData(_ line: UnsafeRawBufferPointer) -> Bool {
        starts(line, "data:")
    }

    static func isComment(_ line: UnsafeRawBufferPointer) -> Bool { line.first == UInt8(ascii: ":") }

    /// The value of a data line: one space after the colon does not belong to it.
    static func data(_ line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let start = line.count > 5 && line[5] == 0x20 ? 6 : 5
        return UnsafeRawBufferPointer(rebasing: line[start...])
    }

    /// A line without the byte order mark that may stand at the start of a stream.
    static func withoutMark(_ line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        starts(line, "\u{FEFF}") ? UnsafeRawBufferPointer(rebasing: line[3...]) : line
    }

    static func isBlank(_ data: UnsafeRawBufferPointer) -> Bool { !data.contains { $0 > 0x20 } }

    /// Whether the data are the end mark of OpenAI's streams, with or without spaces around.
    static func isDone(_ data: UnsafeRawBufferPointer) -> Bool {
        starts(UnsafeRawBufferPointer(rebasing: data.drop { $0 <= 0x20 }), "[DONE]")
    }

    /// Whether the chunk is one of the many that only carry text: an unfinished choice and no usage. Most servers write
    /// `"finish_reason":null` near the start or the end of a chunk, so two short searches settle nearly all; a quote inside
    /// a string is escaped, so the match is a member and no text of the model. A chunk of several choices may hold one that
    /// is finished, which a third search tells.
    static func isPlain(_ data: UnsafeRawBufferPointer) -> Bool {
        guard data.count > 40, !starts(data, "{\"error\"") else { return false }
        let mark: StaticString = "\"finish_reason\":null"
        let tail = UnsafeRawBufferPointer(rebasing: data[max(0, data.count - 64)...])
        if !contains(tail, mark) {
            let head = UnsafeRawBufferPointer(rebasing: data[..<min(64, data.count)])
            guard contains(head, mark) else { return false }
        }
        return !hasUsage(tail) && !contains(data, "_reason\":\"")
    }

    /// Whether the type that an event states near its start ends so, like `"type":"response.output_text.delta"`.
    static func isOfType(_ data: UnsafeRawBufferPointer, _ start: StaticString, _ end: StaticString) -> Bool {
        let head = UnsafeRawBufferPointer(rebasing: data[..<min(80, data.count)])
        return contains(head, start) && contains(head, end)
    }

    /// A usage object ends a chunk, if it is there.
    private static func hasUsage(_ tail: UnsafeRawBufferPointer) -> Bool {
        contains(tail, "tokens\":")
    }

    private static func starts(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        ByteSearch.starts(bytes, with: text)
    }

    private static func contains(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        ByteSearch.find(text, in: bytes) != nil
    }
}
