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

    /// The place of the call that a fragment belongs to: that with its index, else with its id, else the last. Some servers give
    /// every call the index 0 or the same id, or neither; so a name begins another call if it comes with another id, if it is
    /// another name, or if other arguments begin after whole ones.
    private mutating func place(of fragment: JSONValue, id: String, name: String) -> Int {
        let index = fragment["index"]?.int
        let known =
            if let index {
                calls.lastIndex { $0.index == index }
            } else {
                (id.isEmpty ? nil : calls.lastIndex { $0.id == id }) ?? calls.indices.last
            }
        if let known {
            let call = calls[known]
            let isAnother =
                if name.isEmpty || call.name.isEmpty {
                    false
                } else if !id.isEmpty, id != call.id {
                    true
                } else {
                    name != call.name || (call.isWhole && Self.beginsObject(fragment))
                }
            if !isAnother { return known }
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
            // Never the server's own, which may be that of other calls as well.
            items.append([
                "id": .string("call_\(requestID.prefix(24))_\(items.count)"),
                "function": [
                    "index": .number(JSONNumber(items.count)), "name": .string(call.name), "arguments": arguments,
                ],
            ])
        }
        return items.isEmpty ? nil : .array(items)
    }
}
