/// What the text of a line or of an event is, looked at in place.
enum EventContent {
    /// It begins as JSON or a page does, and no field of an event.
    static func isNoField(_ line: UnsafeRawBufferPointer) -> Bool {
        switch line.first {
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "<"): true
        default: false
        }
    }

    /// Words: without a colon and not the name of a field, which may stand alone; or with a space in what would be the name.
    static func isWords(_ line: UnsafeRawBufferPointer) -> Bool {
        guard !isBlank(line) else { return false }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            return !["data", "event", "id", "retry"].contains { line.elementsEqual($0.utf8) }
        }
        return line[..<colon].drop { $0 == 0x20 }.contains(0x20)
    }

    /// The line names the event "error".
    static func namesError(_ line: EventStreamLine) -> Bool {
        guard line.kind == .event, line.value.count <= 64 else { return false }
        return String(decoding: line.value, as: UTF8.self).split(separator: " ") == ["error"]
    }

    static func isBlank(_ data: UnsafeRawBufferPointer) -> Bool { data.allSatisfy { $0 == 0x20 || $0 == 0x09 } }

    /// Whether the data are the end mark of OpenAI's streams, with or without spaces around.
    static func isDone(_ data: UnsafeRawBufferPointer) -> Bool {
        starts(UnsafeRawBufferPointer(rebasing: data.drop { $0 <= 0x20 }), "[DONE]")
    }

    /// Whether the chunk is one of the many that only carry text: an unfinished choice, no usage and no error. Most servers
    /// write `"finish_reason":null` near the start or the end of a chunk, so two short searches settle nearly all; a quote
    /// inside a string is escaped, so the match is a member and no text of the model. A chunk of several choices may hold one
    /// that is finished, which a third search finds. That it is JSON at all is checked to its last byte.
    static func isPlain(_ data: UnsafeRawBufferPointer) -> Bool {
        guard data.count > 40 else { return false }
        let mark: StaticString = "\"finish_reason\":null"
        let tail = UnsafeRawBufferPointer(rebasing: data[max(0, data.count - 64)...])
        if !contains(tail, mark) {
            let head = UnsafeRawBufferPointer(rebasing: data[..<min(64, data.count)])
            guard contains(head, mark) else { return false }
        }
        let scan = JSONScan(data)
        return isGood(scan) && !scan.hasUsage && !scan.hasSurrogates && !contains(data, "_reason\":\"")
    }

    /// A whole object that speaks of no error.
    static func isGood(_ scan: JSONScan) -> Bool { scan.isWhole && scan.kind == .object && !scan.mayBeError }

    /// Whether the type that an event states near its start ends so, like `"type":"response.output_text.delta"`; and it is
    /// JSON, no error, and without halves of characters.
    static func isOfType(_ data: UnsafeRawBufferPointer, _ start: StaticString, _ end: StaticString) -> Bool {
        let head = UnsafeRawBufferPointer(rebasing: data[..<min(80, data.count)])
        guard contains(head, start), contains(head, end) else { return false }
        let scan = JSONScan(data)
        return isGood(scan) && !scan.hasSurrogates
    }

    private static func starts(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        ByteSearch.starts(bytes, with: text)
    }

    private static func contains(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        ByteSearch.find(text, in: bytes) != nil
    }
}
