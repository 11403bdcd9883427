import JSON

/// Members of a request that only Anthropic's own service knows, most of them in a beta: clients send new ones with each of
/// their versions, whatever server they talk to.
enum AnthropicBetas {
    /// What is translated, and what changes nothing for who reads the answer.
    private static let known: Set<String> = [
        "model", "messages", "system", "max_tokens", "metadata", "stop_sequences", "stream", "temperature", "top_p",
        "top_k",
        "tools", "tool_choice", "thinking", "output_config", "output_format",
        "cache_control", "diagnostics", "inference_geo", "service_tier", "speed",
    ]
    private static let ofOutput: Set<String> = ["effort", "format"]
    private static let ofTools: Set<String> = [
        "name", "description", "input_schema", "strict", "type", "cache_control", "allowed_callers", "defer_loading",
        "eager_input_streaming", "input_examples",
    ]
    /// What Anthropic's own servers would do something for.
    private static let ofServers: Set<String> = ["mcp_servers", "container", "context_management"]

    /// Warns of all that are left out.
    static func warn(_ request: AnthropicField, _ warnings: inout AnthropicWarnings) {
        for name in names(of: request.value, besides: known) {
            warnings.add(
                ofServers.contains(name)
                    ? "\(name) was left out: no backend does what Anthropic's own servers do for it."
                    : "\(name) was left out: only Anthropic's own service knows it.")
        }
        for name in names(of: request.value["output_config"], besides: ofOutput) {
            warnings.add("output_config.\(name) was left out: only Anthropic's own service knows it.")
        }
        for tool in request.value["tools"]?.array ?? [] {
            guard tool["type"]?.string ?? "custom" == "custom" else { continue }
            for name in names(of: tool, besides: ofTools) {
                warnings.add("\(name) of tools was left out: only Anthropic's own service knows it.")
            }
        }
    }

    private static func names(of object: JSONValue?, besides known: Set<String>) -> [String] {
        (object?.object?.members ?? []).lazy.filter { !$0.value.isNull && !known.contains($0.name) }.map {
            String($0.name.prefix(64))
        }
    }
}
