import JSON

/// A context that is full, in words by which clients recognise it: they shorten the conversation then, and go on.
extension FullContext {
    /// OpenAI's code for it.
    public static let openAIsCode = "context_length_exceeded"

    /// Anthropic's: Claude Code compacts when it reads the first of them, and asks for a shorter answer at the second.
    /// - Parameter words: the server's.
    public func inAnthropicsWords(_ words: String) -> String {
        let lower = words.lowercased()
        if lower.contains("prompt is too long") || lower.contains("exceed context limit") { return words }
        if let asked, let limit, let answer {
            return
                "input length and `max_tokens` exceed context limit: \(asked) + \(answer) > \(limit), decrease input "
                + "length or `max_tokens` and try again"
        }
        if let asked, let limit { return "prompt is too long: \(asked) tokens > \(limit) maximum" }
        return "prompt is too long: \(words)"
    }

    /// OpenAI's, before the server's.
    public func inOpenAIsWords(_ words: String) -> String {
        let lower = words.lowercased()
        if lower.contains("maximum context length") || lower.contains("context window") { return words }
        guard let asked, let limit else { return "This model's maximum context length was exceeded: \(words)" }
        return "This model's maximum context length is \(limit) tokens. However, your messages resulted in "
            + "\(asked + (answer ?? 0)) tokens. (\(words))"
    }
}
