/// What Ollama tells of the work it did.
enum Usage {
    /// A count that is not there is unknown, never 0: older servers leave it out for a cached prompt, or say 0.
    /// - Parameter pieces: of generated text that came; counts when the server does not tell, as an estimate.
    static func counts(_ answer: JSONValue, pieces: UInt64 = 0) -> TokenUsage {
        func count(_ name: String) -> UInt64? { answer[name]?.count }
        func microseconds(_ name: String) -> UInt64 { (count(name) ?? 0) / 1000 }
        var usage = TokenUsage(
            prompt: count("prompt_eval_count").flatMap { $0 > 0 ? $0 : nil }, completion: count("eval_count"),
            cached: count("prompt_eval_cached_count"))
        usage.promptMicroseconds = microseconds("prompt_eval_duration")
        usage.completionMicroseconds = microseconds("eval_duration")
        if usage.completion == nil { usage.estimate(pieces) }
        return usage
    }

    /// What is known of a stream before its last line.
    static func sofar(pieces: UInt64) -> TokenUsage {
        var usage = TokenUsage()
        usage.estimate(pieces)
        return usage
    }

    /// Null unless the server told both counts. OpenAI's schema wants numbers, and a client must take neither what is
    /// missing for 0 nor an estimate for a count; all its clients take a usage of null, also in the last chunk of a
    /// stream, which is sent even then: whoever asked for it waits for it. What is known goes to the host in either
    /// case.
    static func json(_ usage: TokenUsage) -> JSONValue {
        guard let prompt = usage.prompt, let completion = usage.completion, !usage.isEstimated else { return .null }
        func number(_ count: UInt64) -> JSONValue { .number(JSONNumber(count)) }
        var result = JSONObject([
            (name: "prompt_tokens", value: number(prompt)), (name: "completion_tokens", value: number(completion)),
            (name: "total_tokens", value: number(UInt64.saturatingSum(prompt, completion))),
        ])
        if let cached = usage.cached { result["prompt_tokens_details"] = ["cached_tokens": number(cached)] }
        return .object(result)
    }
}
