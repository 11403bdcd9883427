import Testing

@testable import Dialects

/// What those that watch an exchange are shown of its answer.
@Suite struct AnswerTextTests {
    private func read(_ answer: String, as form: AnswerTextReader.Form, cut: Int = .max) -> [String] {
        var reader = AnswerTextReader(form)
        var parts: [AnswerText] = []
        var rest = Array(answer.utf8)[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(cut))
            rest = rest.dropFirst(cut)
            for part in piece.withUnsafeBytes({ reader.feed($0) }) { AnswerText.append(part, to: &parts) }
        }
        return parts.map { "\($0.kind.rawValue): \($0.text)" }
    }

    private static let openAI = """
        : keep-alive

        data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}

        data: {"choices":[{"index":0,"delta":{"reasoning_content":"Hm"}}]}

        data: {"choices":[{"index":0,"delta":{"reasoning_content":"m."}}]}

        data: {"choices":[{"index":0,"delta":{"content":"Grüße \\ud83d"}}]}

        data: {"choices":[{"index":0,"delta":{"content":"\\ude00"}}]}

        data: {"choices":[{"index":1,"delta":{"content":"another answer"}}]}

        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{\\"a\\""}}]}}]}

        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}

        data: {"choices":[],"usage":{"prompt_tokens":3}}

        data: [DONE]


        """

    private static let anthropic = """
        event: message_start
        data: {"type":"message_start","message":{"model":"m","content":[]}}

        event: content_block_start
        data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hmm."}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Grüße "}}

        event: ping
        data: {"type":"ping"}

        event: content_block_delta
        data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"😀"}}

        event: content_block_start
        data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\\"a\\":1}"}}

        event: message_stop
        data: {"type":"message_stop"}


        """

    private static let responses = """
        event: response.created
        data: {"type":"response.created","response":{"output":[]}}

        event: response.reasoning_summary_text.delta
        data: {"type":"response.reasoning_summary_text.delta","delta":"Hmm."}

        event: response.output_text.delta
        data: {"type":"response.output_text.delta","delta":"Grüße 😀"}

        event: response.output_item.added
        data: {"type":"response.output_item.added","item":{"type":"function_call","name":"f","arguments":""}}

        event: response.function_call_arguments.delta
        data: {"type":"response.function_call_arguments.delta","delta":"{\\"a\\":1}"}

        event: response.completed
        data: {"type":"response.completed","response":{"output":[{"type":"message","content":[{"text":"Grüße 😀"}]}]}}


        """

    private static let ollama = """
        {"model":"m","message":{"role":"assistant","content":"","thinking":"Hmm."},"done":false}
        {"model":"m","message":{"role":"assistant","content":"Grüße "},"done":false}
        {"model":"m","message":{"role":"assistant","content":"😀","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false}
        {"model":"m","message":{"role":"assistant","content":""},"done":true,"eval_count":3}

        """

    private let said = ["thinking: Hmm.", "answer: Grüße 😀", "call: \nf {\"a\":1}"]

    @Test(arguments: [1, 2, 7, 64, Int.max])
    func allAPIsSayTheSameHoweverTheirStreamsAreCut(cut: Int) {
        #expect(read(Self.openAI, as: .events, cut: cut) == said)
        #expect(read(Self.anthropic, as: .events, cut: cut) == said)
        #expect(read(Self.responses, as: .events, cut: cut) == said)
        #expect(read(Self.ollama, as: .lines, cut: cut) == said)
    }

    @Test(arguments: [
        #"{"choices":[{"index":0,"message":{"reasoning":"Hmm.","content":"Grüße 😀","tool_calls":[{"function":"#
            + #"{"name":"f","arguments":"{\"a\":1}"}}]}}]}"#,
        #"{"type":"message","model":"m","content":[{"type":"thinking","thinking":"Hmm."},"#
            + #"{"type":"text","text":"Grüße 😀"},{"type":"tool_use","name":"f","input":{"a":1}}]}"#,
        #"{"object":"response","output":[{"type":"reasoning","summary":[{"text":"Hmm."}]},"#
            + #"{"type":"message","content":[{"type":"output_text","text":"Grüße 😀"}]},"#
            + #"{"type":"function_call","name":"f","arguments":"{\"a\":1}"}]}"#,
        #"{"model":"m","message":{"content":"Grüße 😀","thinking":"Hmm.","tool_calls":[{"function":"#
            + #"{"name":"f","arguments":{"a":1}}}]},"done":true}"#,
    ])
    func wholeAnswersSayTheSame(answer: String) { #expect(read(answer, as: .whole) == said) }

    @Test func completionsAndOllamasGenerateHaveTextToo() {
        #expect(read(#"{"choices":[{"index":0,"text":"a"}]}"#, as: .whole) == ["answer: a"])
        #expect(
            read(#"{"model":"m","response":"a","thinking":"t","done":true}"#, as: .whole) == [
                "thinking: t", "answer: a",
            ])
    }

    @Test(arguments: [
        "data: {\"choices\":7}\n\n", "data: nonsense {\n\n", "data\n\n", "\u{0}\u{0}\n\n", "data: [{}]\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":7}}]}\n\n",
        "data: {\"data\":[{\"embedding\":[1]}]}\n\n",
    ])
    func whatIsNoTextIsPassedOver(stream: String) {
        #expect(read(stream, as: .events).isEmpty)
        #expect(read(stream + Self.anthropic, as: .events) == said, "and what follows is read")
    }

    @Test func aLineWithoutAnEndIsNotKept() {
        let long = "data: {\"x\":\"" + String(repeating: "x", count: AnswerTextReader.limit * 2)
        #expect(read(long + "\"}\n\n" + Self.openAI, as: .events, cut: 4096) == said)
    }

    @Test func behindAGapTheNextWholeEventIsRead() {
        var reader = AnswerTextReader(.events)
        func feed(_ text: String) -> [AnswerText] { Array(text.utf8).withUnsafeBytes { reader.feed($0) } }
        _ = feed("data: {\"choices\":[{\"index\":0,\"del")
        reader.skip()
        #expect(feed("\":1}\n\n").isEmpty)
        #expect(feed("data: {\"choices\":[{\"index\":0,\"text\":\"a\"}]}\n\n") == [AnswerText(.answer, "a")])
    }
}
