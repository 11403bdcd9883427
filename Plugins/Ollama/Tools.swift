/// Which tools a model is offered. Ollama cannot be made to use one: what a request wants of that is done as far as
/// leaving tools out goes, and the client is warned of the rest.
enum Tools {
    static func translate(_ request: JSONValue, _ warnings: inout Warnings) throws(Failure) -> [JSONValue] {
        guard let given = request.given("tools") else { return [] }
        guard let tools = given.array else { throw ChatRequest.rejected("tools", "tools must be an array.") }
        for (index, tool) in tools.enumerated() where name(tool) == nil {
            throw ChatRequest.rejected("tools[\(index)]", "Ollama takes tools of type function, with a function.name.")
        }
        guard let choice = request.given("tool_choice"), !tools.isEmpty else { return tools }
        switch choice {
        case "none": return []
        case "auto": return tools
        case "required", "any":
            warnings.add("tool_choice required was not enforced: Ollama lets the model choose.")
            return tools
        case .object: return try chosen(choice, of: tools, &warnings)
        default: throw refused
        }
    }

    private static func chosen(
        _ choice: JSONValue, of tools: [JSONValue], _ warnings: inout Warnings
    ) throws(Failure) -> [JSONValue] {
        if choice["type"] == "allowed_tools" {
            let allowed = choice["allowed_tools"] ?? choice
            let names = (allowed["tools"]?.array ?? []).map { name($0) ?? $0["name"]?.string }
            if allowed["mode"] == "required" {
                warnings.add("tool_choice required was not enforced: Ollama lets the model choose.")
            }
            return try some(tools.filter { names.contains(name($0)) })
        }
        guard let wanted = choice["function"]?["name"]?.string ?? choice["name"]?.string else { throw refused }
        let only = try some(tools.filter { name($0) == wanted })
        warnings.add("tool_choice was not enforced: Ollama was given the named tool alone, and lets the model choose.")
        return only
    }

    private static func some(_ tools: [JSONValue]) throws(Failure) -> [JSONValue] {
        guard !tools.isEmpty else {
            throw ChatRequest.rejected("tool_choice", "tool_choice names a tool that is not among the tools.")
        }
        return tools
    }

    private static let refused = ChatRequest.rejected(
        "tool_choice", "tool_choice must be none, auto, required or the name of a function.")

    /// Nil for a tool of another type.
    private static func name(_ tool: JSONValue) -> String? {
        guard tool["type"] == nil || tool["type"] == "function" else { return nil }
        return tool["function"]?["name"]?.string
    }
}
