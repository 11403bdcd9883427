import Glibc

/// Finds the token counts of an answer without parsing it whole.
enum UsageScan {
    /// The last object under the name "usage" in `bytes`. A quote inside a string is escaped, so `"usage"` followed by a
    /// colon and an object can only be a member.
    static func last(in bytes: UnsafeRawBufferPointer) -> TokenUsage {
        guard let base = bytes.baseAddress else { return TokenUsage() }
        let name: StaticString = "\"usage\""
        var found: TokenUsage?
        var position = 0
        while position < bytes.count,
            let hit = memchrPair(base + position, bytes.count - position, name)
        {
            let start = hit - base + name.utf8CodeUnitCount
            if let object = object(in: bytes, from: start) { found = usage(object) }
            position = start
        }
        return found ?? TokenUsage()
    }

    /// The counts of a usage object in OpenAI's shape.
    static func usage(_ object: JSONValue) -> TokenUsage {
        func count(_ value: JSONValue?) -> UInt64? { value?.int.flatMap { $0 >= 0 ? UInt64($0) : nil } }
        return TokenUsage(
            prompt: count(object["prompt_tokens"]), completion: count(object["completion_tokens"]),
            cached: count(object["prompt_tokens_details"]?["cached_tokens"]))
    }

    private static func memchrPair(_ base: UnsafeRawPointer, _ count: Int, _ needle: StaticString) -> UnsafeRawPointer?
    {
        let length = needle.utf8CodeUnitCount
        var position = 0
        while count - position >= length {
            guard let hit = memchr(base + position, Int32(UInt8(ascii: "\"")), count - position - length + 1) else {
                return nil
            }
            if memcmp(hit, needle.utf8Start, length) == 0 { return UnsafeRawPointer(hit) }
            position = UnsafeRawPointer(hit) - base + 1
        }
        return nil
    }

    /// The object that follows a colon at `start`.
    private static func object(in bytes: UnsafeRawBufferPointer, from start: Int) -> JSONValue? {
        var index = start
        func skipSpace() { while index < bytes.count, bytes[index] <= 0x20 { index += 1 } }
        skipSpace()
        guard index < bytes.count, bytes[index] == UInt8(ascii: ":") else { return nil }
        index += 1
        skipSpace()
        guard index < bytes.count, bytes[index] == UInt8(ascii: "{") else { return nil }
        var depth = 0
        for end in index..<bytes.count {
            if bytes[end] == UInt8(ascii: "{") { depth += 1 }
            if bytes[end] == UInt8(ascii: "}") {
                depth -= 1
                if depth == 0 {
                    return try? JSONValue.parse(UnsafeRawBufferPointer(rebasing: bytes[index...end]))
                }
            }
        }
        return nil
    }
}
