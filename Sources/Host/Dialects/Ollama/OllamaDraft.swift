import JSON

/// A request of OpenAI's API while it is made from one of Ollama's. Only what was given is sent: the backend knows the
/// model's defaults.
struct OllamaDraft {
    let members: OllamaMembers
    var result: JSONObject
    /// Places of members that have no counterpart.
    private var leftOut: [String] = []

    init(_ body: JSONValue, model: String) throws(ClientError) {
        members = try OllamaMembers(body, "")
        result = JSONObject([(name: "model", value: .string(model))])
    }

    /// A request that asks for nothing asks to load the model, or with `keep_alive` 0 to unload it.
    func isUnload() throws(ClientError) -> Bool {
        switch try keepAlive() {
        case .number(let number): number.double == 0
        case .string(let text): text.contains { $0 == "0" } && !text.contains { ("1"..."9").contains($0) }
        default: false
        }
    }

    /// The usage of a stream comes only if it is asked for.
    mutating func takeStream() throws(ClientError) {
        guard try members.bool("stream") ?? true else { return }
        result["stream"] = true
        result["stream_options"] = ["include_usage": true]
    }

    mutating func takeTools() throws(ClientError) {
        var tools: [JSONValue] = []
        for (index, tool) in (try members.array("tools") ?? []).enumerated() {
            let place = "tools[\(index)]"
            let function = try OllamaMembers(tool, place).members("function")
            guard let function, try function.string("name") != nil else {
                throw OllamaError.refusal("\(place).function.name", "A tool needs function.name, a string.")
            }
            tools.append(["type": "function", "function": tool["function"] ?? .null])
        }
        if !tools.isEmpty { result["tools"] = .array(tools) }
    }

    mutating func takeFormat() throws(ClientError) {
        switch members["format"] {
        case nil, .string(""): break
        case .string("json"): result["response_format"] = ["type": "json_object"]
        case .object(let schema):
            // Not "strict": OpenAI takes few schemas then, while local servers hold to each schema anyway.
            result["response_format"] = [
                "type": "json_schema", "json_schema": ["name": "response", "schema": .object(schema)],
            ]
        default: throw OllamaError.refusal("format", "format must be \"json\" or a JSON schema, an object.")
        }
    }

    /// Ollama's levels as OpenAI's efforts.
    mutating func takeThink() throws(ClientError) {
        let effort: String
        switch members["think"] {
        case nil: return
        case .bool(let thinks): effort = thinks ? "medium" : "none"
        case .string(let level) where ["low", "medium", "high"].contains(level): effort = level
        case .string("max"): effort = "xhigh"
        default:
            throw OllamaError.refusal(
                "think", "think must be true, false, \"low\", \"medium\", \"high\" or \"max\".")
        }
        result["reasoning_effort"] = .string(effort)
    }

    mutating func takeLogprobs() throws(ClientError) {
        let alternatives = try topLogprobs()
        guard try members.bool("logprobs") ?? false else { return }
        result["logprobs"] = true
        if let alternatives { result["top_logprobs"] = .number(JSONNumber(alternatives)) }
    }

    /// A completion has one number for both.
    mutating func takeCompletionLogprobs() throws(ClientError) {
        let alternatives = try topLogprobs()
        guard try members.bool("logprobs") ?? false else { return }
        result["logprobs"] = .number(JSONNumber(alternatives ?? 0))
    }

    private func topLogprobs() throws(ClientError) -> Int64? {
        guard let count = try members.integer("top_logprobs") else { return nil }
        guard (0...20).contains(count) else {
            throw OllamaError.refusal("top_logprobs", "top_logprobs must be between 0 and 20.")
        }
        return count
    }

    /// `options` and `keep_alive` of a request that makes text.
    mutating func takeSampling() throws(ClientError) {
        if let options = try members.members("options") {
            let sampling = try OllamaOptions(options)
            for (name, value) in sampling.translated { result[name] = value }
            leftOut += sampling.leftOut
        }
        if let keepAlive = try keepAlive() { result["keep_alive"] = keepAlive }
    }

    /// Of the options only the context's length says something about a vector.
    mutating func takeEmbeddingOptions() throws(ClientError) {
        if let options = try members.members("options") {
            if let length = try OllamaOptions.contextLength(options) { result["num_ctx"] = length }
            leftOut += OllamaOptions.places(options.names.filter { $0 != "num_ctx" })
        }
        if let keepAlive = try keepAlive() { result["keep_alive"] = keepAlive }
    }

    mutating func leaveOut(_ names: [String]) {
        leftOut += names.filter { name in
            guard let value = members[name] else { return false }
            return value != "" && value != []
        }
    }

    func translation(
        _ target: Translation.Target, warnings: [String] = [], _ answer: any AnswerTranslation
    ) -> Translation {
        var warnings = warnings
        if !leftOut.isEmpty {
            warnings.append("Left out, as OpenAI's API has nothing like it: \(leftOut.joined(separator: ", ")).")
        }
        return Translation(target: target, body: JSONValue.object(result).bytes, warnings: warnings, answer: answer)
    }

    private func keepAlive() throws(ClientError) -> JSONValue? {
        switch members["keep_alive"] {
        case nil: return nil
        case .number(let number): return .number(number)
        case .string(let text): return .string(text)
        default: throw OllamaError.refusal("keep_alive", "keep_alive must be a duration such as \"5m\", or seconds.")
        }
    }
}
