import PluginAPI

/// Translates OpenAI's chat request into Ollama's. Pure; what cannot be translated is refused with the member's name.
enum ChatRequest {
    static func translate(_ request: JSONValue, model: String, options: Options) throws(Failure) -> JSONValue {
        if let count = request["n"]?.int, count > 1 {
            throw rejected("n", "Ollama gives one answer a request; send n = 1.")
        }
        var result = JSONObject()
        result["model"] = .string(model)
        result["messages"] = .array(try Messages.translate(request["messages"]))
        result["stream"] = .bool(request["stream"]?.bool ?? false)
        if let tools = request["tools"]?.array, !tools.isEmpty, request["tool_choice"]?.string != "none" {
            result["tools"] = .array(tools)
        }
        if let format = try format(request["response_format"]) { result["format"] = format }
        let sampling = try samplingOptions(request, contextLength: options.contextLength)
        if !sampling.isEmpty { result["options"] = .object(sampling) }
        if let keepAlive = options.keepAlive(asked: request) { result["keep_alive"] = keepAlive }
        if let think = think(request) {
            result["think"] = think
        } else if options.think == false {
            // Never true of our own accord: a model that cannot think would refuse.
            result["think"] = false
        }
        if let count = request["top_logprobs"] { result["top_logprobs"] = count }
        if request["logprobs"]?.bool == true { result["logprobs"] = true }
        return .object(result)
    }

    private static func format(_ format: JSONValue?) throws(Failure) -> JSONValue? {
        switch format?["type"]?.string {
        case "json_object": return "json"
        case "json_schema":
            guard let schema = format?["json_schema"]?["schema"] else {
                throw rejected("response_format", "json_schema needs a member \"schema\".")
            }
            return schema
        default: return nil
        }
    }

    /// Members that go under "options", by their names there. Only what was given is sent: the model's own file sets the rest.
    private static func samplingOptions(_ request: JSONValue, contextLength: Int64?) throws(Failure) -> JSONObject {
        var options = JSONObject()
        for name in ["temperature", "top_p", "seed", "presence_penalty", "frequency_penalty", "top_k", "min_p"] {
            if let value = request[name], !value.isNull { options[name] = value }
        }
        if let limit = [request["max_completion_tokens"], request["max_tokens"]].compactMap({ $0 }).first(where: {
            !$0.isNull
        }) {
            options["num_predict"] = limit
        }
        switch request["stop"] {
        case .string(let text): options["stop"] = [.string(text)]
        case .array([]), nil, .null: break
        case .array(let texts): options["stop"] = .array(texts)
        default: throw rejected("stop", "stop must be a string or an array of strings.")
        }
        if let length = request["num_ctx"]?.int ?? contextLength { options["num_ctx"] = .number(JSONNumber(length)) }
        return options
    }

    /// OpenAI's effort as Ollama's levels; nil when the request says nothing.
    private static func think(_ request: JSONValue) -> JSONValue? {
        guard let effort = (request["reasoning_effort"] ?? request["reasoning"]?["effort"])?.string else { return nil }
        switch effort {
        case "none": return false
        case "minimal": return "low"
        case "low", "medium", "high", "max": return .string(effort)
        case "xhigh", "ultra": return "max"
        default: return true
        }
    }

    static func rejected(_ param: String, _ message: String) -> Failure {
        let error: JSONValue = [
            "message": .string(message), "type": "invalid_request_error", "param": .string(param), "code": nil,
        ]
        return Failure(
            kind: NEXUS_FAIL_REJECTED, status: 400, message: message,
            body: JSONValue.object(JSONObject([(name: "error", value: error)])).bytes)
    }
}
