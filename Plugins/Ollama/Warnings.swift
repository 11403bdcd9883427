/// Which parts of a request were left out, for the client. Fixed sentences: nothing of the request's own words, since they
/// travel in a header field.
struct Warnings {
    private var sentences: [String] = []

    var text: String { sentences.joined(separator: " ") }

    mutating func add(_ sentence: String) { sentences.append(sentence) }

    /// Adds a sentence for each member that would have changed the answer. What changes nothing for the reader, such as
    /// user, metadata, store or service_tier, is dropped without a word.
    mutating func addIgnored(in request: JSONValue, hasTools: Bool = false) {
        for name in ["logit_bias", "prediction", "web_search_options", "audio", "functions", "verbosity"] {
            guard let value = request.given(name), value != [:], value != [] else { continue }
            ignored(name)
        }
        if let modalities = request["modalities"]?.array, modalities.contains(where: { $0 != "text" }) {
            ignored("modalities")
        }
        if hasTools, request["parallel_tool_calls"] == false { ignored("parallel_tool_calls") }
        if let count = request["best_of"]?.int, count > 1 { ignored("best_of") }
    }

    private mutating func ignored(_ name: String) { add("\(name) was ignored: Ollama does not offer it.") }
}
