import Glibc

/// What an answer to a client needs besides the server's own: the same for the whole answer.
struct Reply {
    let id: String
    /// As the client named it.
    let model: String
    /// Begins the ids of tool calls that Ollama gave none. The client's request id does not do: a client pairs a result with
    /// its call by this id alone, and may send all requests of a conversation under one.
    var callPrefix = "call_" + String(UInt64.random(in: .min ... .max), radix: 36)
    var reasoningField = ReasoningField.reasoningContent
    var inlineThinking: InlineThinking.Mode?
    /// The client asked for the usage at the end of a stream.
    var includesUsage = false
    /// Text of the prompt that a completion begins with, if the client asked for it.
    var echo = ""

    /// When Ollama says it began; now, if it does not say.
    static func created(_ answer: JSONValue) -> JSONValue {
        let told = CreatedAt.seconds(answer["created_at"]?.string)
        return .number(JSONNumber(told > 0 ? told : Int64(time(nil))))
    }
}

enum FinishReason {
    static func of(_ reason: String?, toolCalls: Int) -> String {
        if reason == "length" { return "length" }
        return toolCalls > 0 ? "tool_calls" : "stop"
    }
}

/// Ollama's tool calls come whole, with arguments as an object and often all with index 0.
enum ToolCall {
    /// - Parameters:
    ///   - index: its place among all calls of the answer.
    ///   - prefix: see `Reply.callPrefix`.
    ///   - indexed: chunks carry the index, whole answers do not.
    static func translate(_ call: JSONValue, index: Int, prefix: String, indexed: Bool) -> JSONValue {
        let arguments = call["function"]?.given("arguments") ?? [:]
        let text = arguments.string ?? String(decoding: arguments.bytes, as: UTF8.self)
        var result = JSONObject()
        if indexed { result["index"] = .number(JSONNumber(index)) }
        let id = call["id"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        result["id"] = .string(id ?? "\(prefix)_\(index)")
        result["type"] = "function"
        result["function"] = ["name": call["function"]?["name"] ?? "", "arguments": .string(text)]
        return .object(result)
    }
}
