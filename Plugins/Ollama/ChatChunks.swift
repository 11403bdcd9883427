/// The stream of a chat: a role chunk, deltas, a finish chunk, a usage chunk if it was asked for, and the end mark.
struct ChatChunks: Chunks {
    private var frame: ChunkFrame
    private var sentRole = false
    private var toolCalls = 0
    /// Lines with text; Ollama sends one a token.
    private var pieces: UInt64 = 0
    /// Nil: the text is passed on as it is.
    private var inline: InlineThinking?
    private(set) var isFinished = false
    private var told: TokenUsage?
    var usage: TokenUsage { told ?? Usage.sofar(pieces: pieces) }

    init(_ reply: Reply) {
        frame = ChunkFrame(reply, object: "chat.completion.chunk")
        inline = reply.inlineThinking.map(InlineThinking.init)
    }

    mutating func events(for line: JSONValue) -> [UInt8] {
        guard !isFinished else { return [] }
        frame.begin(line)
        var out: [UInt8] = []
        if !sentRole {
            sentRole = true
            add(["role": "assistant", "content": ""], to: &out)
        }
        var logprobs = Logprobs.chat(line["logprobs"])
        let message = line["message"]
        let told = split(message, isLast: line["done"]?.bool == true)
        if !told.thought.isEmpty {
            var delta = JSONObject()
            frame.reply.reasoningField.put(told.thought, into: &delta)
            if !delta.isEmpty { add(.object(delta), to: &out) }
        }
        if !told.text.isEmpty || logprobs != nil {
            // Probabilities may come without text, for tokens that a parser keeps back.
            add(["content": .string(told.text)], logprobs: logprobs, to: &out)
            logprobs = nil
        }
        for call in message?["tool_calls"]?.array ?? [] {
            let call = ToolCall.translate(call, index: toolCalls, prefix: frame.reply.callPrefix, indexed: true)
            add(["tool_calls": [call]], to: &out)
            toolCalls += 1
        }
        if line["done"]?.bool == true { finish(line, to: &out) }
        return out
    }

    /// What the model thought and wrote in this line.
    private mutating func split(_ message: JSONValue?, isLast: Bool) -> InlineThinking.Parts {
        var told = InlineThinking.Parts(
            thought: message?["thinking"]?.string ?? "", text: message?["content"]?.string ?? "")
        if !told.thought.isEmpty { pieces += 1 }
        if !told.text.isEmpty { pieces += 1 }
        guard inline != nil else { return told }
        if let parts = inline?.feed(told.text) {
            told.thought += parts.thought
            told.text = parts.text
        }
        if isLast, let rest = inline?.finish() {
            told.thought += rest.thought
            told.text += rest.text
        }
        return told
    }

    private mutating func finish(_ line: JSONValue, to out: inout [UInt8]) {
        isFinished = true
        told = Usage.counts(line, pieces: pieces)
        let reason = FinishReason.of(line["done_reason"]?.string, toolCalls: toolCalls)
        add([:], finishReason: .string(reason), to: &out)
        frame.end(usage, to: &out)
    }

    private func add(
        _ delta: JSONValue, logprobs: JSONValue? = nil, finishReason: JSONValue = .null, to out: inout [UInt8]
    ) {
        var choice = JSONObject([(name: "index", value: 0), (name: "delta", value: delta)])
        if let logprobs { choice["logprobs"] = logprobs }
        choice["finish_reason"] = finishReason
        frame.chunk(choice, to: &out)
    }
}
