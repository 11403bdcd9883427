import JSON

/// What the model said before.
enum AnthropicAssistantTurn {
    /// Texts are joined as they are, for Anthropic cuts one text into several blocks; so are thoughts.
    static func message(
        _ blocks: [AnthropicField], _ ids: inout AnthropicCallIDs, _ warnings: inout AnthropicWarnings
    ) throws(ClientError) -> JSONValue {
        ids.beginTurn()
        var text = ""
        var thoughts: [String] = []
        var calls: [JSONValue] = []
        for block in blocks {
            switch try block.type() {
            case "text": text += try block.required("text").string()
            case "thinking":
                let thought = try block.required("thinking").string()
                if !thought.isEmpty { thoughts.append(thought) }
            // Only Anthropic can read it.
            case "redacted_thinking": break
            case "tool_use": calls.append(try call(block, &ids))
            case let type where AnthropicServerBlock.isOne(type): AnthropicServerBlock.warn(type, &warnings)
            case let type: text += AnthropicPlaceholder.block(ofType: type, &warnings)
            }
        }
        var message = JSONObject()
        message["role"] = "assistant"
        message["content"] = text.isEmpty && !calls.isEmpty ? .null : .string(text)
        if !thoughts.isEmpty { message["reasoning_content"] = .string(thoughts.joined(separator: "\n")) }
        if !calls.isEmpty { message["tool_calls"] = .array(calls) }
        return .object(message)
    }

    private static func call(
        _ block: AnthropicField, _ ids: inout AnthropicCallIDs
    ) throws(ClientError) -> JSONValue {
        let input = JSONValue.object(try block.required("input").object())
        return [
            "id": .string(ids.call(try block.required("id").string())), "type": "function",
            "function": [
                "name": .string(try block.required("name").string()),
                "arguments": .string(String(decoding: input.bytes, as: UTF8.self)),
            ],
        ]
    }
}
