import Glibc

/// Finds the token counts of an answer without parsing it whole.
enum UsageScan {
    /// The last object under the name "usage" in `bytes`, and `timings` where llama.cpp tells them behind it or instead. A
    /// quote inside a string is escaped, so `"usage"` followed by a colon and an object can only be a member. Looked for
    /// from the end, where most servers put it.
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
                return counts.completed(by: lastTimings(in: bytes, from: position))
            }
            position -= 1
        }
        return lastTimings(in: bytes, from: 0)
    }

    private static func lastTimings(in bytes: UnsafeRawBufferPointer, from start: Int) -> TokenUsage {
        let name: StaticString = "\"timings\":"
        let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
        guard let hit = ByteSearch.find(name, in: rest),
            let text = object(in: rest, from: hit + name.utf8CodeUnitCount - 1),
            let value = try? JSONValue.parse(text)
        else { return TokenUsage() }
        return timings(value)
    }

    /// The counts of a usage object in OpenAI's shape, old or new, or Anthropic's, which counts apart what came from a cache.
    static func usage(_ object: JSONValue) -> TokenUsage {
        var usage = TokenUsage(
            prompt: count(object["prompt_tokens"]) ?? count(object["input_tokens"]),
            completion: count(object["completion_tokens"]) ?? count(object["output_tokens"]),
            cached: count((object["prompt_tokens_details"] ?? object["input_tokens_details"])?["cached_tokens"]))
        let read = count(object["cache_read_input_tokens"])
        let written = count(object["cache_creation_input_tokens"])
        if let prompt = usage.prompt, read != nil || written != nil {
            usage.prompt = UInt64.saturatingSum(prompt, UInt64.saturatingSum(read ?? 0, written ?? 0))
            usage.cached = read ?? usage.cached
        }
        // Servers that rank tell the sum alone.
        if usage.prompt == nil, usage.completion == nil { usage.prompt = count(object["total_tokens"]) }
        return usage
    }

    /// The counts and times of llama.cpp: `prompt_n` is what it worked on, without the `cache_n` it had already.
    static func timings(_ object: JSONValue) -> TokenUsage {
        let cached = object["cache_n"]?.count
        return TokenUsage(
            prompt: object["prompt_n"]?.count.map { UInt64.saturatingSum($0, cached ?? 0) },
            completion: object["predicted_n"]?.count, cached: cached,
            promptMicroseconds: object["prompt_ms"]?.microsecondsOfMilliseconds ?? 0,
            completionMicroseconds: object["predicted_ms"]?.microsecondsOfMilliseconds ?? 0)
    }

    private static func count(_ value: JSONValue?) -> UInt64? { value?.count }

    /// The counts of a usage object's text: looked for by their names where it is plain, else parsed. Nil if it is no JSON.
    private static func usage(ofText text: UnsafeRawBufferPointer) -> TokenUsage? {
        if let plain = PlainUsage.scan(text), plain.prompt != nil { return plain }
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

extension TokenUsage {
    /// What another source tells, where this one does not.
    func completed(by other: TokenUsage) -> TokenUsage {
        TokenUsage(
            prompt: prompt ?? other.prompt, completion: completion ?? other.completion, cached: cached ?? other.cached,
            promptMicroseconds: promptMicroseconds > 0 ? promptMicroseconds : other.promptMicroseconds,
            completionMicroseconds: completionMicroseconds > 0
                ? completionMicroseconds : other.completionMicroseconds)
    }
}
