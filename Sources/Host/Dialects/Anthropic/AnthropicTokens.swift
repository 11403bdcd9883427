import JSON

/// Counts the tokens of a request where no backend can. An estimate: the tokenizer is the model's, and is not known here.
///
/// - Text: a token for four bytes of UTF-8, and one for each character of the scripts that lack spaces (Chinese, Japanese,
///   Korean and all from U+2E80 on, emoji among them).
/// - An image: 1600 tokens, which is what Anthropic counts for the largest one it takes.
/// - A tool: its JSON, as text.
/// - 4 tokens for each message, 8 for each tool and 3 for the answer's begin: what chat templates put around them.
public enum AnthropicTokens {
    /// - Parameter body: a request as for a message; `max_tokens` is not needed.
    /// - Throws: status 400 as `AnthropicMessages.translate` does.
    public static func estimate(_ body: JSONValue) throws(ClientError) -> Int {
        let request = AnthropicField(body)
        guard body.object != nil else { throw request.refused("The body must be a JSON object.") }
        var warnings = AnthropicWarnings()
        var chat = JSONObject()
        try AnthropicMessages.prompt(of: request, into: &chat, &warnings)
        var text = TextSize()
        var fixed = 3
        for message in chat["messages"]?.array ?? [] {
            fixed += 4
            text.add(message["reasoning_content"]?.string)
            text.add(message["content"]?.string)
            for part in message["content"]?.array ?? [] {
                if let words = part["text"]?.string { text.add(words) } else { fixed += 1600 }
            }
            for call in message["tool_calls"]?.array ?? [] {
                text.add(call["function"]?["name"]?.string)
                text.add(call["function"]?["arguments"]?.string)
            }
        }
        for tool in chat["tools"]?.array ?? [] {
            fixed += 8
            text.add(tool["function"].map { String(decoding: $0.bytes, as: UTF8.self) })
        }
        return fixed + text.tokens
    }

    /// The answer to a request for a count.
    public static func body(_ count: Int) -> [UInt8] {
        let value: JSONValue = ["input_tokens": .number(JSONNumber(count))]
        return value.bytes
    }

    private struct TextSize {
        private var bytes = 0
        private var wide = 0

        var tokens: Int { (bytes + 3) / 4 + wide }

        mutating func add(_ text: String?) {
            for scalar in (text ?? "").unicodeScalars {
                if scalar.value >= 0x2E80 { wide += 1 } else { bytes += UTF8.width(scalar) }
            }
        }
    }
}
