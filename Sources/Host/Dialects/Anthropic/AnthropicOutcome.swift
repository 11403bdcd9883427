import JSON

/// The token counts of an answer. Anthropic's schema wants numbers, so a count that the backend does not tell is 0.
struct AnthropicUsage {
    private var prompt: Int64 = 0
    private var cached: Int64 = 0
    private var completion: Int64 = 0

    /// - Parameter counts: OpenAI's usage object, or null. Of several in a stream the last one counts.
    mutating func take(_ counts: JSONValue) {
        guard counts.object != nil else { return }
        func count(_ value: JSONValue?) -> Int64 { AnswerError.tokens(value) ?? 0 }
        prompt = count(counts["prompt_tokens"])
        cached = count(counts["prompt_tokens_details"]?["cached_tokens"])
        completion = count(counts["completion_tokens"])
    }

    /// OpenAI counts cached tokens among the prompt's, Anthropic beside them.
    var json: JSONValue {
        [
            "input_tokens": .number(JSONNumber(max(0, prompt - cached))),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": .number(JSONNumber(cached)),
            "output_tokens": .number(JSONNumber(completion)),
        ]
    }
}

/// Why an answer stopped.
struct AnthropicStop {
    struct Outcome {
        var reason: String
        var sequence: String?
    }

    /// OpenAI's; nil while there is none.
    private(set) var finishReason: String?
    private var sequence: String?
    /// The text is what OpenAI calls a refusal.
    var isRefused = false

    /// - Parameter choice: with an empty finish reason, or without one, it has not stopped.
    mutating func take(_ choice: JSONValue, stopSequences: [String]) {
        guard let reason = choice["finish_reason"]?.string, !reason.isEmpty else { return }
        finishReason = reason
        // vLLM and SGLang tell which sequence matched; a number there is a token.
        let matched = choice["stop_reason"]?.string ?? choice["matched_stop"]?.string
        if let matched, stopSequences.contains(matched) { sequence = matched }
    }

    /// - Parameter hasToolUse: some servers call tools and give "stop" as the reason, or give "tool_calls" and call none.
    func outcome(hasToolUse: Bool) -> Outcome {
        if finishReason == "length" { return Outcome(reason: "max_tokens") }
        if isRefused || finishReason == "content_filter" { return Outcome(reason: "refusal") }
        if hasToolUse { return Outcome(reason: "tool_use") }
        if let sequence { return Outcome(reason: "stop_sequence", sequence: sequence) }
        return Outcome(reason: "end_turn")
    }
}

/// What is known of a message before it has content.
struct AnthropicMessageHead {
    let requestID: String
    /// As the client asked for it.
    let model: String

    /// - Parameter outcome: nil in the event that starts a stream.
    func message(content: [JSONValue], outcome: AnthropicStop.Outcome?, usage: AnthropicUsage) -> JSONValue {
        [
            "id": .string("msg_" + requestID), "type": "message", "role": "assistant", "model": .string(model),
            "content": .array(content), "stop_reason": outcome.map { .string($0.reason) } ?? .null,
            "stop_sequence": outcome?.sequence.map { .string($0) } ?? .null, "usage": usage.json,
        ]
    }
}
