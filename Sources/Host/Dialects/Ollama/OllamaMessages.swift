import JSON

/// The messages of a chat, one after the other. Ollama's tool calls and their results need no ids, OpenAI's do: missing
/// ones are made from the call's place in the conversation, so that the next request of it has the same.
struct OllamaMessages {
    /// Texts of the system before all other messages: they become one message, since the chat templates of many models take one
    /// at the start, and none anywhere else.
    private var system: [String] = []
    private var others: [JSONValue] = []
    private(set) var warnings: [String] = []
    private var calls = 0
    /// Calls of the last message with some that have no result yet.
    private var open: [(id: String, name: String)] = []

    mutating func add(_ message: JSONValue, _ place: String) throws(ClientError) {
        let members = try OllamaMembers(message, place)
        var result = JSONObject()
        var role = try role(members)
        var text = try members.string("content") ?? ""
        let calls = try members.array("tool_calls") ?? []
        let images = try members.array("images") ?? []
        if role == "system", others.isEmpty, images.isEmpty, calls.isEmpty { return system.append(text) }
        if role == "system", !(system.isEmpty && others.isEmpty) {
            if text.isEmpty { return }
            role = "user"
            text = "<system>\n\(text)\n</system>"
        }
        result["role"] = .string(role)
        if text.isEmpty, images.isEmpty, !calls.isEmpty {
            // As OpenAI's own answers have it.
            result["content"] = .null
        } else {
            result["content"] = try OllamaImage.content(text, images: images, members.place("images"))
        }
        if let thinking = try members.string("thinking"), !thinking.isEmpty {
            result["reasoning_content"] = .string(thinking)
        }
        if !calls.isEmpty { result["tool_calls"] = .array(try toolCalls(calls, members.place("tool_calls"))) }
        if role == "tool" { try answerCall(members, place, &result) }
        others.append(.object(result))
    }

    var translated: [JSONValue] {
        if system.isEmpty { return others }
        let text = system.filter { !$0.isEmpty }.joined(separator: "\n\n")
        return [["role": "system", "content": .string(text)]] + others
    }

    private func role(_ members: OllamaMembers) throws(ClientError) -> String {
        switch try members.string("role") {
        case "developer": return "system"
        case let role? where ["system", "user", "assistant", "tool"].contains(role): return role
        default:
            let place = members.place("role")
            throw OllamaError.refusal(place, "\(place) must be one of system, user, assistant and tool.")
        }
    }

    private mutating func toolCalls(_ calls: [JSONValue], _ place: String) throws(ClientError) -> [JSONValue] {
        open = []
        var result: [JSONValue] = []
        for (index, call) in calls.enumerated() {
            let call = try OllamaMembers(call, "\(place)[\(index)]")
            guard let function = try call.members("function"), let name = try function.string("name") else {
                let place = call.place("function.name")
                throw OllamaError.refusal(place, "\(place) is missing.")
            }
            let arguments = try arguments(function)
            let given = try call.string("id") ?? ""
            let id = given.isEmpty ? madeID() : given
            open.append((id, name))
            result.append([
                "id": .string(id), "type": "function",
                "function": ["name": .string(name), "arguments": .string(arguments)],
            ])
        }
        return result
    }

    private func arguments(_ function: OllamaMembers) throws(ClientError) -> String {
        switch function["arguments"] {
        case nil: return "{}"
        case .object(let arguments): return String(decoding: JSONValue.object(arguments).bytes, as: UTF8.self)
        case .string(let text):
            // OpenAI's form, from clients that speak both.
            if (try? JSONValue.parse(text))?.object != nil { return text }
        default: break
        }
        let place = function.place("arguments")
        throw OllamaError.refusal(place, "\(place) must be a JSON object.")
    }

    /// Tells which call the message is the result of: the one with its id, else the first open one with its name, else
    /// the first open one.
    private mutating func answerCall(
        _ members: OllamaMembers, _ place: String, _ result: inout JSONObject
    ) throws(ClientError) {
        let name = try members.string(members["tool_name"] == nil ? "name" : "tool_name")
        if let id = try members.string("tool_call_id"), !id.isEmpty {
            open.removeAll { $0.id == id }
            result["tool_call_id"] = .string(id)
        } else if !open.isEmpty {
            let index = open.firstIndex { $0.name == name } ?? 0
            result["tool_call_id"] = .string(open.remove(at: index).id)
        } else {
            result["tool_call_id"] = .string(madeID())
            if let name { result["name"] = .string(name) }
            warnings.append("\(place) is the result of no tool call before it.")
        }
    }

    /// Nine letters and digits: templates of some models take no other.
    private mutating func madeID() -> String {
        calls += 1
        let digits = String(calls)
        return "call" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}
