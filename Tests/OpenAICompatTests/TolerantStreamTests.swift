import PluginAPI
import Testing

@testable import FakeHost
@testable import OpenAICompat

/// What servers send that is not quite what OpenAI sends.
@Suite struct TolerantStreamTests {
    private func text(_ parts: String...) -> [UInt8] { Array(parts.joined().utf8) }

    @Test(arguments: ["\n", "\r\n", "\r"])
    func severalLinesOfDataAreOneEvent(_ end: String) throws {
        let split = [
            chunk("a"), "", #"data: {"choices":[{"index":0,"delta":{},"finish_reason":null,"#,
            #"data: "finish_reason":"stop"}],"usage":{"prompt_tokens":3,"#, ": a comment between", "event: message",
            #"data: "completion_tokens":9}}"#, "", "data: [DONE]", "", "",
        ].joined(separator: end)
        let bytes = Array(split.utf8)
        for cut in 0...bytes.count {
            let exchange = try streamed(bytes, cut: cut)
            #expect(exchange.written == bytes, "cut at \(cut)")
            #expect(exchange.outcome?.prompt_tokens == 3 && exchange.outcome?.completion_tokens == 9, "cut at \(cut)")
        }
    }

    @Test func anErrorInSeveralLinesIsAnError() throws {
        let exchange = try streamed(
            text(chunk("a"), "\n\n", "data: {\"error\":\ndata: {\"message\":\"gone\",\ndata: \"code\":500}}\n\n"))

        #expect(exchange.failure?.message == "gone" && exchange.written == transcript([chunk("a")]))
    }

    @Test func twoChunksInOneEventAreBothSeen() throws {
        let bytes = text(chunk("a"), "\n\n", finished, "\n", usage, "\ndata: [DONE]\n\n")
        let exchange = try streamed(bytes)

        #expect(exchange.written == bytes && exchange.outcome?.completion_tokens == 7)
    }

    @Test func aByteOrderMarkIsPassed() throws {
        let bytes = text("\u{FEFF}", finished, "\n\n", "data: [DONE]\n\n")
        for cut in 0...bytes.count {
            let exchange = try streamed(bytes, cut: cut)
            #expect(exchange.written == bytes && exchange.outcome != nil, "cut at \(cut)")
        }
    }

    @Test(arguments: ["data:[DONE]", "data:  [DONE]  ", "data:\t[DONE]"])
    func dataNeedNoSpaceAndMayHaveMore(_ mark: String) throws {
        let bytes = text("data:", String(finished.dropFirst(6)), "\n\n", mark, "\n\n")
        let exchange = try streamed(bytes)

        #expect(exchange.written == bytes && exchange.outcome != nil)
    }

    @Test(arguments: ["\n", "\r\n", "\r"])
    func nothingAfterTheEndMarkReachesTheClient(_ end: String) throws {
        let whole = [chunk("a"), "", finished, "", "data: [DONE]", "", ""].joined(separator: end)
        let bytes = Array(whole.utf8) + Array("data: {\"more\":1}\(end)\(end)".utf8)
        for cut in 0...bytes.count {
            let exchange = try streamed(bytes, cut: cut)
            #expect(exchange.written == Array(whole.utf8) && exchange.outcome != nil, "cut at \(cut)")
        }
    }

    @Test func commentsAndUnknownFieldsPass() throws {
        let bytes = text(
            ": one\n\n", "id: 7\nretry: 10\n: two\nevent: x\n", chunk("a"), "\nnonsense: 1\nid\n\n", ":\n\n", finished,
            "\n\ndata: [DONE]\n\n")
        let exchange = try streamed(bytes)

        #expect(exchange.written == bytes && exchange.outcome?.completion_tokens == 1)
    }

    @Test func anEmptyFinishReasonIsNone() throws {
        let chunk = #"data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":""}]}"#

        #expect(try streamed(transcript([chunk])).failure != nil)
    }

    @Test func theFinishOfAnyChoiceCounts() throws {
        let two =
            #"data: {"choices":[{"index":1,"delta":{},"finish_reason":"stop"},{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#
        let exchange = try streamed(transcript([chunk("a"), two]))

        #expect(exchange.outcome != nil && exchange.text.hasSuffix("\n\ndata: [DONE]\n\n"))
    }

    @Test func anEventOfManyMegabytesPasses() throws {
        let bytes = transcript([chunk(String(repeating: "x", count: 5_000_000)), finished, "data: [DONE]"])
        let exchange = try answered(stream: true) { upstream in
            upstream.head(200, eventStream)
            for start in stride(from: 0, to: bytes.count, by: 65_536) {
                upstream.body(bytes[start..<min(bytes.count, start + 65_536)])
            }
            upstream.end()
        }

        #expect(exchange.written == bytes && exchange.outcome != nil)
    }

    @Test func usageMayBeOnTheLastChunk() throws {
        let last =
            #"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":3}}"#
        let bytes = transcript([chunk("a"), last, "data: [DONE]"])
        let exchange = try streamed(bytes, usage: false)

        #expect(exchange.written == bytes && exchange.outcome?.completion_tokens == 3)
    }
}

