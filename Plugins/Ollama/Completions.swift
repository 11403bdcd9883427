import PluginAPI

/// Translates OpenAI's older API of completions into Ollama's `/api/generate`. Pure.
enum CompletionRequest {
    /// - Parameter thinks: false: the server would refuse to let the model think.
    static func translate(
        _ request: JSONValue, model: String, options: Options, thinks: Bool = true
    ) throws(Failure) -> TranslatedRequest {
        try ChatRequest.refuseSeveralAnswers(request)
        var warnings = Warnings()
        var result = JSONObject([(name: "model", value: .string(model))])
        result["prompt"] = .string(try prompt(request))
        if let suffix = request.given("suffix"), suffix != "" {
            // The model's own template puts prompt and suffix together.
            result["suffix"] = suffix
        } else {
            // A completion goes on with the prompt itself, without the template of a chat.
            result["raw"] = true
        }
        result["stream"] = .bool(request["stream"]?.bool ?? false)
        try ChatRequest.addCommon(request, model, options, thinks: thinks, to: &result, &warnings)
        // Ollama would take the thinking out of the text, and completions have no place for it.
        if thinks, result["think"] == nil { result["think"] = false }
        if let count = request.given("logprobs") {
            guard let count = count.int, (0...20).contains(count) else {
                throw ChatRequest.rejected("logprobs", "logprobs must be a whole number from 0 to 20.")
            }
            result["logprobs"] = true
            if count > 0 { result["top_logprobs"] = .number(JSONNumber(count)) }
            if request["echo"] == true {
                warnings.add("logprobs are those of the completion alone: Ollama gives none for the prompt.")
            }
        }
        warnings.addIgnored(in: request)
        return TranslatedRequest(body: .object(result), warning: warnings.text)
    }

    /// The start of the answer.
    static func echo(_ request: JSONValue) -> String {
        request["echo"] == true ? (try? prompt(request)) ?? "" : ""
    }

    private static func prompt(_ request: JSONValue) throws(Failure) -> String {
        let given = request["prompt"]
        if let several = given?.array, several.count > 1, several[0].string != nil {
            throw ChatRequest.rejected("prompt", "Ollama completes one prompt a request; send one.")
        }
        guard let text = given?.string ?? given?[0]?.string else {
            throw ChatRequest.rejected("prompt", "prompt must be a string, or an array of one; Ollama takes no tokens.")
        }
        // Ollama would load or unload the model and answer with nothing.
        guard !text.isEmpty else { throw ChatRequest.rejected("prompt", "prompt must not be empty.") }
        return text
    }
}

/// Translates Ollama's whole answer into a completion. Pure.
enum CompletionAnswer {
    /// Nil for an answer that is not complete.
    static func translate(_ answer: JSONValue, _ reply: Reply) -> (body: JSONValue, usage: TokenUsage)? {
        guard let text = answer["response"]?.string, answer["done"]?.bool == true else { return nil }
        let usage = Usage.counts(answer)
        var offset = reply.echo.unicodeScalars.count
        let body: JSONValue = [
            "id": .string(reply.id), "object": "text_completion", "created": Reply.created(answer),
            "model": .string(reply.model),
            "choices": [
                [
                    "index": 0, "text": .string(reply.echo + text),
                    "logprobs": Logprobs.completion(answer["logprobs"], offset: &offset) ?? .null,
                    "finish_reason": .string(FinishReason.of(answer["done_reason"]?.string, toolCalls: 0)),
                ]
            ],
            "usage": Usage.json(usage),
        ]
        return (body, usage)
    }
}

/// The stream of a completion: pieces of text, a finish chunk, a usage chunk if it was asked for, and the end mark.
struct CompletionChunks: Chunks {
    private var frame: ChunkFrame
    private var echo: String
    private var offset: Int
    private var pieces: UInt64 = 0
    private(set) var isFinished = false
    private var told: TokenUsage?
    var usage: TokenUsage { told ?? Usage.sofar(pieces: pieces) }

    init(_ reply: Reply) {
        frame = ChunkFrame(reply, object: "text_completion")
        echo = reply.echo
        offset = echo.unicodeScalars.count
    }

    mutating func events(for line: JSONValue) -> [UInt8] {
        guard !isFinished else { return [] }
        frame.begin(line)
        var out: [UInt8] = []
        if !echo.isEmpty {
            add(echo, to: &out)
            echo = ""
        }
        let text = line["response"]?.string ?? ""
        let logprobs = Logprobs.completion(line["logprobs"], offset: &offset)
        if !text.isEmpty || logprobs != nil {
            if !text.isEmpty { pieces += 1 }
            add(text, logprobs: logprobs ?? .null, to: &out)
        }
        if line["done"]?.bool == true {
            isFinished = true
            told = Usage.counts(line, pieces: pieces)
            let reason = FinishReason.of(line["done_reason"]?.string, toolCalls: 0)
            add("", finishReason: .string(reason), to: &out)
            frame.end(usage, to: &out)
        }
        return out
    }

    private func add(
        _ text: String, logprobs: JSONValue = .null, finishReason: JSONValue = .null, to out: inout [UInt8]
    ) {
        frame.chunk(
            JSONObject([
                (name: "index", value: 0), (name: "text", value: .string(text)), (name: "logprobs", value: logprobs),
                (name: "finish_reason", value: finishReason),
            ]), to: &out)
    }
}
