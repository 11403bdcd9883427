/// Makes OpenAI's stream of events out of Ollama's lines. Pure.
protocol Chunks {
    /// The line with "done" has come, and the end mark is written.
    var isFinished: Bool { get }
    /// The counts of the last line; before it comes, an estimate from the pieces.
    var usage: TokenUsage { get }
    /// The events for one line; nothing after the last one.
    mutating func events(for line: JSONValue) -> [UInt8]
}

/// What all chunks of a stream share: one id and one time.
struct ChunkFrame {
    let reply: Reply
    let object: JSONValue
    private var created: JSONValue?

    init(_ reply: Reply, object: JSONValue) {
        self.reply = reply
        self.object = object
    }

    /// The first line says when it began.
    mutating func begin(_ line: JSONValue) {
        if created == nil { created = Reply.created(line) }
    }

    /// One chunk with one choice. Where a usage chunk follows, all others say that theirs is not it.
    func chunk(_ choice: JSONObject, to out: inout [UInt8]) {
        var chunk = head
        chunk["choices"] = [.object(choice)]
        if reply.includesUsage { chunk["usage"] = .null }
        event(chunk, to: &out)
    }

    /// The usage chunk if it was asked for, and the end mark.
    func end(_ usage: TokenUsage, to out: inout [UInt8]) {
        if reply.includesUsage {
            var chunk = head
            chunk["choices"] = []
            chunk["usage"] = Usage.json(usage)
            event(chunk, to: &out)
        }
        out += EventText.doneMark
    }

    private var head: JSONObject {
        JSONObject([
            (name: "id", value: .string(reply.id)), (name: "object", value: object),
            (name: "created", value: created ?? 0), (name: "model", value: .string(reply.model)),
        ])
    }

    private func event(_ chunk: JSONObject, to out: inout [UInt8]) {
        EventText.append(JSONValue.object(chunk).bytes, to: &out)
    }
}
