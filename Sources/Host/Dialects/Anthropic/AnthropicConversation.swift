import JSON

/// The system prompt and the messages of a request as OpenAI's messages.
enum AnthropicConversation {
    /// Messages of one role that follow each other. Anthropic takes them for one, and the chat templates of many models
    /// want the roles to alternate.
    private struct Turn {
        var role: String
        var blocks: [AnthropicField]
    }

    static func messages(
        _ request: AnthropicField, _ warnings: inout AnthropicWarnings
    ) throws(ClientError) -> [JSONValue] {
        var messages: [JSONValue] = []
        if let system = request["system"] {
            let text = try systemText(system)
            if !text.isEmpty { messages.append(["role": "system", "content": .string(text)]) }
        }
        let turns = try turns(try request.required("messages"))
        for turn in turns {
            switch turn.role {
            case "system": messages.append(["role": "system", "content": .string(try text(turn.blocks))])
            case "assistant": messages.append(try AnthropicAssistantTurn.message(turn.blocks, &warnings))
            default: messages += try AnthropicUserTurn.messages(turn.blocks, &warnings)
            }
        }
        if turns.last?.role == "assistant" {
            warnings.add("The last message is the assistant's: whether it is continued is up to the backend.")
        }
        return messages
    }

    private static func turns(_ messages: AnthropicField) throws(ClientError) -> [Turn] {
        let items = try messages.items()
        guard !items.isEmpty else { throw messages.refused("at least one message is required.") }
        var turns: [Turn] = []
        for message in items {
            _ = try message.object()
            let role = try message.required("role")
            let name = try role.string()
            guard ["user", "assistant", "system"].contains(name) else {
                throw role.refused("must be user, assistant or system.")
            }
            let blocks = try message.required("content").blocks()
            if let last = turns.indices.last, turns[last].role == name {
                turns[last].blocks += blocks
            } else {
                turns.append(Turn(role: name, blocks: blocks))
            }
        }
        return turns
    }

    /// Claude Code puts a line about its own billing before the prompt that differs in every request: no model needs it, and
    /// it would keep every backend from using the cache of the prompt.
    private static func systemText(_ system: AnthropicField) throws(ClientError) -> String {
        let mark = "x-anthropic-billing-header:"
        let text = try text(system.blocks())
        guard text.hasPrefix(mark) else { return text }
        return String(text.drop { !$0.isNewline }.drop { $0.isNewline })
    }

    private static func text(_ blocks: [AnthropicField]) throws(ClientError) -> String {
        var texts: [String] = []
        for block in blocks {
            guard try block.type() == "text" else { throw block.refused("must be a block of text.") }
            texts.append(try block.required("text").string())
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
