import JSON

/// Tools and the choice among them.
enum AnthropicTools {
    /// Sets `tools`, `tool_choice` and `parallel_tool_calls` of the chat request.
    static func translate(
        _ request: AnthropicField, into chat: inout JSONObject, _ warnings: inout AnthropicWarnings
    ) throws(ClientError) {
        var tools: [JSONValue] = []
        var names: Set<String> = []
        for tool in try request["tools"]?.items() ?? [] {
            guard let function = try function(tool, &warnings) else { continue }
            names.insert(function["name"]?.string ?? "")
            tools.append(["type": "function", "function": .object(function)])
        }
        if !tools.isEmpty { chat["tools"] = .array(tools) }
        try choice(request, names, into: &chat)
    }

    private static func function(
        _ tool: AnthropicField, _ warnings: inout AnthropicWarnings
    ) throws(ClientError) -> JSONObject? {
        _ = try tool.object()
        if let type = try tool["type"]?.string(), type != "custom" {
            // Anthropic's servers run them, or only its models know their schema.
            warnings.add("Tools of type \(type) were left out: only Anthropic's own models and servers know them.")
            return nil
        }
        var function = JSONObject()
        function["name"] = .string(try tool.required("name").string())
        if let description = try tool["description"]?.string() { function["description"] = .string(description) }
        function["parameters"] = .object(try tool.required("input_schema").object())
        if let strict = try tool["strict"]?.bool() { function["strict"] = .bool(strict) }
        return function
    }

    private static func choice(
        _ request: AnthropicField, _ names: Set<String>, into chat: inout JSONObject
    ) throws(ClientError) {
        guard let choice = request["tool_choice"] else { return }
        let translated: JSONValue
        switch try choice.type() {
        case "auto": translated = "auto"
        case "any": translated = "required"
        case "none": translated = "none"
        case "tool":
            let name = try choice.required("name")
            let text = try name.string()
            guard names.contains(text) else { throw name.refused("no tool of this name can be used.") }
            translated = ["type": "function", "function": ["name": .string(text)]]
        default: throw choice.refused("the type must be auto, any, tool or none.")
        }
        // OpenAI's API refuses a choice among no tools.
        guard !names.isEmpty else { return }
        chat["tool_choice"] = translated
        if try choice["disable_parallel_tool_use"]?.bool() ?? false { chat["parallel_tool_calls"] = false }
    }
}
