import JSON

/// Ollama's `options` as members of OpenAI's requests.
struct OllamaOptions {
    private(set) var translated: [(name: String, value: JSONValue)] = []
    /// Places of the options that have no counterpart: they tune Ollama's own runner.
    private(set) var leftOut: [String] = []

    init(_ options: OllamaMembers) throws(ClientError) {
        for name in ["temperature", "top_p", "presence_penalty", "frequency_penalty", "min_p", "typical_p"] {
            if let value = try options.number(name) { translated.append((name, .number(value))) }
        }
        if let value = try options.integer("top_k") { translated.append(("top_k", .number(JSONNumber(value)))) }
        if let value = try options.number("repeat_penalty") {
            // The one as llama.cpp calls it, the other as vLLM and SGLang do; each passes over the other's.
            translated.append(("repeat_penalty", .number(value)))
            translated.append(("repetition_penalty", .number(value)))
        }
        // -1 asks for a seed of the server's choice.
        if let seed = try options.integer("seed"), seed != -1 {
            translated.append(("seed", .number(JSONNumber(seed))))
        }
        // -1 and -2 ask for no limit.
        if let limit = try options.integer("num_predict"), limit > 0 {
            translated.append(("max_tokens", .number(JSONNumber(limit))))
        }
        if let stop = try Self.stop(options) { translated.append(("stop", stop)) }
        if let length = try Self.contextLength(options) { translated.append(("num_ctx", length)) }
        leftOut = Self.places(options.names.filter { !Self.known.contains($0) })
    }

    static func contextLength(_ options: OllamaMembers) throws(ClientError) -> JSONValue? {
        guard let length = try options.integer("num_ctx"), length > 0 else { return nil }
        return .number(JSONNumber(length))
    }

    /// The names are the client's words and go into a header: only such as look like names.
    static func places(_ names: [String]) -> [String] {
        names.filter { name in
            name.utf8.count <= 40
                && name.utf8.allSatisfy { byte in
                    byte == UInt8(ascii: "_") || byte &- 0x30 < 10 || (byte | 0x20) &- UInt8(ascii: "a") < 26
                }
        }.map { "options." + $0 }
    }

    private static let known: Set = [
        "temperature", "top_p", "presence_penalty", "frequency_penalty", "min_p", "typical_p", "top_k",
        "repeat_penalty", "seed", "num_predict", "stop", "num_ctx",
    ]

    private static func stop(_ options: OllamaMembers) throws(ClientError) -> JSONValue? {
        switch options["stop"] {
        case nil, .array([]): return nil
        case .string(let text): return [.string(text)]
        case .array(let items): return .array(try OllamaMembers.strings(items, "options.stop").map { .string($0) })
        default: throw OllamaError.refusal("options.stop", "options.stop must be an array of strings.")
        }
    }
}
