/// Puts the thinking in an answer's text where other servers have it: `reasoning_content`.
struct ThinkingSplit {
    /// Choices of one answer.
    private static let choices = 128

    private let mode: InlineThinking.Mode
    private var parts: [Int64: InlineThinking] = [:]

    init(_ mode: InlineThinking.Mode) { self.mode = mode }

    /// The chunk of a stream, or the whole answer, with its thinking told apart; nil if it stays as it is.
    /// - Parameter member: what of a choice holds the text: "delta" or "message".
    mutating func changed(_ answer: JSONValue, in member: String) -> JSONValue? {
        guard var whole = answer.object, let choices = answer["choices"]?.array else { return nil }
        var isChanged = false
        let changed = choices.map { choice in
            guard let other = self.changed(choice: choice, in: member) else { return choice }
            isChanged = true
            return other
        }
        guard isChanged else { return nil }
        whole["choices"] = .array(changed)
        return .object(whole)
    }

    private mutating func changed(choice: JSONValue, in member: String) -> JSONValue? {
        let index = choice["index"]?.int ?? 0
        guard var changed = choice.object, parts[index] != nil || parts.count < Self.choices else { return nil }
        var message = choice[member]?.object ?? JSONObject()
        var thinking = parts[index] ?? InlineThinking(mode)
        defer { parts[index] = thinking }
        let given = message["content"]?.string
        var told = given.map { thinking.feed($0) } ?? InlineThinking.Parts()
        if member == "message" || choice["finish_reason"]?.string?.isEmpty == false {
            let rest = thinking.finish()
            told.thought += rest.thought
            told.text += rest.text
        }
        guard told != InlineThinking.Parts(text: given ?? "") else { return nil }
        message["content"] = .string(told.text)
        if !told.thought.isEmpty {
            message["reasoning_content"] = .string((message["reasoning_content"]?.string ?? "") + told.thought)
        }
        changed[member] = .object(message)
        return .object(changed)
    }

    /// What was held back of a stream that ended without a finish reason, for each choice.
    mutating func rest() -> JSONValue? {
        var choices: [JSONValue] = []
        for index in parts.keys.sorted() {
            guard let told = parts[index]?.finish(), told != InlineThinking.Parts() else { continue }
            var delta = JSONObject([(name: "content", value: .string(told.text))])
            if !told.thought.isEmpty { delta["reasoning_content"] = .string(told.thought) }
            choices.append([
                "index": .number(JSONNumber(index)), "delta": .object(delta), "finish_reason": nil,
            ])
        }
        return choices.isEmpty ? nil : .array(choices)
    }
}
