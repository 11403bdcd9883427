/// Makes OpenAI's stream of chunks out of Ollama's lines: one id and one time for the whole stream, a role chunk, deltas, a
/// finish chunk, a usage chunk if it was asked for, and the end mark. Pure.
struct ChatChunks {
    let id: String
    let model: String
    let includesUsage: Bool
    private var created: Int64 = 0
    private var sentRole = false
    private var toolCalls = 0
    private(set) var isFinished = false
    private(set) var usage = TokenUsage()

    init(id: String, model: String, includesUsage: Bool) {
        self.id = id
        self.model = model
        self.includesUsage = includesUsage
    }

    /// The events for one line. Nothing after the line that says done.
    mutating func events(for line: JSONValue) -> [UInt8] {
        guard !isFinished else { return [] }
        if created == 0 { created = CreatedAt.seconds(line["created_at"]?.string) }
        var out: [UInt8] = []
        if !sentRole {
            sentRole = true
            append(&out, delta: ["role": "assistant", "content": ""])
        }
        let message = line["message"]
        if let thinking = message?["thinking"]?.string, !thinking.isEmpty {
            append(&out, delta: ["reasoning_content": .string(thinking)])
        }
        if let text = message?["content"]?.string, !text.isEmpty {
            append(&out, delta: ["content": .string(text)], logprobs: line["logprobs"])
        }
        for call in message?["tool_calls"]?.array ?? [] {
            append(&out, delta: ["tool_calls": [ToolCall.translate(call, index: toolCalls, stream: id, indexed: true)]])
            toolCalls += 1
        }
        if line["done"]?.bool == true { finish(&out, line) }
        return out
    }

    private mutating func finish(_ out: inout [UInt8], _ line: JSONValue) {
        isFinished = true
        usage = Usage.counts(line)
        append(
            &out, delta: [:], finishReason: .string(FinishReason.of(line["done_reason"]?.string, toolCalls: toolCalls)))
        if includesUsage {
            var chunk = head()
            chunk["choices"] = []
            chunk["usage"] = Usage.json(usage)
            event(&out, chunk)
        }
        out += Array("data: [DONE]\n\n".utf8)
    }

    private func head() -> JSONObject {
        JSONObject([
            (name: "id", value: .string(id)), (name: "object", value: "chat.completion.chunk"),
            (name: "created", value: .number(JSONNumber(created))), (name: "model", value: .string(model)),
        ])
    }

    private func append(
        _ out: inout [UInt8], delta: JSONValue, logprobs: JSONValue? = nil, finishReason: JSONValue = .null
    ) {
        var choice: JSONObject = JSONObject([(name: "index", value: 0), (name: "delta", value: delta)])
        if let logprobs { choice["logprobs"] = ["content": logprobs] }
        choice["finish_reason"] = finishReason
        var chunk = head()
        chunk["choices"] = [.object(choice)]
        if includesUsage { chunk["usage"] = .null }
        event(&out, chunk)
    }

    private func event(_ out: inout [UInt8], _ chunk: JSONObject) {
        out += Array("data: ".utf8)
        out += JSONValue.object(chunk).bytes
        out += [0x0A, 0x0A]
    }
}
