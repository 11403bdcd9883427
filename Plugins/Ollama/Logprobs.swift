/// Ollama's list of tokens with their probabilities, as OpenAI's two APIs show them.
enum Logprobs {
    /// For a choice of a chat; nil if none came.
    static func chat(_ list: JSONValue?) -> JSONValue? {
        guard let tokens = list?.array, !tokens.isEmpty else { return nil }
        return [
            "content": .array(
                tokens.map { token(top: .array(($0["top_logprobs"]?.array ?? []).map { token($0) }), $0) })
        ]
    }

    /// Every member of OpenAI's is required, so what Ollama leaves out is put in.
    private static func token(top: JSONValue? = nil, _ given: JSONValue) -> JSONValue {
        let text = given["token"]?.string ?? ""
        var result = JSONObject([
            (name: "token", value: .string(text)), (name: "logprob", value: given["logprob"] ?? 0),
            (name: "bytes", value: given.given("bytes") ?? .array(text.utf8.map { .number(JSONNumber($0)) })),
        ])
        if let top { result["top_logprobs"] = top }
        return .object(result)
    }

    /// For a choice of a completion, in the older shape of four lists; nil if none came.
    /// - Parameter offset: characters of the text before the first token; moved behind the last one.
    static func completion(_ list: JSONValue?, offset: inout Int) -> JSONValue? {
        guard let tokens = list?.array, !tokens.isEmpty else { return nil }
        var offsets: [JSONValue] = []
        for token in tokens {
            offsets.append(.number(JSONNumber(offset)))
            offset += token["token"]?.string?.unicodeScalars.count ?? 0
        }
        let hasTop = tokens.contains { $0["top_logprobs"]?.array?.isEmpty == false }
        let top = tokens.map { token -> JSONValue in
            var alternatives = JSONObject()
            for other in token["top_logprobs"]?.array ?? [] {
                alternatives[other["token"]?.string ?? ""] = other["logprob"] ?? 0
            }
            return .object(alternatives)
        }
        return [
            "tokens": .array(tokens.map { $0["token"] ?? "" }),
            "token_logprobs": .array(tokens.map { $0["logprob"] ?? .null }),
            "top_logprobs": hasTop ? .array(top) : .null, "text_offset": .array(offsets),
        ]
    }
}
