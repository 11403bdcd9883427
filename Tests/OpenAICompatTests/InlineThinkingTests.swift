import PluginAPI
import Testing

@testable import FakeHost
@testable import OpenAICompat

/// Thinking inside of an answer's text.
@Suite struct InlineThinkingTests {
    private static let options = JSONObject([(name: "inline_thinking", value: "tags")])

    private func answer(stream: Bool, _ bytes: [UInt8], cut: Int? = nil) throws -> FakeHost.Exchange {
        var result = FakeHost.Exchange()
        try FakeHost.run { host in
            let submitted = try Submitted(host, to: backend(Self.options), stream: stream)
            submitted.upstream.head(200, stream ? eventStream : json)
            if let cut {
                submitted.upstream.body(bytes[..<cut])
                submitted.upstream.body(bytes[cut...])
            } else {
                submitted.upstream.body(bytes)
            }
            submitted.upstream.end()
            result = submitted.exchange
        }
        return result
    }

    /// What a client joins of a stream's deltas.
    private func deltas(_ exchange: FakeHost.Exchange) throws -> (thought: String, text: String) {
        var (thought, text) = ("", "")
        for line in exchange.text.split(whereSeparator: \.isNewline) where line.hasPrefix("data: {") {
            for choice in try JSONValue.parse(String(line.dropFirst(6)))["choices"]?.array ?? [] {
                thought += choice["delta"]?["reasoning_content"]?.string ?? ""
                text += choice["delta"]?["content"]?.string ?? ""
            }
        }
        return (thought, text)
    }

    @Test(arguments: ["\n\n", "\r\n\r\n"])
    func aStreamsThinkingIsReasoningContentWhereverThePiecesAreCut(_ separator: String) throws {
        let bytes = transcript(
            [
                chunk("<th"), chunk("ink>h"), chunk("m</thi"), chunk("nk>"), chunk("\\n4"), chunk("2"), finished, usage,
                "data: [DONE]",
            ],
            separator: separator)
        for cut in 0...bytes.count {
            let exchange = try answer(stream: true, bytes, cut: cut)
            let told = try deltas(exchange)
            #expect(told.thought == "hm" && told.text == "42", "cut at \(cut)")
            #expect(exchange.text.hasSuffix("data: [DONE]" + separator) && exchange.outcome?.completion_tokens == 7)
        }
    }

    @Test func whatIsHeldBackComesWithTheFinishReasonOrBeforeTheEndMark() throws {
        for end in [[finished, "data: [DONE]"], ["data: [DONE]"], [finished]] {
            let exchange = try answer(stream: true, transcript([chunk("<thi")] + end))
            #expect(try deltas(exchange).text == "<thi")
            #expect(exchange.text.hasSuffix("data: [DONE]\n\n"))
        }
    }

    @Test func aWholeAnswersThinkingIsReasoningContent() throws {
        let filler = String(repeating: "x", count: 100_000)
        for text in ["42", filler] {
            let body =
                #"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"<think>hm</think>\n\#(text)"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#
            var exchange = FakeHost.Exchange()
            try FakeHost.run { host in
                let submitted = try Submitted(host, to: backend(Self.options))
                submitted.upstream.head(200, json)
                submitted.upstream.body(Array(body.utf8))
                submitted.upstream.end()
                host.turn()
                exchange = submitted.exchange
            }
            let message = try JSONValue.parse(exchange.text)["choices"]?[0]?["message"]
            #expect(message?["content"]?.string == text && message?["reasoning_content"] == "hm")
            #expect(exchange.outcome?.completion_tokens == 2)
        }
    }

    @Test func anErrorInsideAWholeAnswerIsStillOne() throws {
        let exchange = try answer(stream: false, Array(#"{"error":{"message":"no"}}"#.utf8))
        #expect(exchange.failure != nil && exchange.written.isEmpty)
    }

    @Test func anOptionThatNobodyKnowsIsRefused() {
        #expect(throws: ConfigurationProblem.self) {
            try backend(JSONObject([(name: "inline_thinking", value: "yes")]))
        }
    }

    // MARK: Characters

    @Test(arguments: [#"\ud83d|\ude00"#, "\u{1}"])
    func aCharacterThatIsCutOverTwoEventsArrivesWhole(_ halves: String) throws {
        var bytes: [UInt8] = []
        if halves == "\u{1}" {
            let emoji = Array("😀".utf8)
            let (before, after) = (
                Array(#"data: {"choices":[{"index":0,"delta":{"content":""#.utf8),
                Array(#""},"finish_reason":null}]}"#.utf8) + [10, 10]
            )
            bytes = transcript([chunk("a")]) + before + emoji[..<2] + after + before + emoji[2...] + after
        } else {
            let parts = halves.split(separator: "|").map(String.init)
            bytes = transcript([chunk("a"), chunk(parts[0]), chunk(parts[1])])
        }
        bytes += transcript([chunk("b"), finished, "data: [DONE]"])
        for cut in 0...bytes.count {
            let exchange = try streamed(bytes, cut: cut)
            #expect(try deltas(exchange).text == "a😀b", "cut at \(cut)")
            #expect(exchange.outcome != nil)
        }
    }

    @Test func aCharacterOfTwoEscapesInOneEventKeepsItsBytes() throws {
        let bytes = transcript([chunk("a"), chunk(#"\ud83d\ude00"#), chunk("b"), finished, "data: [DONE]"])
        #expect(try streamed(bytes).written == bytes)
    }
}
