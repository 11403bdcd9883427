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
            translated["role"] = .string(Self.role(role))
            try content(message, index, into: &translated)
            // Servers do not agree on the name, so clients send back either.
            if let thinking = message.given("reasoning_content") ?? message.given("reasoning"), thinking.string != nil {
                translated["thinking"] = thinking
            }
            if let calls = message["tool_calls"]?.array, !calls.isEmpty {
                translated["tool_calls"] = .array(try toolCalls(calls, index, &toolNames))
            }
            if role == "tool" || role == "function" {
                let id = message["tool_call_id"]?.string
                if let id { translated["tool_call_id"] = .string(id) }
                if let name = message["name"]?.string ?? id.flatMap({ toolNames[$0] }) {
                    translated["tool_name"] = .string(name)
                }
            }
            result.append(.object(translated))
        }
        return result
    }

    private static func role(_ role: String) -> String {
        switch role {
        case "developer": "system"
        case "function": "tool"
        default: role
        }
    }

    /// Parts are joined into one text: Ollama would take each for a message of its own.
    private static func content(_ given: JSONValue, _ index: Int, into message: inout JSONObject) throws(Failure) {
        switch given["content"] {
        case .string(let text): message["content"] = .string(text)
        case nil, .null: message["content"] = given["refusal"]?.string.map { .string($0) } ?? ""
        case .array(let parts):
            var texts: [String] = []
            var images: [JSONValue] = []
            for (number, part) in parts.enumerated() {
                let place = "messages[\(index)].content[\(number)]"
                switch part["type"]?.string {
                case "text", "input_text", "output_text", "refusal":
                    texts.append(part["text"]?.string ?? part["refusal"]?.string ?? "")
                case "image_url", "input_image": images.append(.string(try DataURL.base64(part["image_url"], place)))
                default:
                    throw ChatRequest.rejected(place, "Ollama takes parts of type text and image_url only.")
                }
            }
            message["content"] = .string(texts.joined(separator: "\n"))
            if !images.isEmpty { message["images"] = .array(images) }
        default:
            throw ChatRequest.rejected("messages[\(index)].content", "content must be a string or an array of parts.")
        }
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

/// Images as clients send them (RFC 2397): Ollama wants what is inside.
enum DataURL {
    /// The base64 text of any type of image.
    /// - Parameters:
    ///   - image: the URL, or an object that holds it under "url".
    ///   - place: of the part, for the refusal.
    static func base64(_ image: JSONValue?, _ place: String) throws(Failure) -> String {
        guard let url = image?["url"]?.string ?? image?.string else {
            throw ChatRequest.rejected(place, "An image needs image_url.url.")
        }
        guard url.prefix(5).lowercased() == "data:" else {
            throw ChatRequest.rejected(
                place, "Ollama fetches no images: send them as data URLs (data:image/png;base64,...).")
        }
        guard let comma = url.firstIndex(of: ","), url[..<comma].lowercased().hasSuffix(";base64"),
            url.index(after: comma) < url.endIndex
        else {
            throw ChatRequest.rejected(
                place, "The data URL of an image must hold base64 (data:image/png;base64,...).")
        }
        return String(url[url.index(after: comma)...])
    }
}
