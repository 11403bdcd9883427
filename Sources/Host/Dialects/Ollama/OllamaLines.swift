import JSON

/// Writes the objects that answers of `/api/chat` and `/api/generate` are made of.
struct OllamaLines {
    enum Form { case chat, generate }

    let form: Form
    let model: String

    /// The object and a line feed.
    func line(_ text: OllamaText, createdAt: String, done: (reason: String, counts: OllamaCounts)? = nil) -> [UInt8] {
        object(text, createdAt: createdAt, done: done) + [0x0A]
    }

    /// - Parameter done: nil if more follows.
    func object(_ text: OllamaText, createdAt: String, done: (reason: String, counts: OllamaCounts)?) -> [UInt8] {
        var json = JSONWriter(capacity: 192 + text.content.utf8.count + text.thinking.utf8.count)
        json.beginObject()
        json.key("model")
        json.string(model)
        json.key("created_at")
        json.string(createdAt)
        switch form {
        case .chat:
            json.key("message")
            json.beginObject()
            json.key("role")
            json.string("assistant")
            said(text, as: "content", &json)
            json.endObject()
        case .generate: said(text, as: "response", &json)
        }
        json.key("done")
        json.bool(done != nil)
        if let done {
            json.key("done_reason")
            json.string(done.reason)
            done.counts.write(&json)
        }
        if let logprobs = text.logprobs {
            json.key("logprobs")
            json.value(logprobs)
        }
        json.endObject()
        return json.bytes
    }

    private func said(_ text: OllamaText, as name: String, _ json: inout JSONWriter) {
        json.key(name)
        json.string(text.content)
        if !text.thinking.isEmpty {
            json.key("thinking")
            json.string(text.thinking)
        }
        if let toolCalls = text.toolCalls {
            json.key("tool_calls")
            json.value(toolCalls)
        }
    }
}
