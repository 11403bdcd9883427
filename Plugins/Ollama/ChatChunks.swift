/// The stream of a chat: a role chunk, deltas, a finish chunk, a usage chunk if it was asked for, and the end mark.
struct ChatChunks: Chunks {
    private var frame: ChunkFrame
    private var sentRole = false
    private var toolCalls = 0
    /// Lines with text; Ollama sends one a token.
    private var pieces: UInt64 = 0
    private(set) var isFinished = false
    private var told: TokenUsage?
    var usage: TokenUsage { told ?? Usage.sofar(pieces: pieces) }

    init(_ reply: Reply) { frame = ChunkFrame(reply, object: "chat.completion.chunk") }

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
        if let thinking = message?["thinking"]?.string, !thinking.isEmpty {
            pieces += 1
            var delta = JSONObject()
            frame.reply.reasoningField.put(thinking, into: &delta)
            if !delta.isEmpty { add(.object(delta), to: &out) }
        }
        let text = message?["content"]?.string ?? ""
        if !text.isEmpty || logprobs != nil {
            if !text.isEmpty { pieces += 1 }
            // Probabilities may come without text, for tokens that a parser keeps back.
            add(["content": .string(text)], logprobs: logprobs, to: &out)
            logprobs = nil
        }
        for call in message?["tool_calls"]?.array ?? [] {
            let call = ToolCall.translate(call, index: toolCalls, stream: frame.reply.id, indexed: true)
            add(["tool_calls": [call]], to: &out)
            toolCalls += 1
        }
        if line["done"]?.bool == true { finish(line, to: &out) }
        return out
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
