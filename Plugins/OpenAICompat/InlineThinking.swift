/// Tells what a model thinks from what it answers where both come in one text, cut anywhere: `<think>…</think>` at the start
/// of the answer. Of what may be a part of a tag the next piece decides; space around the tags belongs to neither. Pure.
struct InlineThinking: Sendable {
    enum Mode: String, CaseIterable, Sendable {
        /// Thinking begins with a tag.
        case tags
        /// The answer begins with thinking: the tag that starts it is in the prompt.
        case begun
    }

    struct Parts: Equatable, Sendable {
        /// Comes first.
        var thought = ""
        var text = ""
    }

    private enum State: Sendable {
        /// Nothing but space, or a part of the tag that starts it.
        case start
        /// Behind that tag: nothing but space.
        case thoughtStart
        case thought
        /// Behind the tag that ends it: nothing but space.
        case textStart
        case text
    }

    private static let opening = Array("<think>".utf8)
    /// Bytes of space before the first tag, after which none is waited for.
    private static let spaceLimit = 4096
    private static let closing = Array("</think>".utf8)

    private let mode: Mode
    private var state = State.start
    /// What is not known yet to be anything.
    private var held: [UInt8] = []

    init(_ mode: Mode) { self.mode = mode }

    /// All that follows is the answer's text.
    var isSettled: Bool { if case .text = state { true } else { false } }

    mutating func feed(_ piece: String) -> Parts {
        if isSettled { return Parts(text: piece) }
        held.append(contentsOf: piece.utf8)
        var parts = Parts()
        while step(&parts) {}
        return parts
    }

    /// The answer has ended: what was held back of it.
    mutating func finish() -> Parts {
        defer { (held, state) = ([], .text) }
        switch state {
        case .start where mode == .tags, .text: return Parts(text: Self.text(held[...]))
        case .start, .thought: return Parts(thought: Self.text(held[...]))
        case .thoughtStart, .textStart: return Parts()
        }
    }

    /// False: more is needed.
    private mutating func step(_ parts: inout Parts) -> Bool {
        switch state {
        case .start:
            let rest = held.drop(while: Self.isSpace)
            if rest.starts(with: Self.opening) {
                held = Array(rest.dropFirst(Self.opening.count))
                state = .thoughtStart
            } else if Self.opening.starts(with: rest), held.count <= Self.spaceLimit {
                return false
            } else {
                state = mode == .begun ? .thoughtStart : .text
            }
        case .thoughtStart, .textStart:
            held = Array(held.drop(while: Self.isSpace))
            if held.isEmpty { return false }
            if case .thoughtStart = state { state = .thought } else { state = .text }
        case .thought:
            if let tag = held.withUnsafeBytes({ ByteSearch.find("</think>", in: $0) }) {
                parts.thought += Self.text(held[..<tag])
                held = Array(held[(tag + Self.closing.count)...])
                state = .textStart
                return true
            }
            let kept = Self.beginning(of: Self.closing, atEndOf: held)
            parts.thought += Self.text(held.dropLast(kept))
            held = Array(held.suffix(kept))
            return false
        case .text:
            parts.text += Self.text(held[...])
            held = []
            return false
        }
        return true
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    /// How many bytes at the end may be the beginning of the tag.
    private static func beginning(of tag: [UInt8], atEndOf text: [UInt8]) -> Int {
        (1..<tag.count).last { text.count >= $0 && text.suffix($0).elementsEqual(tag[..<$0]) } ?? 0
    }
}

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
