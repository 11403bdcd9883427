import PluginAPI
import Testing

@testable import FakeHost
@testable import OpenAICompat

/// A server that answers whole though a stream was asked for.
@Suite struct AnswerToStreamTests {
    private let answer = """
        {"id":"c","object":"chat.completion","created":5,"model":"m","choices":[{"index":0,"message":{"role":"assistant",\
        "content":"hé","reasoning_content":"hm","tool_calls":[{"id":"t","type":"function","function":{"name":"f",\
        "arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}
        """

    private func events(_ text: String) throws -> [JSONValue] {
        try text.split(separator: "\n\n").compactMap { event in
            let data = event.split(separator: "\n").first { $0.hasPrefix("data: ") }?.dropFirst(6)
            return data == "[DONE]" ? nil : try data.map { try JSONValue.parse(String($0)) }
        }
    }

    private func types(_ text: String) throws -> [String] { try events(text).compactMap { $0["type"]?.string } }

    @Test(arguments: ["application/json", "application/json; charset=utf-8", "text/plain", "text/event-stream", ""])
    func aChatBecomesAStreamWhateverTheServerCallsIt(_ type: String) throws {
        let bytes = Array(answer.utf8)
        for cut in stride(from: 0, through: bytes.count, by: 7) {
            let exchange = try answered(stream: true) { upstream in
                upstream.head(200, type.isEmpty ? [] : [("content-type", type)])
                upstream.body(bytes[..<cut])
                upstream.body(bytes[cut...])
                upstream.end()
            }
            let chunks = try events(exchange.text)
            #expect(exchange.text.hasSuffix("data: [DONE]\n\n") && exchange.contentType.hasPrefix("text/event-stream"))
            #expect(
                chunks.allSatisfy { $0["object"] == "chat.completion.chunk" && $0["id"] == "c" } && chunks.count == 3)
            let delta = chunks[0]["choices"]?[0]?["delta"]
            #expect(delta?["content"] == "hé" && delta?["reasoning_content"] == "hm" && delta?["role"] == "assistant")
            #expect(delta?["tool_calls"]?[0]?["index"] == 0 && delta?["tool_calls"]?[0]?["id"] == "t")
            #expect(
                chunks[1]["choices"]?[0]?["finish_reason"] == "tool_calls" && chunks[2]["usage"]?["total_tokens"] == 5)
            #expect(exchange.outcome?.prompt_tokens == 3 && exchange.outcome?.completion_tokens == 2)
        }
    }

    @Test func aClientThatDidNotAskGetsNoUsage() throws {
        let exchange = try answered(stream: true, usage: false) { $0.answer(200, json, answer) }

        #expect(!exchange.text.contains("usage") && exchange.outcome?.completion_tokens == 2)
    }

    @Test func itIsWaitedForOnceItIsKnownToBeAnAnswer() throws {
        try FakeHost.run { host in
            for start in ["", String(answer.prefix(100))] {
                let submitted = try Submitted(host, to: backend(), stream: true)
                submitted.upstream.head(200, json)
                submitted.upstream.body(start.utf8)
                host.fireTimers()
                #expect(!submitted.exchange.isOver)
                submitted.upstream.body(answer.dropFirst(start.count).utf8)
                submitted.upstream.end()

                #expect(submitted.exchange.outcome != nil && submitted.exchange.text.contains("hé"))
            }
        }
    }

    @Test func aCompletionBecomesAStream() throws {
        let whole =
            #"{"id":"c","object":"text_completion","choices":[{"index":0,"text":"ab","finish_reason":"length"}]}"#
        let exchange = try answered(stream: true, kind: NEXUS_KIND_COMPLETIONS) { $0.answer(200, json, whole) }

        let chunks = try events(exchange.text)
        #expect(chunks.map { $0["choices"]?[0]?["text"] } == ["ab", ""])
        #expect(chunks.last?["choices"]?[0]?["finish_reason"] == "length" && exchange.outcome != nil)
    }

    @Test func aMessageBecomesAStream() throws {
        let whole = """
            {"id":"m1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"hm",\
            "signature":"s"},{"type":"text","text":"hi"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],\
            "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":4,"output_tokens":9}}
            """
        let exchange = try answered(stream: true, kind: NEXUS_KIND_MESSAGES) { $0.answer(200, json, whole) }

        let all = try events(exchange.text)
        #expect(
            try types(exchange.text) == [
                "message_start", "content_block_start", "content_block_delta", "content_block_delta",
                "content_block_stop",
                "content_block_start", "content_block_delta", "content_block_stop", "content_block_start",
                "content_block_delta", "content_block_stop", "message_delta", "message_stop",
            ])
        #expect(all[0]["message"]?["content"] == [] && all[0]["message"]?["id"] == "m1")
        #expect(all[9]["delta"]?["partial_json"] == #"{"a":1}"# && all[8]["content_block"]?["input"] == [:])
        #expect(all[11]["delta"]?["stop_reason"] == "tool_use")
        #expect(exchange.outcome?.prompt_tokens == 4 && exchange.outcome?.completion_tokens == 9)
    }

    @Test func aResponseBecomesAStream() throws {
        let whole = """
            {"id":"r","object":"response","status":"completed","output":[{"type":"message","id":"i","role":"assistant",\
            "status":"completed","content":[{"type":"output_text","text":"hi","annotations":[]}]},{"type":"function_call",\
            "id":"f","call_id":"c","name":"n","arguments":"{}"}],"usage":{"input_tokens":4,"output_tokens":9}}
            """
        let exchange = try answered(stream: true, kind: NEXUS_KIND_RESPONSES) { $0.answer(200, json, whole) }

        #expect(
            try types(exchange.text) == [
                "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
                "response.output_text.delta", "response.output_text.done", "response.content_part.done",
                "response.output_item.done", "response.output_item.added", "response.function_call_arguments.delta",
                "response.function_call_arguments.done", "response.output_item.done", "response.completed",
            ])
        let numbers = try events(exchange.text).compactMap { $0["sequence_number"]?.int }
        #expect(numbers == Array(0..<13) && exchange.outcome?.completion_tokens == 9)
    }

    @Test(arguments: [
        (#"{"error":{"message":"why"}}"#, "why"), (#"{"detail":"why"}"#, "why"), (#"{"choices":[]}"#, "no answer"),
        (#"{"x":1}"#, "no answer"), ("{", "no answer"), (#"{"choices":[{"index":0}]}"#, "no answer"),
    ])
    func whatIsNoAnswerIsAFailure(_ body: String, _ words: String) throws {
        let exchange = try answered(stream: true) { $0.answer(200, json, body) }

        #expect(exchange.failure?.message.contains(words) == true && exchange.written.isEmpty, "\(body)")
        #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM)
    }

    @Test func anAnswerThatIsCutOffIsAFailure() throws {
        let exchange = try answered(stream: true) { upstream in
            upstream.head(200, json)
            upstream.body(answer.prefix(150).utf8)
            upstream.end(NEXUS_HTTP_CLOSED, "closed")
        }

        #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.written.isEmpty)
    }
}
