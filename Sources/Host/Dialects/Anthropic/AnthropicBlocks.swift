import JSON

/// Puts what a stream says into blocks of content, one open at a time and each opened once. Calls of tools whose fragments
/// come mixed, and text between them, wait until the open call is whole.
struct AnthropicBlocks {
    private enum Open: Equatable {
        case nothing, thinking, text
        /// A number in `calls`.
        case tool(Int)
    }

    private enum Waiting {
        case thinking(String)
        case text(String)
        case tool(Int)
    }

    private let requestID: String
    private var open = Open.nothing
    private var calls: [AnthropicToolCall] = []
    private var waiting: [Waiting] = []
    /// Blocks that were opened.
    private var count = 0
    private(set) var hasToolUse = false

    init(requestID: String) { self.requestID = requestID }

    mutating func think(_ text: String, into out: inout [UInt8]) {
        if mustWait { waiting.append(.thinking(text)) } else { show(.thinking(text), into: &out) }
    }

    mutating func say(_ text: String, into out: inout [UInt8]) {
        if mustWait { waiting.append(.text(text)) } else { show(.text(text), into: &out) }
    }

    mutating func call(_ delta: JSONValue, into out: inout [UInt8]) throws(AnswerProblem) {
        let number: Int
        if let known = calls.lastIndex(where: { $0.owns(delta) }) {
            number = known
        } else {
            number = calls.count
            guard number < ToolCallLimit.calls else { throw ToolCallLimit.problem }
            calls.append(AnthropicToolCall(delta, id: AnthropicToolCall.id(at: number, requestID: requestID)))
            waiting.append(.tool(number))
        }
        guard !calls[number].isClosed else { return }
        calls[number].take(delta["function"])
        if open == .tool(number) { flow(number, into: &out) }
        drain(into: &out)
    }

    /// Shows what waits and closes all. More may follow, in new blocks.
    mutating func finish(into out: inout [UInt8]) {
        for next in waiting { show(next, into: &out) }
        waiting = []
        close(into: &out)
    }

    private var mustWait: Bool { !waiting.isEmpty || isBusy }

    /// The open block is a call that lacks some of its arguments.
    private var isBusy: Bool {
        if case .tool(let number) = open { !calls[number].isComplete } else { false }
    }

    private mutating func drain(into out: inout [UInt8]) {
        var shown = 0
        while shown < waiting.count, !isBusy {
            if case .tool(let number) = waiting[shown], calls[number].name.isEmpty { break }
            show(waiting[shown], into: &out)
            shown += 1
        }
        waiting.removeFirst(shown)
    }

    private mutating func show(_ next: Waiting, into out: inout [UInt8]) {
        switch next {
        case .thinking(let text):
            begin(.thinking, ["type": "thinking", "thinking": "", "signature": ""], into: &out)
            AnthropicEvent.blockDelta(count - 1, "thinking_delta", "thinking", text, into: &out)
        case .text(let text):
            begin(.text, ["type": "text", "text": ""], into: &out)
            AnthropicEvent.blockDelta(count - 1, "text_delta", "text", text, into: &out)
        case .tool(let number):
            // A call that never got a name calls nothing.
            guard !calls[number].name.isEmpty else { return }
            hasToolUse = true
            begin(.tool(number), calls[number].start, into: &out)
            flow(number, into: &out)
        }
    }

    private mutating func flow(_ number: Int, into out: inout [UInt8]) {
        input(calls[number].flow(), into: &out)
    }

    private func input(_ text: String, into out: inout [UInt8]) {
        guard !text.isEmpty else { return }
        AnthropicEvent.blockDelta(count - 1, "input_json_delta", "partial_json", text, into: &out)
    }

    private mutating func begin(_ kind: Open, _ block: JSONValue, into out: inout [UInt8]) {
        guard open != kind else { return }
        close(into: &out)
        open = kind
        AnthropicEvent.blockStart(count, block, into: &out)
        count += 1
    }

    private mutating func close(into out: inout [UInt8]) {
        switch open {
        case .nothing: return
        case .thinking: AnthropicEvent.blockDelta(count - 1, "signature_delta", "signature", "", into: &out)
        case .text: break
        case .tool(let number):
            input(calls[number].rest(), into: &out)
            calls[number].isClosed = true
        }
        AnthropicEvent.blockStop(count - 1, into: &out)
        open = .nothing
    }
}
