import PluginAPI

/// Translates embeddings both ways. Pure.
enum Embeddings {
    static func request(
        _ request: JSONValue, model: String, options: Options
    ) throws(Failure) -> TranslatedRequest {
        var result = JSONObject([(name: "model", value: .string(model))])
        let texts = inputs(request)
        guard !texts.isEmpty, texts.allSatisfy({ $0.string?.isEmpty == false }) else {
            throw ChatRequest.rejected(
                "input", "input must be a string or an array of strings, none of them empty; Ollama takes no tokens.")
        }
        result["input"] = request["input"]
        switch request.given("encoding_format") {
        case nil, "float", "base64": break
        default: throw ChatRequest.rejected("encoding_format", "encoding_format must be float or base64.")
        }
        for name in ["dimensions", "truncate"] {
            if let value = request.given(name) { result[name] = value }
        }
        if let keepAlive = options.keepAlive(asked: request) { result["keep_alive"] = keepAlive }
        let sampling = try SamplingOptions.translate(request, contextLength: options.contextLength)
        if !sampling.isEmpty { result["options"] = .object(sampling) }
        return TranslatedRequest(body: .object(result))
    }

    static func inputs(_ request: JSONValue) -> [JSONValue] {
        request["input"]?.array ?? request["input"].map { [$0] } ?? []
    }

    /// Nil unless there is a vector of numbers for each of `count` inputs.
    static func answer(
        _ answer: JSONValue, count: Int, model: String, base64: Bool
    ) -> (body: JSONValue, usage: TokenUsage)? {
        guard let vectors = answer["embeddings"]?.array, vectors.count == count,
            vectors.allSatisfy({ $0.array?.isEmpty == false && $0.array?.allSatisfy { $0.number != nil } == true })
        else { return nil }
        var usage = Usage.counts(answer)
        // Ollama gives only the time of the whole request, and how much of it was loading.
        let loading = answer["load_duration"]?.count ?? 0
        if let total = answer["total_duration"]?.count, total >= loading {
            usage.promptMicroseconds = (total - loading) / 1000
        }
        let data = vectors.enumerated().map { index, vector -> JSONValue in
            [
                "object": "embedding", "index": .number(JSONNumber(index)),
                "embedding": base64 ? .string(Base64.floats(vector.array ?? [])) : vector,
            ]
        }
        let tokens = usage.prompt.map { JSONValue.number(JSONNumber($0)) }
        return (
            [
                "object": "list", "data": .array(data), "model": .string(model),
                "usage": tokens.map { ["prompt_tokens": $0, "total_tokens": $0] } ?? .null,
            ], usage
        )
    }
}
