import JSON

/// What the user said, and what the tools gave.
enum AnthropicUserTurn {
    /// First a message for each result of a tool, for OpenAI wants them right after the assistant's message that called the
    /// tools; then the rest as one message of the user.
    static func messages(
        _ blocks: [AnthropicField], _ ids: inout AnthropicCallIDs, _ warnings: inout AnthropicWarnings
    ) throws(ClientError) -> [JSONValue] {
        var messages: [JSONValue] = []
        var parts: [AnthropicPart] = []
        for block in blocks {
            let type = try block.type()
            if type == "tool_result" {
                let id = ids.result(try block.required("tool_use_id").string())
                let result = try result(block, &warnings)
                messages.append(["role": "tool", "tool_call_id": .string(id), "content": .string(result.text)])
                // A message of a tool holds text only.
                if !result.images.isEmpty {
                    parts.append(.text("From the result of tool call \(id):"))
                    parts += result.images
                }
            } else if AnthropicServerBlock.isOne(type) {
                AnthropicServerBlock.warn(type, &warnings)
            } else {
                parts += try AnthropicPart.parts(of: block, type, &warnings)
            }
        }
        if !parts.isEmpty || messages.isEmpty {
            messages.append(["role": "user", "content": AnthropicPart.content(parts)])
        }
        return messages
    }

    private static func result(
        _ block: AnthropicField, _ warnings: inout AnthropicWarnings
    ) throws(ClientError) -> (text: String, images: [AnthropicPart]) {
        var texts: [String] = []
        var images: [AnthropicPart] = []
        for item in try block["content"]?.blocks() ?? [] {
            let type = try item.type()
            if AnthropicServerBlock.isOne(type) {
                AnthropicServerBlock.warn(type, &warnings)
                continue
            }
            for part in try AnthropicPart.parts(of: item, type, &warnings) {
                if case .text(let text) = part { texts.append(text) } else { images.append(part) }
            }
        }
        if texts.isEmpty, !images.isEmpty { texts = ["The result is shown in the next message."] }
        let text = texts.joined(separator: "\n")
        // OpenAI's API has no mark for a tool that failed.
        return (try block["is_error"]?.bool() ?? false ? "Error: " + text : text, images)
    }
}