/// A client gets the usage of a stream exactly when it asked.
@Suite struct UsageChunkTests {
    private let timed =
        #"data: {"id":"c","object":"chat.completion.chunk","created":5,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"timings":{"cache_n":20,"prompt_n":3,"prompt_ms":1.5,"predicted_n":8,"predicted_ms":40}}"#

    @Test(arguments: ["\n\n", "\r\n\r\n", "\r\r"])
    func aChunkThatNobodyAskedForIsTakenOutButCounted(_ end: String) throws {
        let before = transcript([chunk("a"), finished], separator: end)
        let bytes = before + transcript([usage, "data: [DONE]"], separator: end)
        let expected = before + transcript(["data: [DONE]"], separator: end)
        for cut in 0...bytes.count {
            let exchange = try streamed(bytes, cut: cut, usage: false)
            #expect(exchange.written == expected, "cut at \(cut)")
            #expect(exchange.outcome?.completion_tokens == 7 && exchange.outcome?.prompt_tokens == 11, "cut at \(cut)")
        }
    }

    @Test func itIsTakenOutWhereverItStandsAndWithoutAnEndToo() throws {
        let exchange = try streamed(
            transcript([usage, chunk("a"), usage, finished]) + Array(usage.utf8), usage: false)

        #expect(exchange.written == transcript([chunk("a"), finished, "data: [DONE]"]))
        #expect(exchange.outcome?.prompt_tokens == 11)
    }

    @Test func itIsAddedWhenTheServerToldTheNumbersOtherwise() throws {
        let added =
            #"data: {"id":"c","object":"chat.completion.chunk","created":5,"model":"m","choices":[],"usage":{"prompt_tokens":23,"completion_tokens":8,"total_tokens":31,"prompt_tokens_details":{"cached_tokens":20}}}"#
        for bytes in [transcript([chunk("a"), timed, "data: [DONE]"]), transcript([chunk("a"), timed])] {
            for cut in 0...bytes.count {
                let exchange = try streamed(bytes, cut: cut)
                #expect(
                    exchange.written == transcript([chunk("a"), timed, added, "data: [DONE]"]), "cut at \(cut)")
            }
        }
    }

    @Test func aUsageThatIsNullTellsNothing() throws {
        let null = timed.replacing(#""timings""#, with: #""usage":null,"timings""#)
        let exchange = try streamed(transcript([chunk("a"), null, "data: [DONE]"]))

        #expect(exchange.text.contains(#""usage":{"prompt_tokens":23,"completion_tokens":8"#))
    }

    @Test func timingsAreCountsAndTimes() throws {
        let exchange = try streamed(transcript([chunk("a"), timed, "data: [DONE]"]), usage: false)

        #expect(exchange.written == transcript([chunk("a"), timed, "data: [DONE]"]))
        #expect(exchange.outcome?.prompt_tokens == 23 && exchange.outcome?.completion_tokens == 8)
        #expect(exchange.outcome?.cached_tokens == 20 && exchange.outcome?.flags == 0)
        #expect(exchange.outcome?.prompt_us == 1500 && exchange.outcome?.completion_us == 40_000)
    }

    @Test func timingsOfAWholeAnswerToo() throws {
        let timings = #""timings":{"cache_n":1,"prompt_n":4,"prompt_ms":2,"predicted_n":6,"predicted_ms":3}}"#
        let with = try answered {
            $0.answer(200, json, #"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":6},"# + timings)
        }
        let without = try answered { $0.answer(200, json, #"{"choices":[],"# + timings) }

        for exchange in [with, without] {
            #expect(exchange.outcome?.prompt_tokens == 5 && exchange.outcome?.completion_tokens == 6)
            #expect(exchange.outcome?.cached_tokens == 1 && exchange.outcome?.prompt_us == 2000)
        }
    }

    @Test func theUsageIsAskedForWhenTheOperatorWantsIt() throws {
        let options = JSONObject([(name: "usage", value: "always")])
        func sent(_ body: String, stream: Bool = true, usage: Bool = false, kind: UInt32 = NEXUS_KIND_CHAT) throws
            -> String?
        {
            var result: String?
            try FakeHost.run { host in
                let upstream = try Submitted(
                    host, to: backend(options), kind: kind, stream: stream, usage: usage, body: body
                ).upstream
                result = upstream.sendsExchangeBody ? nil : upstream.body
            }
            return result
        }

        #expect(
            try sent(#" {"model":"m","stream":true}"#)
                == #" {"stream_options":{"include_usage":true},"model":"m","stream":true}"#)
        #expect(
            try sent(#"{"model":"m","stream_options":{"x":1,"include_usage":false}}"#)
                == #"{"model":"m","stream_options":{"x":1,"include_usage":true}}"#)
        #expect(try sent(#"{"model":"m"}"#, stream: false) == nil)
        #expect(try sent(#"{"model":"m"}"#, usage: true) == nil)
        #expect(try sent(#"{"model":"m"}"#, kind: NEXUS_KIND_RESPONSES) == nil)
    }
}
