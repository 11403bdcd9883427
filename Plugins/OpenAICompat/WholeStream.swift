import PluginAPI

/// A whole answer as the stream of events that would have told the same: for clients that asked for a stream where the server
/// answers whole. Pure. What it cannot read is no answer, and becomes none.
enum WholeStream {
    /// Bytes of a stream that is made so. Each choice repeats what the answer says beside its choices.
    private static let limit = 64 * 1024 * 1024

    /// Nil: there is no answer of this kind in it.
    static func events(of answer: JSONValue, kind: UInt32) -> [UInt8]? {
        switch kind {
        case NEXUS_KIND_CHAT: completion(answer, object: "chat.completion.chunk", chatDelta, last: [:])
        case NEXUS_KIND_COMPLETIONS: completion(answer, object: "text_completion", text, last: "")
        case NEXUS_KIND_RESPONSES: response(answer)
        case NEXUS_KIND_MESSAGES: message(answer)
        default: nil
        }
    }

    // MARK: Chats and completions

    /// For each choice a chunk with all it says and one with the reason of its end; then one with the counts.
    /// - Parameters:
    ///   - part: the member that carries what a choice says.
    ///   - last: that member in the chunk that ends the choice.
    private static func completion(
        _ answer: JSONValue, object: JSONValue, _ part: (JSONValue) -> (name: String, value: JSONValue)?,
        last: JSONValue
    ) -> [UInt8]? {
        guard let all = answer.object, let choices = answer["choices"]?.array, !choices.isEmpty else { return nil }
        let head = all.members.filter { !["object", "choices", "usage", "timings"].contains($0.name) }
        var out: [UInt8] = []
        func add(_ choices: JSONValue, _ more: [(name: String, value: JSONValue)] = []) {
            let chunk = JSONObject(head + [(name: "object", value: object), (name: "choices", value: choices)] + more)
            EventText.append(JSONValue.object(chunk).bytes, to: &out)
        }
        for (place, choice) in choices.enumerated() {
            guard let part = part(choice) else { return nil }
            let index = choice["index"] ?? .number(JSONNumber(place))
            var first = JSONObject([(name: "index", value: index), part])
            if let logprobs = choice["logprobs"], !logprobs.isNull { first["logprobs"] = logprobs }
            first["finish_reason"] = .null
            add([.object(first)])
            guard out.count <= limit else { return nil }
        }
        for (place, choice) in choices.enumerated() {
            guard let name = part(choice)?.name else { return nil }
            let index = choice["index"] ?? .number(JSONNumber(place))
            let said = ["index", "message", "delta", "text", "logprobs", "finish_reason"]
            let rest = choice.object?.members.filter { !said.contains($0.name) } ?? []
            let reason = choice["finish_reason"].flatMap { $0.string?.isEmpty == false ? $0 : nil } ?? "stop"
            let end =
                [(name: "index", value: index), (name: name, value: last)] + rest
                + [(name: "finish_reason", value: reason)]
            let isLast = place == choices.count - 1
            let timings = isLast ? answer["timings"].map { [(name: "timings", value: $0)] } ?? [] : []
            add([.object(JSONObject(end))], timings)
            guard out.count <= limit else { return nil }
        }
        if let usage = answer["usage"], !usage.isNull { add([], [(name: "usage", value: usage)]) }
        return out + EventText.doneMark
    }

    private static func text(_ choice: JSONValue) -> (name: String, value: JSONValue)? {
        choice["text"]?.string.map { (name: "text", value: .string($0)) }
    }

    /// The message, whose calls of tools have an index in a stream.
    private static func chatDelta(_ choice: JSONValue) -> (name: String, value: JSONValue)? {
        guard var message = (choice["message"] ?? choice["delta"])?.object else { return nil }
        if message["role"] == nil { message = JSONObject([(name: "role", value: "assistant")] + message.members) }
        if let calls = message["tool_calls"]?.array {
            let indexed = calls.enumerated().map { place, call -> JSONValue in
                guard var call = call.object else { return call }
                if call["index"] == nil { call["index"] = .number(JSONNumber(place)) }
                return .object(call)
            }
            message["tool_calls"] = indexed.isEmpty ? nil : .array(indexed)
        }
        return (name: "delta", value: .object(message))
    }

    // MARK: Typed events

    /// Writes events that state their type.
    private struct TypedEvents {
        var bytes: [UInt8] = []
        /// Events of `/v1/responses` are numbered.
        var number: Int?

        mutating func add(_ type: String, _ members: [(name: String, value: JSONValue)] = []) {
            var event = JSONObject([(name: "type", value: .string(type))] + members)
            if let number {
                event["sequence_number"] = .number(JSONNumber(number))
                self.number = number + 1
            }
            bytes += EventText.event(JSONValue.object(event).bytes, name: type)
        }
    }

