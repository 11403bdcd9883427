import JSON

/// What a chunk or an answer says.
struct OllamaText {
    var content = ""
    var thinking = ""
    /// Finished objects of Ollama's form.
    var toolCalls: JSONValue?
    var logprobs: JSONValue?

    init() {}

    init(toolCalls: JSONValue) { self.toolCalls = toolCalls }

    /// - Parameter member: of the choice, where a chat has its message; a completion has `text` beside it.
    init(_ choice: JSONValue, in member: String) {
        let message = choice[member]
        content = Self.text(message?["content"])
        if content.isEmpty { content = message?["refusal"]?.string ?? choice["text"]?.string ?? "" }
        // Two names are in use; some servers send both.
        thinking = message?["reasoning_content"]?.string ?? ""
        if thinking.isEmpty { thinking = message?["reasoning"]?.string ?? "" }
        logprobs = OllamaLogprobs.translate(choice["logprobs"])
    }

    var isEmpty: Bool { content.isEmpty && thinking.isEmpty && toolCalls == nil && logprobs == nil }

    /// Some servers answer with parts.
    private static func text(_ content: JSONValue?) -> String {
        if let text = content?.string { return text }
        return (content?.array ?? []).compactMap { $0["text"]?.string }.joined()
    }
}

/// Probabilities of tokens: a list of objects in Ollama's API.
enum OllamaLogprobs {
    /// - Parameter logprobs: of a chat's choice, or the older form of a completion's.
    /// - Returns: nil if there are none.
    static func translate(_ logprobs: JSONValue?) -> JSONValue? {
        let items: [JSONValue]
        if let content = logprobs?["content"]?.array {
            items = content.compactMap { item in
                guard var token = token(item) else { return nil }
                let alternatives = (item["top_logprobs"]?.array ?? []).compactMap { Self.token($0) }
                if !alternatives.isEmpty {
                    token["top_logprobs"] = .array(alternatives.map(JSONValue.object))
                }
                return .object(token)
            }
        } else {
            items = columns(logprobs)
        }
        return items.isEmpty ? nil : .array(items)
    }

    private static func token(_ item: JSONValue) -> JSONObject? {
        guard let token = item["token"]?.string, let probability = item["logprob"]?.number else { return nil }
        var result = JSONObject([
            (name: "token", value: .string(token)), (name: "logprob", value: .number(probability)),
        ])
        if let bytes = item["bytes"]?.array { result["bytes"] = .array(bytes) }
        return result
    }

    /// A completion has one array for the tokens and one for each thing that is told of them.
    private static func columns(_ logprobs: JSONValue?) -> [JSONValue] {
        let tokens = logprobs?["tokens"]?.array ?? []
        return tokens.enumerated().compactMap { index, token in
            guard let token = token.string, let probability = logprobs?["token_logprobs"]?[index]?.number else {
                return nil
            }
            var result = JSONObject([
                (name: "token", value: .string(token)), (name: "logprob", value: .number(probability)),
            ])
            let alternatives = logprobs?["top_logprobs"]?[index]?.object?.members ?? []
            if !alternatives.isEmpty {
                result["top_logprobs"] = .array(
                    alternatives.map { ["token": .string($0.name), "logprob": $0.value] })
            }
            return .object(result)
        }
    }
}
