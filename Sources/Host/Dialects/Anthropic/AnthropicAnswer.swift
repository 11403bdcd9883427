import JSON

/// A chat completion as a message of Anthropic's, whole or as a stream of events.
struct AnthropicAnswer: AnswerTranslation {
    private let head: AnthropicMessageHead
    private let stopSequences: [String]
    private let showsThinking: Bool

    private var reader = ChunkReader()
    private var blocks: AnthropicBlocks
    private var usage = AnthropicUsage()
    private var stop = AnthropicStop()
    private var hasStarted = false
    private var isEnded = false

    init(requestID: String, model: String, stopSequences: [String] = [], showsThinking: Bool = true) {
        head = AnthropicMessageHead(requestID: requestID, model: model)
        self.stopSequences = stopSequences
        self.showsThinking = showsThinking
        blocks = AnthropicBlocks(requestID: requestID)
    }

    // MARK: A stream

    mutating func piece(_ bytes: UnsafeRawBufferPointer) throws(AnswerProblem) -> [UInt8] {
        let chunks = try reader.feed(bytes)
        var out: [UInt8] = []
        for chunk in chunks { try take(chunk, into: &out) }
        if reader.isDone { try finish(into: &out) }
        return out
    }

    mutating func end() throws(AnswerProblem) -> [UInt8] {
        let chunks = try reader.finish()
        var out: [UInt8] = []
        for chunk in chunks { try take(chunk, into: &out) }
        guard reader.isDone || stop.finishReason != nil else {
            throw AnswerProblem("The backend ended its stream before the answer was finished.")
        }
        try finish(into: &out)
        return out
    }

    private mutating func take(_ chunk: JSONValue, into out: inout [UInt8]) throws(AnswerProblem) {
        if let counts = chunk["usage"] { usage.take(counts) }
        if !hasStarted {
            hasStarted = true
            // Now, with the first sign of life; the counts are seldom known yet, and come again at the end.
            AnthropicEvent.messageStart(head, usage, into: &out)
        }
        guard let choice = AnthropicChoice.first(of: chunk) else { return }
        if let delta = choice["delta"] ?? choice["message"] {
            if showsThinking, let thought = AnthropicChoice.thought(of: delta) { blocks.think(thought, into: &out) }
            if let text = AnthropicChoice.text(of: delta["content"]) { blocks.say(text, into: &out) }
            if let text = AnthropicChoice.text(of: delta["refusal"]) {
                stop.isRefused = true
                blocks.say(text, into: &out)
            }
            for call in delta["tool_calls"]?.array ?? [] { try blocks.call(call, into: &out) }
        }
        stop.take(choice, stopSequences: stopSequences)
        if stop.finishReason != nil { blocks.finish(into: &out) }
    }

    /// Usage comes in a chunk after the one with the finish reason, so the last events wait for the end of the stream.
    private mutating func finish(into out: inout [UInt8]) throws(AnswerProblem) {
        guard !isEnded else { return }
        guard hasStarted else { throw AnswerProblem("The backend ended its stream without an answer.") }
        isEnded = true
        blocks.finish(into: &out)
        let outcome = stop.outcome(hasToolUse: blocks.hasToolUse)
        AnthropicEvent.messageDelta(outcome, usage, into: &out)
        AnthropicEvent.messageStop(into: &out)
    }

    // MARK: A whole answer

    mutating func whole(_ bytes: UnsafeRawBufferPointer) throws(AnswerProblem) -> [UInt8] {
        let answer = try AnswerError.answer(in: bytes)
        guard let choice = AnthropicChoice.first(of: answer), let message = choice["message"] else {
            throw AnswerProblem("The backend's answer holds no message.")
        }
        if let counts = answer["usage"] { usage.take(counts) }
        var content: [JSONValue] = []
        if showsThinking, let thought = AnthropicChoice.thought(of: message) {
            content.append(["type": "thinking", "thinking": .string(thought), "signature": ""])
        }
        if let text = AnthropicChoice.text(of: message["content"]) {
            content.append(["type": "text", "text": .string(text)])
        }
        if let text = AnthropicChoice.text(of: message["refusal"]) {
            stop.isRefused = true
            content.append(["type": "text", "text": .string(text)])
        }
        let calls = (message["tool_calls"]?.array ?? []).enumerated().compactMap {
            AnthropicToolCall.block($1, at: $0, head)
        }
        stop.take(choice, stopSequences: stopSequences)
        return head.message(
            content: content + calls, outcome: stop.outcome(hasToolUse: !calls.isEmpty), usage: usage
        ).bytes
    }
}

/// Where an answer, or a chunk of one, keeps what it says. Servers differ.
enum AnthropicChoice {
    /// One answer is asked for, so the others, if a server sends them, are nobody's.
    static func first(of answer: JSONValue) -> JSONValue? {
        answer["choices"]?.array?.first { ($0["index"]?.int ?? 0) == 0 }
    }

    /// What the model thought: `reasoning_content` at llama.cpp, DeepSeek and SGLang, `reasoning` at vLLM and Ollama.
    static func thought(of message: JSONValue) -> String? {
        text(of: message["reasoning_content"]) ?? text(of: message["reasoning"])
    }

    /// A string, or the texts of parts. Nil if it is empty.
    static func text(of content: JSONValue?) -> String? {
        switch content {
        case .string(let text): return text.isEmpty ? nil : text
        case .array(let parts):
            let text = parts.compactMap { $0["text"]?.string }.joined()
            return text.isEmpty ? nil : text
        default: return nil
        }
    }
}
