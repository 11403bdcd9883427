/// Translates Ollama's whole answer to a chat into OpenAI's. Pure.
enum ChatAnswer {
    static func translate(_ answer: JSONValue, id: String, model: String) -> (body: JSONValue, usage: TokenUsage)? {
        guard let message = answer["message"], answer["done"]?.bool == true else { return nil }
        let calls = message["tool_calls"]?.array ?? []
        var translated = JSONObject([(name: "role", value: "assistant")])
        let text = message["content"]?.string ?? ""
        translated["content"] = text.isEmpty && !calls.isEmpty ? .null : .string(text)
        if let thinking = message["thinking"]?.string, !thinking.isEmpty {
            translated["reasoning_content"] = .string(thinking)
        }
        if !calls.isEmpty {
            translated["tool_calls"] = .array(
                calls.enumerated().map { ToolCall.translate($1, index: $0, stream: id, indexed: false) })
        }
        let usage = Usage.counts(answer)
        var choice = JSONObject([(name: "index", value: 0), (name: "message", value: .object(translated))])
        choice["logprobs"] = answer["logprobs"].map { ["content": $0] } ?? .null
        choice["finish_reason"] = .string(FinishReason.of(answer["done_reason"]?.string, toolCalls: calls.count))
        var body = JSONObject([
            (name: "id", value: .string(id)), (name: "object", value: "chat.completion"),
            (name: "created", value: .number(JSONNumber(CreatedAt.seconds(answer["created_at"]?.string)))),
            (name: "model", value: .string(model)), (name: "choices", value: [.object(choice)]),
        ])
        body["usage"] = Usage.json(usage)
        return (.object(body), usage)
    }
}

/// Ollama's tool calls come whole, with arguments as an object and often all with index 0.
enum ToolCall {
    /// - Parameters:
    ///   - index: its place among all calls of the answer.
    ///   - indexed: chunks carry the index, whole answers do not.
    static func translate(_ call: JSONValue, index: Int, stream: String, indexed: Bool) -> JSONValue {
        var arguments = call["function"]?["arguments"] ?? [:]
        if arguments.isNull { arguments = [:] }
        let text = arguments.string ?? String(decoding: arguments.bytes, as: UTF8.self)
        var result = JSONObject()
        if indexed { result["index"] = .number(JSONNumber(index)) }
        let id = call["id"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        result["id"] = .string(id ?? "call_\(stream.suffix(16))_\(index)")
        result["type"] = "function"
        result["function"] = ["name": call["function"]?["name"] ?? "", "arguments": .string(text)]
        return .object(result)
    }
}

enum FinishReason {
    static func of(_ reason: String?, toolCalls: Int) -> String {
        if reason == "length" { return "length" }
        return toolCalls > 0 ? "tool_calls" : "stop"
    }
}

enum Usage {
    /// A count that is not there is unknown, never 0: Ollama leaves it out for a cached prompt.
    static func counts(_ answer: JSONValue) -> TokenUsage {
        func count(_ name: String) -> UInt64? { answer[name]?.int.flatMap { $0 >= 0 ? UInt64($0) : nil } }
        return TokenUsage(
            prompt: count("prompt_eval_count"), completion: count("eval_count"), cached: count("cached_eval_count"))
    }

    /// Null unless all is known: a client must not take what is missing for 0.
    static func json(_ usage: TokenUsage) -> JSONValue {
        guard let prompt = usage.prompt, let completion = usage.completion else { return .null }
        func number(_ count: UInt64) -> JSONValue { .number(JSONNumber(count)) }
        return [
            "prompt_tokens": number(prompt), "completion_tokens": number(completion),
            "total_tokens": number(prompt + completion),
        ]
    }
}

/// Ollama's times are RFC 3339 with a fraction and an offset.
enum CreatedAt {
    /// Unix seconds; 0 if the text is no such time.
    static func seconds(_ text: String?) -> Int64 {
        guard let text, text.utf8.count >= 20 else { return 0 }
        let digits = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int64? { Int64(String(decoding: digits[range], as: UTF8.self)) }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let second = number(17..<19), (1...12).contains(month)
        else { return 0 }
        // Days since 1970-01-01 in the proleptic Gregorian calendar, with years that start in March.
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return days * 86400 + hour * 3600 + minute * 60 + second - offset(digits)
    }

    private static func offset(_ digits: [UInt8]) -> Int64 {
        guard let sign = digits[19...].firstIndex(where: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }),
            digits.count >= sign + 6,
            let hours = Int64(String(decoding: digits[sign + 1..<sign + 3], as: UTF8.self)),
            let minutes = Int64(String(decoding: digits[sign + 4..<sign + 6], as: UTF8.self))
        else { return 0 }
        let seconds = hours * 3600 + minutes * 60
        return digits[sign] == UInt8(ascii: "-") ? -seconds : seconds
    }
}
