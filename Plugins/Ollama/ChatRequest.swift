import PluginAPI

/// What goes to Ollama for a request of OpenAI's API.
struct TranslatedRequest: Equatable {
    var body: JSONValue
    /// Which parts of the request were left out, in sentences for the client; empty: none.
    var warning = ""
}

/// Translates OpenAI's chat request into Ollama's. Pure; what cannot be translated is refused with the member's name.
enum ChatRequest {
    /// - Parameter thinks: false: the server would refuse to let the model think.
    static func translate(
        _ request: JSONValue, model: String, options: Options, thinks: Bool = true
    ) throws(Failure) -> TranslatedRequest {
        try refuseSeveralAnswers(request)
        var warnings = Warnings()
        var result = JSONObject()
        result["model"] = .string(model)
        result["messages"] = .array(try Messages.translate(request["messages"]))
        result["stream"] = .bool(request["stream"]?.bool ?? false)
        let tools = try Tools.translate(request, &warnings)
        if !tools.isEmpty { result["tools"] = .array(tools) }
        try addCommon(request, model, options, thinks: thinks, to: &result, &warnings)
        if request["logprobs"]?.bool == true {
            result["logprobs"] = true
            if let count = request.given("top_logprobs") { result["top_logprobs"] = count }
        }
        warnings.addIgnored(in: request, hasTools: !tools.isEmpty)
        return TranslatedRequest(body: .object(result), warning: warnings.text)
    }

    static func refuseSeveralAnswers(_ request: JSONValue) throws(Failure) {
        if let count = request["n"]?.int, count > 1 {
            throw rejected("n", "Ollama gives one answer a request; send n = 1.")
        }
    }

    /// What chats and completions have in common.
    static func addCommon(
        _ request: JSONValue, _ model: String, _ options: Options, thinks: Bool, to result: inout JSONObject,
        _ warnings: inout Warnings
    ) throws(Failure) {
        if let format = try format(request["response_format"]) { result["format"] = format }
        let sampling = try SamplingOptions.translate(request, contextLength: options.contextLength)
        if !sampling.isEmpty { result["options"] = .object(sampling) }
        if let keepAlive = options.keepAlive(asked: request) { result["keep_alive"] = keepAlive }
        if let think = try Thinking.translate(request, model: model, options: options, thinks: thinks, &warnings) {
            result["think"] = think
        }
        for name in ["truncate", "shift"] {
            if let value = request.given(name) { result[name] = value }
        }
    }

    private static func format(_ format: JSONValue?) throws(Failure) -> JSONValue? {
        guard let format, !format.isNull else { return nil }
        switch format["type"]?.string {
        case "text": return nil
        case "json_object": return "json"
        case "json_schema":
            guard let schema = format["json_schema"]?["schema"], schema.object != nil else {
                throw rejected("response_format", "json_schema needs a member \"schema\".")
            }
            return schema
        default:
            throw rejected("response_format", "Ollama offers the formats text, json_object and json_schema.")
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
