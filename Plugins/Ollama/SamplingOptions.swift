/// Members that go under Ollama's "options". Only what was given is sent: the model's own file sets the rest.
enum SamplingOptions {
    /// OpenAI's members and those that other servers added, where Ollama has the same name.
    private static let sameName = [
        "temperature", "top_p", "seed", "presence_penalty", "frequency_penalty", "top_k", "min_p", "typical_p",
        "repeat_penalty", "repeat_last_n", "num_keep", "mirostat", "mirostat_tau", "mirostat_eta",
    ]
    /// The first that is given counts.
    private static let limits = ["max_completion_tokens", "max_tokens", "num_predict", "n_predict"]

    /// - Parameter contextLength: for a request that does not say one.
    static func translate(_ request: JSONValue, contextLength: Int64?) throws(Failure) -> JSONObject {
        var options = JSONObject()
        if let own = request.given("options") {
            guard let own = own.object else {
                throw ChatRequest.rejected("options", "options must be an object with Ollama's own names.")
            }
            options.merge(own.members.filter { !$0.value.isNull })
        }
        for name in sameName {
            if let value = request.given(name) { options[name] = value }
        }
        if let penalty = request.given("repetition_penalty") { options["repeat_penalty"] = penalty }
        if let limit = try limit(request) { options["num_predict"] = limit }
        if let stop = try stop(request["stop"]) { options["stop"] = stop }
        if let length = request.given("num_ctx") {
            guard let tokens = length.int, tokens > 0 else {
                throw ChatRequest.rejected("num_ctx", "num_ctx must be a whole number above 0.")
            }
            options["num_ctx"] = length
        } else if options["num_ctx"] == nil, let contextLength {
            options["num_ctx"] = .number(JSONNumber(contextLength))
        }
        return options
    }

    private static func limit(_ request: JSONValue) throws(Failure) -> JSONValue? {
        guard let name = limits.first(where: { request.given($0) != nil }), let limit = request.given(name) else {
            return nil
        }
        // Ollama takes 0 for "no limit", which is the opposite of what was asked.
        guard limit.int != 0 else { throw ChatRequest.rejected(name, "\(name) must be above 0.") }
        return limit
    }

    private static func stop(_ stop: JSONValue?) throws(Failure) -> JSONValue? {
        switch stop {
        case .string(let text): return [.string(text)]
        case .array([]), nil, .null: return nil
        case .array(let texts) where texts.allSatisfy({ $0.string != nil }): return .array(texts)
        default: throw ChatRequest.rejected("stop", "stop must be a string or an array of strings.")
        }
    }
}
