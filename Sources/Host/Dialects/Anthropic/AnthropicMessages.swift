import Core
import JSON

/// Anthropic's Messages API in terms of OpenAI's chat completions.
public enum AnthropicMessages {
    /// - Parameters:
    ///   - body: the client's request.
    ///   - model: the name for the backend.
    ///   - askedModel: the name the answer shows.
    ///   - requestID: names the answer and its tool calls, whatever a backend calls them: never the same for two requests.
    /// - Throws: status 400 with the place of what is wrong, or cannot be carried over.
    public static func translate(
        _ body: JSONValue, model: String, askedModel: String, requestID: String
    ) throws(ClientError) -> Translation {
        let request = AnthropicField(body)
        guard body.object != nil else { throw request.refused("The body must be a JSON object.") }
        var warnings = AnthropicWarnings()
        var chat = JSONObject()
        chat["model"] = .string(model)
        // A limit of 0 fills a cache without an answer at Anthropic's; here it would only be an empty answer.
        let limit = try request.required("max_tokens").integer(atLeast: 1)
        try prompt(of: request, into: &chat, &warnings)
        chat["max_tokens"] = .number(JSONNumber(limit))
        if try request["stream"]?.bool() ?? false {
            chat["stream"] = true
            chat["stream_options"] = ["include_usage": true]
        }
        for name in ["temperature", "top_p", "top_k"] {
            if let value = try request[name]?.number() { chat[name] = value }
        }
        var stops: [String] = []
        for stop in try request["stop_sequences"]?.items() ?? [] { stops.append(try stop.string()) }
        if !stops.isEmpty { chat["stop"] = .array(stops.map { .string($0) }) }
        if let user = try request["metadata"]?.members()["user_id"]?.string() { chat["user"] = .string(name(of: user)) }
        let reasoning = try AnthropicReasoning(request)
        if let effort = reasoning.effort { chat["reasoning_effort"] = .string(effort) }
        if reasoning.leavesOutEffort {
            warnings.add("output_config.effort was left out: it counts with adaptive thinking only.")
        }
        if let format = try responseFormat(request) { chat["response_format"] = format }
        AnthropicBetas.warn(request, &warnings)
        let answer = AnthropicAnswer(
            requestID: requestID, model: askedModel, stopSequences: stops, showsThinking: reasoning.isShown)
        return Translation(
            target: .chat, body: JSONValue.object(chat).bytes, warnings: warnings.sentences, answer: answer)
    }

    /// OpenAI's service takes 64 characters; a longer name stands for itself by its hash.
    private static func name(of user: String) -> String {
        user.utf8.count <= 64 ? user : SHA256.hexadecimal(of: user)
    }

    /// What the model reads: the messages and the tools.
    static func prompt(
        of request: AnthropicField, into chat: inout JSONObject, _ warnings: inout AnthropicWarnings
    ) throws(ClientError) {
        chat["messages"] = .array(try AnthropicConversation.messages(request, &warnings))
        try AnthropicTools.translate(request, into: &chat, &warnings)
    }

    /// `output_config.format`, or `output_format` as it was called before.
    private static func responseFormat(_ request: AnthropicField) throws(ClientError) -> JSONValue? {
        guard let format = try request["output_config"]?.members()["format"] ?? request["output_format"] else {
            return nil
        }
        guard try format.type() == "json_schema" else { throw format.refused("only the type json_schema is known.") }
        let schema = try format.required("schema").object()
        return [
            "type": "json_schema", "json_schema": ["name": "output", "schema": .object(schema), "strict": true],
        ]
    }
}
