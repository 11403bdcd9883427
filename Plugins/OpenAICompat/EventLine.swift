import Glibc

/// One line of an event stream, looked at in place.
enum EventLine {
    static func isData(_ line: UnsafeRawBufferPointer) -> Bool {
        starts(line, "data:")
    }

    /// The value of a data line: one space after the colon does not belong to it.
    static func data(_ line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let start = line.count > 5 && line[5] == 0x20 ? 6 : 5
        return UnsafeRawBufferPointer(rebasing: line[start...])
    }

    static func isDone(_ data: UnsafeRawBufferPointer) -> Bool {
        starts(data, "[DONE]")
    }

    /// Whether the chunk is one of the many that only carry text: an unfinished choice and no usage. Most servers write
    /// `"finish_reason":null` near the start or the end of a chunk, so two short searches settle nearly all; a quote inside
    /// a string is escaped, so the match is a member and no text of the model.
    static func isPlain(_ data: UnsafeRawBufferPointer) -> Bool {
        guard data.count > 40, !starts(data, "{\"error\"") else { return false }
        let mark: StaticString = "\"finish_reason\":null"
        let tail = UnsafeRawBufferPointer(rebasing: data[max(0, data.count - 64)...])
        if contains(tail, mark) { return !hasUsage(tail) }
        let head = UnsafeRawBufferPointer(rebasing: data[..<min(64, data.count)])
        return contains(head, mark) && !hasUsage(tail)
    }

    /// A usage object ends a chunk, if it is there.
    private static func hasUsage(_ tail: UnsafeRawBufferPointer) -> Bool {
        contains(tail, "tokens\":")
    }

    private static func starts(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard let base = bytes.baseAddress, bytes.count >= text.utf8CodeUnitCount else { return false }
        return memcmp(base, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    private static func contains(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard let base = bytes.baseAddress else { return false }
        let length = text.utf8CodeUnitCount
        var position = 0
        while bytes.count - position >= length,
            let hit = memchr(base + position, Int32(text.utf8Start.pointee), bytes.count - position - length + 1)
        {
            if memcmp(hit, text.utf8Start, length) == 0 { return true }
            position = UnsafeRawPointer(hit) - base + 1
        }
        return false
    }
}
