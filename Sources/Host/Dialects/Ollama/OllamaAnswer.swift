import JSON

/// The answer of `/api/chat` or `/api/generate`, from one of OpenAI's chats or completions. A stream becomes lines of
/// JSON: one for each chunk with text, one with all tool calls, and a last one with the counts.
struct OllamaAnswer: AnswerTranslation {
    private let lines: OllamaLines
    private let clock: OllamaClock
    private var reader = ChunkReader()
    private var calls: OllamaToolCalls
    private var counts = OllamaCounts()
    private var finishReason: String?
    private var isFinished = false
    /// Met in a piece that gave lines before it: thrown with the next call.
    private var problem: AnswerProblem?

    init(form: OllamaLines.Form, model: String, requestID: String, clock: OllamaClock) {
        lines = OllamaLines(form: form, model: model)
        calls = OllamaToolCalls(requestID: requestID)
        self.clock = clock
    }

    /// The answer to a request that only loads or unloads the model.
    func withoutBackend(reason: String) -> [UInt8] {
        lines.object(
            OllamaText(), createdAt: clock.timestamp(elapsed: clock.elapsedNanoseconds()),
            done: (reason, OllamaCounts()))
    }

    mutating func piece(_ bytes: UnsafeRawBufferPointer) throws(AnswerProblem) -> [UInt8] {
        if let problem { throw problem }
        var out: [UInt8] = []
        do {
            for chunk in try reader.feed(bytes) { try take(chunk, &out) }
            if reader.isDone { try finish(&out) }
        } catch {
            problem = error
            if out.isEmpty { throw error }
        }
        return out
    }

    mutating func end() throws(AnswerProblem) -> [UInt8] {
        if let problem { throw problem }
        var out: [UInt8] = []
        for chunk in try reader.finish() { try take(chunk, &out) }
        guard reader.isDone || finishReason != nil else {
            throw AnswerProblem("The backend's stream ended before the answer was complete.")
        }
        try finish(&out)
        return out
    }

    mutating func whole(_ bytes: UnsafeRawBufferPointer) throws(AnswerProblem) -> [UInt8] {
        let answer = try AnswerError.answer(in: bytes)
        guard let choice = answer["choices"]?[0] else { throw AnswerProblem("The backend's answer has no choice.") }
        var text = OllamaText(choice, in: "message")
        try calls.add(choice["message"]?["tool_calls"])
        finishReason = choice["finish_reason"]?.string
        counts.take(answer)
        text.toolCalls = try calls.encoded(isCut: finishReason == "length")
        let now = clock.elapsedNanoseconds()
        counts.total = now
        return lines.object(text, createdAt: clock.timestamp(elapsed: now), done: (doneReason, counts))
    }

    private mutating func take(_ chunk: JSONValue, _ out: inout [UInt8]) throws(AnswerProblem) {
        guard !isFinished else { return }
        counts.take(chunk)
        guard let choice = chunk["choices"]?[0] else { return }
        if let reason = choice["finish_reason"]?.string, !reason.isEmpty { finishReason = reason }
        try calls.add(choice["delta"]?["tool_calls"])
        let text = OllamaText(choice, in: "delta")
        if !text.isEmpty {
            let now = clock.elapsedNanoseconds()
            counts.sawOutput(at: now)
            out += lines.line(text, createdAt: clock.timestamp(elapsed: now))
        } else if !calls.isEmpty, counts.firstOutput == nil {
            counts.sawOutput(at: clock.elapsedNanoseconds())
        }
    }

    /// The lines with the tool calls and with the counts. Usage may come after the reason for the end, so they wait for
    /// the end itself.
    private mutating func finish(_ out: inout [UInt8]) throws(AnswerProblem) {
        guard !isFinished else { return }
        isFinished = true
        let now = clock.elapsedNanoseconds()
        let createdAt = clock.timestamp(elapsed: now)
        if let toolCalls = try calls.encoded(isCut: finishReason == "length") {
            out += lines.line(OllamaText(toolCalls: toolCalls), createdAt: createdAt)
        }
        counts.streamEnded(at: now)
        out += lines.line(OllamaText(), createdAt: createdAt, done: (doneReason, counts))
    }

    /// Ollama knows no other.
    private var doneReason: String { finishReason == "length" ? "length" : "stop" }
}
