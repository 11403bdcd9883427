import JSON

/// A part of what a model has written, as an answer shows it.
public struct AnswerText: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case answer
        /// What it thought before.
        case thinking
        /// A tool that it calls: the name, then the arguments.
        case call
    }

    public var kind: Kind
    public var text: String

    public init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }

    /// Adds a part; one of the same kind as the last goes on with that.
    public static func append(_ part: AnswerText, to parts: inout [AnswerText]) {
        guard !part.text.isEmpty else { return }
        if let last = parts.last, last.kind == part.kind {
            parts[parts.count - 1].text += part.text
        } else {
            parts.append(part)
        }
    }
}

/// What of one JSON value of an answer the model has written: of a whole answer, or of an event or line of a stream. The members
/// of the APIs do not meet, so whose it is need not be told. Of several answers to one request (`n`) the first is read.
enum AnswerMembers {
    static func read(_ value: JSONValue, into parts: inout [AnswerText]) {
        if let choices = value["choices"]?.array {
            let first = choices.first { $0["index"]?.int ?? 0 == 0 }
            if let first { choice(first, &parts) }
        } else if let type = value["type"]?.string, value["delta"] != nil || value["content_block"] != nil {
            event(type, value, &parts)
        } else if let type = value["type"]?.string, type == "response.output_item.added" {
            item(value["item"] ?? .null, isBegun: true, &parts)
        } else if let message = value["message"], value["model"] != nil || value["done"] != nil {
            said(message, &parts)
        } else if let response = value["response"]?.string {
            add(.thinking, value["thinking"], &parts)
            AnswerText.append(AnswerText(.answer, response), to: &parts)
        } else if let items = value["output"]?.array {
            for each in items { item(each, isBegun: false, &parts) }
        } else if let blocks = value["content"]?.array {
            for each in blocks { block(each, &parts) }
        }
    }

    private static func add(_ kind: AnswerText.Kind, _ text: JSONValue?, _ parts: inout [AnswerText]) {
        if let text = text?.string { AnswerText.append(AnswerText(kind, text), to: &parts) }
    }

    /// OpenAI's, of chats and of completions.
    private static func choice(_ choice: JSONValue, _ parts: inout [AnswerText]) {
        add(.answer, choice["text"], &parts)
        if let message = choice["delta"] ?? choice["message"] { said(message, &parts) }
    }

    /// A message, or what is new of it, of OpenAI's chats and of Ollama's.
    private static func said(_ message: JSONValue, _ parts: inout [AnswerText]) {
        add(.thinking, message["reasoning_content"] ?? message["reasoning"] ?? message["thinking"], &parts)
        if let content = message["content"]?.array {
            for each in content { add(.answer, each["text"], &parts) }
        } else {
            add(.answer, message["content"], &parts)
        }
        add(.answer, message["refusal"], &parts)
        for call in message["tool_calls"]?.array ?? [] {
            let function = call["function"] ?? .null
            if let name = function["name"]?.string, !name.isEmpty { begin(name, &parts) }
            arguments(function["arguments"], &parts)
        }
    }

    private static func begin(_ tool: String, _ parts: inout [AnswerText]) {
        AnswerText.append(AnswerText(.call, "\n\(tool) "), to: &parts)
    }

    private static func arguments(_ value: JSONValue?, _ parts: inout [AnswerText]) {
        switch value {
        case nil, .null?: return
        case .string(let text)?: AnswerText.append(AnswerText(.call, text), to: &parts)
        case let value?: AnswerText.append(AnswerText(.call, String(decoding: value.bytes, as: UTF8.self)), to: &parts)
        }
    }

    /// Anthropic's, and those of OpenAI's Responses API.
    private static func event(_ type: String, _ value: JSONValue, _ parts: inout [AnswerText]) {
        switch type {
        case "content_block_start":
            if let begun = value["content_block"] { block(begun, isBegun: true, &parts) }
        case "content_block_delta":
            let delta = value["delta"] ?? .null
            add(.answer, delta["text"], &parts)
            add(.thinking, delta["thinking"], &parts)
            add(.call, delta["partial_json"], &parts)
        case "response.output_text.delta", "response.refusal.delta": add(.answer, value["delta"], &parts)
        case "response.reasoning_text.delta", "response.reasoning_summary_text.delta":
            add(.thinking, value["delta"], &parts)
        case "response.function_call_arguments.delta", "response.custom_tool_call_input.delta":
            add(.call, value["delta"], &parts)
        default: return
        }
    }

    /// A block of Anthropic's.
    private static func block(_ block: JSONValue, isBegun: Bool = false, _ parts: inout [AnswerText]) {
        add(.answer, block["text"], &parts)
        add(.thinking, block["thinking"], &parts)
        guard let type = block["type"]?.string, type.hasSuffix("tool_use"), let name = block["name"]?.string else {
            return
        }
        begin(name, &parts)
        // At its begin its input is empty and follows.
        if !isBegun { arguments(block["input"], &parts) }
    }

    /// An item of the Responses API.
    private static func item(_ item: JSONValue, isBegun: Bool, _ parts: inout [AnswerText]) {
        if let name = item["name"]?.string, item["type"]?.string?.hasSuffix("_call") == true {
            begin(name, &parts)
            if !isBegun { arguments(item["arguments"] ?? item["input"], &parts) }
        }
        // What it says at its begin comes again as events.
        guard !isBegun else { return }
        let isThought = item["type"]?.string == "reasoning"
        for each in (item["summary"]?.array ?? []) + (item["content"]?.array ?? []) {
            add(isThought ? .thinking : .answer, each["text"] ?? each["refusal"], &parts)
        }
    }
}
