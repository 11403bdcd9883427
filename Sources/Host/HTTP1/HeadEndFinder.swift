import Shims

/// Finds the end of a head in bytes that come in pieces, without searching any byte twice.
public struct HeadEndFinder: Sendable {
    private var searched = 0

    public init() {}

    /// `bytes` always starts at the head's first byte. Gives the index behind the empty line, nil when it is not
    /// there yet; after a result the finder starts anew.
    public mutating func find(_ bytes: UnsafeRawBufferPointer) throws(HTTPParseError) -> Int? {
        if let base = bytes.baseAddress, bytes.count >= 4,
            let hit = nexus_find_head_end(base + searched, bytes.count - searched)
        {
            let index = hit - base + 4
            searched = 0
            guard index <= HTTPLimits.head else { throw .headTooLarge }
            return index
        }
        guard bytes.count <= HTTPLimits.head else { throw .headTooLarge }
        // The parser refuses what is complete; a head whose lines end with LF alone would never be.
        guard !Self.hasBareLineFeed(bytes, from: searched) else { throw .badLineEnd }
        searched = max(0, bytes.count - 3)
        return nil
    }

    private static func hasBareLineFeed(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Bool {
        var previous = start > 0 ? bytes[start - 1] : 0
        for byte in bytes[start...] {
            if byte == 0x0A, previous != 0x0D { return true }
            previous = byte
        }
        return false
    }
}
