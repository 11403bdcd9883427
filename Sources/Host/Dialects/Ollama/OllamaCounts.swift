import JSON

/// Tokens and times of an answer. What is not known is left out, as Ollama leaves out zeros.
struct OllamaCounts {
    private var prompt: Int64?
    private var completion: Int64?
    /// Nanoseconds, told by the server.
    private var promptDuration: UInt64?
    private var completionDuration: UInt64?
    /// Nanoseconds from the request to the first output of a stream.
    private(set) var firstOutput: UInt64?
    /// Nanoseconds from the request to the end of the answer.
    var total: UInt64?

    /// Takes what a chunk or an answer tells: OpenAI's `usage`, llama.cpp's `timings`. The last word counts.
    mutating func take(_ answer: JSONValue) {
        if let usage = answer["usage"] {
            if let count = AnswerError.tokens(usage["prompt_tokens"]) { prompt = count }
            if let count = AnswerError.tokens(usage["completion_tokens"]) { completion = count }
        }
        if let timings = answer["timings"] {
            promptDuration = Self.nanoseconds(timings["prompt_ms"]) ?? promptDuration
            completionDuration = Self.nanoseconds(timings["predicted_ms"]) ?? completionDuration
        }
    }

    mutating func sawOutput(at elapsed: UInt64) {
        if firstOutput == nil { firstOutput = elapsed }
    }

    /// What the server did not tell of its times is what was seen here: waiting for the first output, and the rest.
    mutating func streamEnded(at elapsed: UInt64) {
        total = elapsed
        guard let firstOutput else { return }
        promptDuration = promptDuration ?? firstOutput
        completionDuration = completionDuration ?? (elapsed > firstOutput ? elapsed - firstOutput : nil)
    }

    func write(_ json: inout JSONWriter) {
        func member(_ name: String, _ value: UInt64?) {
            guard let value, value > 0 else { return }
            json.key(name)
            json.integer(value)
        }
        member("total_duration", total)
        member("prompt_eval_count", prompt.flatMap { UInt64(exactly: $0) })
        member("prompt_eval_duration", promptDuration)
        member("eval_count", completion.flatMap { UInt64(exactly: $0) })
        member("eval_duration", completionDuration)
    }

    private static func nanoseconds(_ milliseconds: JSONValue?) -> UInt64? {
        guard let value = milliseconds?.double, value >= 0, value < 1e12 else { return nil }
        return UInt64(value * 1e6)
    }
}
