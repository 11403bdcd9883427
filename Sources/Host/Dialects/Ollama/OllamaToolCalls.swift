import JSON

/// Collects the tool calls of an answer: OpenAI's streams bring their arguments in fragments, Ollama's clients want
/// them whole.
struct OllamaToolCalls {
    private struct Call {
        var index: Int64?
        var id: String
        var name: String
        private(set) var arguments = ""
        private var nesting = JSONNesting()

        init(index: Int64?) {
            self.index = index
            id = ""
            name = ""
        }

        /// Told by the brackets: the text is not parsed again with each fragment.
        var isWhole: Bool { nesting.isComplete }

        mutating func add(_ text: String) {
            arguments += text
            for byte in text.utf8 { nesting.take(byte) }
        }

        mutating func replace(_ text: String) {
            arguments = ""
            nesting = JSONNesting()
            add(text)
        }
    }

    private let requestID: String
    private var calls: [Call] = []

    init(requestID: String) { self.requestID = requestID }

    var isEmpty: Bool { calls.isEmpty }

    /// - Parameter fragments: `tool_calls` of a delta or of a message.
    mutating func add(_ fragments: JSONValue?) throws(AnswerProblem) {
        for fragment in fragments?.array ?? [] {
            let id = fragment["id"]?.string ?? ""
            let name = fragment["function"]?["name"]?.string ?? ""
            let at = place(of: fragment, id: id, name: name)
            guard at < ToolCallLimit.calls else { throw ToolCallLimit.problem }
            if calls[at].id.isEmpty { calls[at].id = id }
            if calls[at].name.isEmpty { calls[at].name = name }
            switch fragment["function"]?["arguments"] {
            case .string(let text): calls[at].add(text)
            case .object(let arguments):
                // Some servers send the object itself.
                calls[at].replace(String(decoding: JSONValue.object(arguments).bytes, as: UTF8.self))
            default: break
            }
        }
    }

    /// The place of the call that a fragment belongs to. Some servers give every call the index 0, or none, and no ids;
    /// so a name begins another call if it comes with another id, or, without an id, if it is another name or other
    /// arguments begin after whole ones.
    private mutating func place(of fragment: JSONValue, id: String, name: String) -> Int {
        let index = fragment["index"]?.int
        if let at = index == nil ? calls.indices.last : calls.lastIndex(where: { $0.index == index }) {
            let call = calls[at]
            let isAnother =
                if name.isEmpty || call.name.isEmpty {
                    false
                } else if !id.isEmpty {
                    id != call.id
                } else {
                    name != call.name || (call.isWhole && Self.beginsObject(fragment))
                }
            if !isAnother { return at }
        }
        calls.append(Call(index: index))
        return calls.count - 1
    }

    private static func beginsObject(_ fragment: JSONValue) -> Bool {
        switch fragment["function"]?["arguments"] {
        case .object: true
        case .string(let text): text.utf8.first { $0 > 0x20 } == UInt8(ascii: "{")
        default: false
        }
    }

    /// The calls in Ollama's form, nil if there are none.
    /// - Parameter isCut: the answer hit its limit of tokens; a call that lacks its end is left out then.
    func encoded(isCut: Bool) throws(AnswerProblem) -> JSONValue? {
        var items: [JSONValue] = []
        for call in calls {
            let text = call.arguments.allSatisfy(\.isWhitespace) ? "{}" : call.arguments
            guard let arguments = try? JSONValue.parse(text), arguments.object != nil else {
                if isCut { continue }
                throw AnswerProblem(
                    "The model called the tool \"\(call.name)\" with arguments that are no JSON object.")
            }
            let id = call.id.isEmpty ? "call_\(requestID)_\(items.count)" : call.id
            items.append([
                "id": .string(id),
                "function": [
                    "index": .number(JSONNumber(items.count)), "name": .string(call.name), "arguments": arguments,
                ],
            ])
        }
        return items.isEmpty ? nil : .array(items)
    }
}
