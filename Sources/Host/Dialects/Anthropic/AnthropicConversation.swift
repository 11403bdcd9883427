import JSON

/// The system prompt and the messages of a request as OpenAI's messages.
///
/// What is of the system stands in one message at the start, or in a user's: the chat templates of many models take a message
/// of the system nowhere else.
enum AnthropicConversation {
    /// Messages of one role that follow each other. Anthropic takes them for one, and the chat templates of many models
    /// want the roles to alternate.
    private struct Turn {
        var isAssistant: Bool
        var blocks: [AnthropicField]
    }

    static func messages(
        _ request: AnthropicField, _ warnings: inout AnthropicWarnings
    ) throws(ClientError) -> [JSONValue] {
        var system: [String] = []
        if let prompt = request["system"] { system.append(try systemText(prompt, &warnings)) }
        let turns = try turns(try request.required("messages"), &system, &warnings)
        system.removeAll(where: \.isEmpty)
        var messages: [JSONValue] = []
        if !system.isEmpty {
            messages.append(["role": "system", "content": .string(system.joined(separator: "\n\n"))])
        }
        var ids = AnthropicCallIDs()
        for turn in turns {
            if turn.isAssistant {
                messages.append(try AnthropicAssistantTurn.message(turn.blocks, &ids, &warnings))
            } else {
                messages += try AnthropicUserTurn.messages(turn.blocks, &ids, &warnings)
            }
        }
        if turns.last?.isAssistant == true {
            warnings.add("The last message is the assistant's: whether it is continued is up to the backend.")
        }
        return messages
    }

    /// - Parameter system: what of the system comes before all else is added to it.
    private static func turns(
        _ messages: AnthropicField, _ system: inout [String], _ warnings: inout AnthropicWarnings
    ) throws(ClientError) -> [Turn] {
        let items = try messages.items()
        guard !items.isEmpty else { throw messages.refused("at least one message is required.") }
        var turns: [Turn] = []
        for message in items {
            _ = try message.object()
            let role = try message.required("role")
            var blocks = try blocks(of: message)
            let isAssistant: Bool
            switch try role.string() {
            case "user": isAssistant = false
            case "assistant":
                isAssistant = true
                // It said nothing at all.
                if message["content"] == nil { continue }
            case "system":
                let text = try text(blocks, &warnings)
                if turns.isEmpty {
                    system.append(text)
                    continue
                }
                if text.isEmpty { continue }
                isAssistant = false
                blocks = [
                    AnthropicField(["type": "text", "text": .string("<system>\n\(text)\n</system>")], at: message.path)
                ]
            default: throw role.refused("must be user, assistant or system.")
            }
            if let last = turns.indices.last, turns[last].isAssistant == isAssistant {
                turns[last].blocks += blocks
            } else {
                turns.append(Turn(isAssistant: isAssistant, blocks: blocks))
            }
        }
        return turns
    }

    /// Null is nothing; a message without the member is none.
    private static func blocks(of message: AnthropicField) throws(ClientError) -> [AnthropicField] {
        if let content = message.value["content"], content.isNull { return [] }
        return try message.required("content").blocks()
    }

    /// Claude Code puts a line about its own billing before the prompt that differs in every request: no model needs it, and
    /// it would keep every backend from using the cache of the prompt.
    private static func systemText(
        _ system: AnthropicField, _ warnings: inout AnthropicWarnings
    ) throws(ClientError) -> String {
        let mark = "x-anthropic-billing-header:"
        let text = try text(system.blocks(), &warnings)
        guard text.hasPrefix(mark) else { return text }
        return String(text.drop { !$0.isNewline }.drop { $0.isNewline })
    }

    private static func text(
        _ blocks: [AnthropicField], _ warnings: inout AnthropicWarnings
    ) throws(ClientError) -> String {
        var texts: [String] = []
        for block in blocks {
            let type = try block.type()
            texts.append(
                type == "text"
                    ? try block.required("text").string() : AnthropicPlaceholder.block(ofType: type, &warnings))
        }
        return texts.joined(separator: "\n")
    }
}

/// Blocks that tell of work that Anthropic's own servers did.
enum AnthropicServerBlock {
    static func isOne(_ type: String) -> Bool {
        switch type {
        case "server_tool_use", "mcp_tool_use", "container_upload", "browser_state", "compaction": true
        case "tool_result": false
        default: type.hasSuffix("_tool_result")
        }
    }

    static func warn(_ type: String, _ warnings: inout AnthropicWarnings) {
        warnings.add("Blocks of type \(type) were left out: they belong to Anthropic's own servers.")
    }
}