    /// `POST /v1/messages`: https://docs.anthropic.com/en/docs/build-with-claude/streaming
    private static func message(_ answer: JSONValue) -> [UInt8]? {
        guard var start = answer.object, let blocks = answer["content"]?.array else { return nil }
        var events = TypedEvents()
        start["content"] = []
        start["stop_reason"] = .null
        start["stop_sequence"] = .null
        if var usage = answer["usage"]?.object {
            usage["output_tokens"] = 0
            start["usage"] = .object(usage)
        }
        events.add("message_start", [(name: "message", value: .object(start))])
        for (place, block) in blocks.enumerated() {
            let index = (name: "index", value: JSONValue.number(JSONNumber(place)))
            let (empty, deltas) = parts(of: block)
            events.add("content_block_start", [index, (name: "content_block", value: empty)])
            for delta in deltas { events.add("content_block_delta", [index, (name: "delta", value: delta)]) }
            events.add("content_block_stop", [index])
        }
        let end: JSONValue = [
            "stop_reason": answer["stop_reason"] ?? "end_turn", "stop_sequence": answer["stop_sequence"] ?? .null,
        ]
        events.add(
            "message_delta",
            [(name: "delta", value: end)] + (answer["usage"].map { [(name: "usage", value: $0)] } ?? []))
        events.add("message_stop")
        return events.bytes
    }

    /// A block as it begins, and what is added to it.
    private static func parts(of block: JSONValue) -> (empty: JSONValue, deltas: [JSONValue]) {
        guard var empty = block.object else { return (block, []) }
        func delta(_ type: JSONValue, _ name: String, _ value: JSONValue) -> JSONValue {
            .object(JSONObject([(name: "type", value: type), (name: name, value: value)]))
        }
        switch block["type"]?.string {
        case "text":
            empty["text"] = ""
            return (.object(empty), [delta("text_delta", "text", block["text"] ?? "")])
        case "thinking":
            empty["thinking"] = ""
            empty["signature"] = ""
            let signature = block["signature"].flatMap { $0.string?.isEmpty == false ? $0 : nil }
            return (
                .object(empty),
                [delta("thinking_delta", "thinking", block["thinking"] ?? "")]
                    + (signature.map { [delta("signature_delta", "signature", $0)] } ?? [])
            )
        case "tool_use", "server_tool_use":
            empty["input"] = [:]
            let input = String(decoding: (block["input"] ?? [:]).bytes, as: UTF8.self)
            return (.object(empty), [delta("input_json_delta", "partial_json", .string(input))])
        default: return (block, [])
        }
    }

    /// `POST /v1/responses`: https://platform.openai.com/docs/api-reference/responses-streaming
    private static func response(_ answer: JSONValue) -> [UInt8]? {
        guard var start = answer.object, let items = answer["output"]?.array else { return nil }
        var events = TypedEvents(number: 0)
        start["status"] = "in_progress"
        start["output"] = []
        start["usage"] = .null
        for type in ["response.created", "response.in_progress"] {
            events.add(type, [(name: "response", value: .object(start))])
        }
        for (place, item) in items.enumerated() { add(item, at: place, to: &events) }
        let isIncomplete = answer["status"]?.string == "incomplete"
        events.add(
            isIncomplete ? "response.incomplete" : "response.completed", [(name: "response", value: answer)])
        return events.bytes
    }

    private static func add(_ item: JSONValue, at place: Int, to events: inout TypedEvents) {
        let index = (name: "output_index", value: JSONValue.number(JSONNumber(place)))
        let id = (name: "item_id", value: item["id"] ?? .string("item_\(place)"))
        var empty = item.object ?? JSONObject()
        if empty["status"] != nil { empty["status"] = "in_progress" }
        let parts = item["type"]?.string == "message" ? item["content"]?.array ?? [] : []
        if item["type"]?.string == "message" { empty["content"] = [] }
        let arguments = item["type"]?.string == "function_call" ? item["arguments"]?.string : nil
        if arguments != nil { empty["arguments"] = "" }
        events.add("response.output_item.added", [index, (name: "item", value: .object(empty))])
        for (number, part) in parts.enumerated() {
            let of = [id, index, (name: "content_index", value: JSONValue.number(JSONNumber(number)))]
            let (kind, name) = part["type"]?.string == "refusal" ? ("refusal", "refusal") : ("output_text", "text")
            var begun = part.object ?? JSONObject()
            if part[name] != nil { begun[name] = "" }
            events.add("response.content_part.added", of + [(name: "part", value: .object(begun))])
            if let text = part[name] {
                events.add("response.\(kind).delta", of + [(name: "delta", value: text)])
                events.add("response.\(kind).done", of + [(name: name, value: text)])
            }
            events.add("response.content_part.done", of + [(name: "part", value: part)])
        }
        if let arguments {
            let of = [id, index]
            events.add("response.function_call_arguments.delta", of + [(name: "delta", value: .string(arguments))])
            events.add("response.function_call_arguments.done", of + [(name: "arguments", value: .string(arguments))])
        }
        events.add("response.output_item.done", [index, (name: "item", value: item)])
    }
}
