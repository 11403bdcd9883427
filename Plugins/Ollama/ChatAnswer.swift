/// Translates Ollama's whole answer to a chat into OpenAI's. Pure.
enum ChatAnswer {
    /// Nil for an answer that is not complete.
    static func translate(_ answer: JSONValue, _ reply: Reply) -> (body: JSONValue, usage: TokenUsage)? {
        guard let message = answer["message"], answer["done"]?.bool == true else { return nil }
        let calls = message["tool_calls"]?.array ?? []
        var translated = JSONObject([(name: "role", value: "assistant")])
        let told = told(message, reply)
        translated["content"] = told.text.isEmpty && !calls.isEmpty ? .null : .string(told.text)
        if !told.thought.isEmpty { reply.reasoningField.put(told.thought, into: &translated) }
        if !calls.isEmpty {
            translated["tool_calls"] = .array(
                calls.enumerated().map { ToolCall.translate($1, index: $0, prefix: reply.callPrefix, indexed: false) })
        }
        let usage = Usage.counts(answer)
        let body: JSONValue = [
            "id": .string(reply.id), "object": "chat.completion", "created": Reply.created(answer),
            "model": .string(reply.model),
            "choices": [
                [
                    "index": 0, "message": .object(translated),
                    "logprobs": Logprobs.chat(answer["logprobs"]) ?? .null,
                    "finish_reason": .string(FinishReason.of(answer["done_reason"]?.string, toolCalls: calls.count)),
                ]
            ],
            "usage": Usage.json(usage),
        ]
        return (body, usage)
    }

    private static func told(_ message: JSONValue, _ reply: Reply) -> InlineThinking.Parts {
        var all = InlineThinking.Parts(
            thought: message["thinking"]?.string ?? "", text: message["content"]?.string ?? "")
        guard let mode = reply.inlineThinking else { return all }
        var inline = InlineThinking(mode)
        let parts = inline.feed(all.text)
        let rest = inline.finish()
        all.thought += parts.thought + rest.thought
        all.text = parts.text + rest.text
        return all
    }
}
