/// Translates the messages of a chat.
enum Messages {
    static func translate(_ messages: JSONValue?) throws(Failure) -> [JSONValue] {
        // Without messages Ollama would load or unload the model and answer with nothing.
        guard let messages = messages?.array, !messages.isEmpty else {
            throw ChatRequest.rejected("messages", "messages must be an array that is not empty.")
        }
        var toolNames: [String: String] = [:]
        var result: [JSONValue] = []
        for (index, message) in messages.enumerated() {
            guard let role = message["role"]?.string else {
                throw ChatRequest.rejected("messages[\(index)].role", "Every message needs a role.")
            }
            var translated = JSONObject()
            translated["role"] = .string(role == "developer" ? "system" : role)
            try content(message["content"], index, into: &translated)
            if let thinking = message["reasoning_content"] ?? message["reasoning"], thinking.string != nil {
                translated["thinking"] = thinking
            }
            if let calls = message["tool_calls"]?.array, !calls.isEmpty {
                translated["tool_calls"] = .array(try toolCalls(calls, index, &toolNames))
            }
            if role == "tool", let id = message["tool_call_id"]?.string {
                translated["tool_call_id"] = .string(id)
                if let name = message["name"]?.string ?? toolNames[id] { translated["tool_name"] = .string(name) }
            }
            result.append(.object(translated))
        }
        return result
    }

    /// Parts are joined into one text: Ollama would take each for a message of its own.
    private static func content(_ content: JSONValue?, _ index: Int, into message: inout JSONObject) throws(Failure) {
        switch content {
        case .string(let text): message["content"] = .string(text)
        case nil, .null: message["content"] = ""
        case .array(let parts):
            var texts: [String] = []
            var images: [JSONValue] = []
            for (number, part) in parts.enumerated() {
                switch part["type"]?.string {
                case "text", "refusal": texts.append(part["text"]?.string ?? part["refusal"]?.string ?? "")
                case "image_url":
                    images.append(.string(try image(part["image_url"], "messages[\(index)].content[\(number)]")))
                default:
                    throw ChatRequest.rejected(
                        "messages[\(index)].content[\(number)]", "Ollama takes parts of type text and image_url only.")
                }
            }
            message["content"] = .string(texts.joined(separator: "\n"))
            if !images.isEmpty { message["images"] = .array(images) }
        default:
            throw ChatRequest.rejected("messages[\(index)].content", "content must be a string or an array of parts.")
        }
    }

    /// The base64 text of a data URL (RFC 2397).
    private static func image(_ image: JSONValue?, _ place: String) throws(Failure) -> String {
        guard let url = image?["url"]?.string ?? image?.string, url.hasPrefix("data:"),
            let comma = url.firstIndex(of: ","), url[..<comma].hasSuffix(";base64")
        else {
            throw ChatRequest.rejected(
                place, "Ollama fetches no images: send them as data URLs (data:image/png;base64,…).")
        }
        return String(url[url.index(after: comma)...])
    }

    private static func toolCalls(
        _ calls: [JSONValue], _ index: Int, _ names: inout [String: String]
    ) throws(Failure) -> [JSONValue] {
        var result: [JSONValue] = []
        for (number, call) in calls.enumerated() {
            let place = "messages[\(index)].tool_calls[\(number)]"
            guard let name = call["function"]?["name"]?.string else {
                throw ChatRequest.rejected(place, "A tool call needs function.name.")
            }
            let arguments = try arguments(call["function"]?["arguments"], place + ".function.arguments")
            var translated = JSONObject()
            if let id = call["id"]?.string {
                names[id] = name
                translated["id"] = .string(id)
            }
            translated["function"] = [
                "index": .number(JSONNumber(number)), "name": .string(name), "arguments": arguments,
            ]
            result.append(.object(translated))
        }
        return result
    }

    /// OpenAI's clients send an object as text; some send the object itself.
    private static func arguments(_ value: JSONValue?, _ place: String) throws(Failure) -> JSONValue {
        switch value {
        case nil, .null, .string(""): return [:]
        case .object: return value ?? [:]
        case .string(let text):
            if let parsed = try? JSONValue.parse(text), parsed.object != nil { return parsed }
        default: break
        }
        throw ChatRequest.rejected(place, "arguments must be a JSON object in a string.")
    }
}
