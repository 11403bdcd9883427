import Glibc

/// Looks for short texts in bytes, in place.
enum ByteSearch {
    /// Where the text stands first; fast if its first byte is rare.
    static func find(_ text: StaticString, in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        let length = text.utf8CodeUnitCount
        var position = 0
        while bytes.count - position >= length,
            let hit = memchr(base + position, Int32(text.utf8Start.pointee), bytes.count - position - length + 1)
        {
            if memcmp(hit, text.utf8Start, length) == 0 { return UnsafeRawPointer(hit) - base }
            position = UnsafeRawPointer(hit) - base + 1
        }
        return nil
    }

    /// The same for bytes that are not known before. Without bytes to look for nothing is found.
    static func find(_ text: UnsafeRawBufferPointer, in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress, let wanted = text.baseAddress else { return nil }
        var position = 0
        while bytes.count - position >= text.count,
            let hit = memchr(base + position, Int32(text[0]), bytes.count - position - text.count + 1)
        {
            if memcmp(hit, wanted, text.count) == 0 { return UnsafeRawPointer(hit) - base }
            position = UnsafeRawPointer(hit) - base + 1
        }
        return nil
    }

    static func starts(_ bytes: UnsafeRawBufferPointer, with text: StaticString) -> Bool {
        guard let base = bytes.baseAddress, bytes.count >= text.utf8CodeUnitCount else { return false }
        return memcmp(base, text.utf8Start, text.utf8CodeUnitCount) == 0
    }
}
