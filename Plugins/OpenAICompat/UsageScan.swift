import Glibc

/// Finds the token counts of an answer without parsing it whole.
enum UsageScan {
    /// The last object under the name "usage" in `bytes`. A quote inside a string is escaped, so `"usage"` followed by a
    /// colon and an object can only be a member. Looked for from the end, where most servers put it.
    static func last(in bytes: UnsafeRawBufferPointer) -> TokenUsage {
        let name: StaticString = "\"usage\""
        let length = name.utf8CodeUnitCount
        guard let base = bytes.baseAddress else { return TokenUsage() }
        var position = bytes.count - length
        while position >= 0 {
            if bytes[position] == UInt8(ascii: "\""), bytes[position + 1] == UInt8(ascii: "u"),
                memcmp(base + position, name.utf8Start, length) == 0,
                let counts = object(in: bytes, from: position + length).flatMap(usage(ofText:))
            {
                return counts
            }
            position -= 1
        }
        return TokenUsage()
    }

    /// The counts of a usage object in OpenAI's shape.
    static func usage(_ object: JSONValue) -> TokenUsage {
        func count(_ value: JSONValue?) -> UInt64? { value?.int.flatMap { $0 >= 0 ? UInt64($0) : nil } }
        return TokenUsage(
            prompt: count(object["prompt_tokens"]), completion: count(object["completion_tokens"]),
            cached: count(object["prompt_tokens_details"]?["cached_tokens"]))
    }

    /// The counts of a usage object's text: looked for by their names where it is plain, else parsed. Nil if it is no JSON.
    private static func usage(ofText text: UnsafeRawBufferPointer) -> TokenUsage? {
        if let plain = PlainUsage.scan(text) { return plain }
        return (try? JSONValue.parse(text)).map(usage)
    }

    /// The text of the object that follows a colon at `start`.
    private static func object(in bytes: UnsafeRawBufferPointer, from start: Int) -> UnsafeRawBufferPointer? {
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
                if depth == 0 { return UnsafeRawBufferPointer(rebasing: bytes[index...end]) }
            }
        }
        return nil
    }
}
