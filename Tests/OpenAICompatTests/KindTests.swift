import PluginAPI
import Testing

@testable import FakeHost
@testable import OpenAICompat

private func event(_ type: String, _ rest: String = "") -> String {
    "event: \(type)\ndata: {\"type\":\"\(type)\"\(rest)}\n\n"
}

@Suite struct ResponsesTests {
    private let start = event("response.created", #","response":{"id":"r","usage":null,"error":null}"#)
    private let delta = event("response.output_text.delta", #","delta":"response.failed \"type\":\"error\"""#)
    private let completed = event(
        "response.completed",
        #","response":{"error":null,"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":2},"output_tokens":4}}"#
    )

    @Test func theBytesPassAndTheUsageIsSeenWhereverTheyAreCut() throws {
        for last in [completed, completed.replacing("response.completed", with: "response.incomplete")] {
            let bytes = Array((start + delta + delta + last).utf8)
            for cut in 0...bytes.count {
                let exchange = try streamed(bytes, cut: cut, kind: NEXUS_KIND_RESPONSES)
                #expect(exchange.written == bytes, "cut at \(cut)")
                #expect(exchange.outcome?.prompt_tokens == 9 && exchange.outcome?.completion_tokens == 4)
                #expect(exchange.outcome?.cached_tokens == 2)
            }
        }
    }

    @Test func theFirstEventIsNotHeld() throws {
        try FakeHost.run { host in
            let submitted = try Submitted(host, to: backend(), kind: NEXUS_KIND_RESPONSES, stream: true)
            submitted.upstream.head(200, eventStream)
            submitted.upstream.body(start.utf8)

            #expect(submitted.exchange.text == start)
        }
    }

    @Test func anEndWithoutATerminalEventIsAFailure() throws {
        let exchange = try streamed(Array((start + delta).utf8), kind: NEXUS_KIND_RESPONSES)

        #expect(exchange.failure != nil && exchange.text == start + delta)
    }

    @Test(arguments: [
        event("response.failed", #","response":{"error":{"code":"server_error","message":"too hot"}}"#),
        event("error", #","code":"server_error","message":"too hot""#),
        event("error", #","error":{"message":"too hot"}"#),
        "data: {\"error\":{\"message\":\"too hot\"}}\n\n",
    ])
    func aFailureIsAFailure(_ last: String) throws {
        let bytes = Array((start + last).utf8)
        for cut in 0...bytes.count {
            let exchange = try streamed(bytes, cut: cut, kind: NEXUS_KIND_RESPONSES)
            #expect(exchange.failure?.message == "too hot" && exchange.text == start, "cut at \(cut)")
        }
    }

    @Test func aWholeAnswerTellsItsUsage() throws {
        let answer =
            #"{"id":"r","object":"response","error":null,"output":[],"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":2},"output_tokens":4,"total_tokens":13}}"#
        let exchange = try answered(kind: NEXUS_KIND_RESPONSES, path: "/v1/responses") { $0.answer(200, json, answer) }

        #expect(exchange.text == answer && exchange.outcome?.prompt_tokens == 9)
        #expect(exchange.outcome?.completion_tokens == 4 && exchange.outcome?.cached_tokens == 2)
    }
}

@Suite struct MessagesTests {
    private let start = event(
        "message_start", #","message":{"usage":{"input_tokens":5,"cache_read_input_tokens":7,"output_tokens":1}}"#)
    private let delta = event("content_block_delta", #","index":0,"delta":{"type":"text_delta","text":"message_stop"}"#)
    private let end =
        event("message_delta", #","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":42}"#)
        + event("message_stop")

    @Test func theBytesPassAndTheUsageIsSeenWhereverTheyAreCut() throws {
        let bytes = Array((start + event("ping") + delta + end).utf8)
        for cut in 0...bytes.count {
            let exchange = try streamed(bytes, cut: cut, kind: NEXUS_KIND_MESSAGES)
            #expect(exchange.written == bytes, "cut at \(cut)")
            #expect(exchange.outcome?.prompt_tokens == 12 && exchange.outcome?.cached_tokens == 7)
            #expect(exchange.outcome?.completion_tokens == 42)
        }
    }

    @Test func anErrorAndAnEarlyEndAreFailures() throws {
        let error = event("error", #","error":{"type":"overloaded_error","message":"Overloaded"}"#)
        let failed = try streamed(Array((start + error).utf8), kind: NEXUS_KIND_MESSAGES)
        let first = try streamed(Array(error.utf8), kind: NEXUS_KIND_MESSAGES)
        let cut = try streamed(Array((start + delta).utf8), kind: NEXUS_KIND_MESSAGES)

        #expect(failed.failure?.message == "Overloaded" && failed.text == start)
        #expect(first.failure?.message == "Overloaded" && first.written.isEmpty)
        #expect(cut.failure != nil)
    }

    @Test func aWholeAnswerTellsItsUsage() throws {
        let answer =
            #"{"type":"message","content":[],"usage":{"input_tokens":5,"cache_read_input_tokens":7,"output_tokens":3}}"#
        let exchange = try answered(kind: NEXUS_KIND_MESSAGES) { $0.answer(200, json, answer) }

        #expect(exchange.text == answer && exchange.outcome?.prompt_tokens == 12)
        #expect(exchange.outcome?.completion_tokens == 3 && exchange.outcome?.cached_tokens == 7)
    }

    @Test func anErrorInsideASuccessIsAFailure() throws {
        let error = #"{"type":"error","error":{"type":"api_error","message":"no"}}"#

        #expect(try answered(kind: NEXUS_KIND_MESSAGES) { $0.answer(200, json, error) }.failure?.message == "no")
    }

    @Test func theHeadersAreAnthropics() throws {
        try FakeHost.run { host in
            let upstream = try Submitted(
                host, to: backend(key: "sk-1"), kind: NEXUS_KIND_COUNT_TOKENS, path: "/v1/messages/count_tokens"
            ).upstream

            #expect(upstream.path == "/v1/messages/count_tokens")
            #expect(upstream.headers["anthropic-version"] == "2023-06-01" && upstream.headers["x-api-key"] == "sk-1")
            #expect(upstream.headers["authorization"] == "Bearer sk-1")
        }
    }
}

@Suite struct MediaTests {
    @Test func theFormIsSentAsItCameAndTheTextComesBackAsItIs() throws {
        try FakeHost.run { host in
            let submitted = try Submitted(
                host, to: backend(key: "k"), kind: NEXUS_KIND_AUDIO, path: "/v1/audio/transcriptions",
                type: "multipart/form-data; boundary=x")
            submitted.upstream.answer(200, [("content-type", "text/plain; charset=utf-8")], "hello\n")

            #expect(submitted.upstream.sendsExchangeBody && submitted.upstream.path == "/v1/audio/transcriptions")
            #expect(submitted.upstream.headers["content-type"] == "multipart/form-data; boundary=x")
            #expect(submitted.upstream.headers["authorization"] == "Bearer k")
            #expect(submitted.exchange.text == "hello\n" && submitted.exchange.outcome != nil)
            #expect(submitted.exchange.contentType == "text/plain; charset=utf-8")
        }
    }

    @Test func soundComesPieceByPiece() throws {
        try FakeHost.run { host in
            let submitted = try Submitted(
                host, to: backend(), kind: NEXUS_KIND_AUDIO, path: "/v1/audio/speech", type: "application/json")
            submitted.upstream.head(200, [("content-type", "audio/mpeg")])
            submitted.upstream.body([0xFF, 0x00, 0x0A])
            #expect(submitted.exchange.written == [0xFF, 0x00, 0x0A])
            submitted.upstream.end(NEXUS_HTTP_CLOSED, "closed")
            #expect(submitted.exchange.failure?.kind == NEXUS_FAIL_UPSTREAM)
            #expect(submitted.exchange.contentType == "audio/mpeg")
        }
    }

    @Test func aStreamOfEventsPassesAndAnErrorInItIsOne() throws {
        let events =
            event("speech.audio.delta", #","audio":"AAAA""#)
            + event("speech.audio.done", #","usage":{"input_tokens":3,"output_tokens":8}"#)
        let whole = try streamed(Array(events.utf8), kind: NEXUS_KIND_AUDIO)
        let failed = try streamed(
            Array((events + "data: {\"error\":{\"message\":\"no\"}}\n\n").utf8), kind: NEXUS_KIND_AUDIO)

        #expect(whole.text == events && whole.outcome?.completion_tokens == 8)
        #expect(whole.contentType.hasPrefix("text/event-stream"))
        #expect(failed.failure?.message == "no" && failed.text == events)
    }

    @Test func imagesAreJSONAndUnexpectedEndpointsAreNot() throws {
        let images = #"{"created":1,"data":[{"b64_json":"AAAA"}]}"#
        let answer = try answered(kind: NEXUS_KIND_IMAGES, path: "/v1/images/generations") {
            $0.answer(200, json, images)
        }
        let missing = try answered(kind: NEXUS_KIND_IMAGES, path: "/v1/images/generations") {
            $0.answer(200, json, #"{"error":"Unexpected endpoint or method. (POST /v1/images/generations)"}"#)
        }

        #expect(answer.text == images && answer.contentType == "application/json")
        #expect(missing.failure?.kind == NEXUS_FAIL_UNSUPPORTED)
    }
}

@Suite struct RerankTests {
    @Test(arguments: [
        (#"{"results":[],"usage":{"total_tokens":12}}"#, 12),
        (#"{"data":[],"usage":{"prompt_tokens":7,"total_tokens":7}}"#, 7),
        (#"[{"index":0,"score":1.0}]"#, UInt64.max),
    ])
    func anAnswerIsAnObjectOrAList(_ answer: String, _ tokens: UInt64) throws {
        let exchange = try answered(kind: NEXUS_KIND_RERANK, path: "/v1/rerank") { $0.answer(200, json, answer) }

        #expect(exchange.text == answer && exchange.outcome?.prompt_tokens == tokens)
    }

    @Test func thePathStandsBehindThePrefix() throws {
        try FakeHost.run { host in
            let options = JSONObject([(name: "prefix", value: "/api/v3")])
            for path in ["/v1/rerank", "/rerank"] {
                let upstream = try Submitted(host, to: backend(options), kind: NEXUS_KIND_RERANK, path: path).upstream
                #expect(upstream.path == "/api/v3/rerank")
            }
        }
    }
}

/// A character of which a server has put one half into one event and the other into the next, in every kind of stream.
@Suite struct SplitCharacterKindTests {
    struct Stream: Sendable, CustomTestStringConvertible {
        let kind: UInt32
        let start: String
        /// An event with this text.
        let text: @Sendable ([UInt8]) -> [UInt8]
        let end: String
        var testDescription: String { "kind \(kind)" }
    }

    private static func around(_ event: String) -> @Sendable ([UInt8]) -> [UInt8] {
        let parts = event.split(separator: "TEXT").map { Array($0.utf8) }
        return { parts[0] + $0 + parts[1] }
    }

    private static let streams = [
        Stream(
            kind: NEXUS_KIND_RESPONSES, start: event("response.created", #","response":{"id":"r"}"#),
            text: around(event("response.output_text.delta", #","item_id":"i","delta":"TEXT""#)),
            end: event("response.completed", #","response":{"usage":{"input_tokens":9,"output_tokens":4}}"#)),
        Stream(
            kind: NEXUS_KIND_MESSAGES, start: event("message_start", #","message":{"usage":{"input_tokens":5}}"#),
            text: around(
                "id: 7\n"
                    + event("content_block_delta", #","index":0,"delta":{"type":"text_delta","text":"TEXT"}"#)),
            end: event("message_stop")),
        Stream(
            kind: NEXUS_KIND_AUDIO, start: event("transcript.text.delta", #","delta":"a""#),
            text: around(event("transcript.text.delta", #","delta":"TEXT""#)),
            end: event("transcript.text.done", #","text":"all""#)),
        Stream(
            kind: NEXUS_KIND_CHAT, start: chunk("a") + "\n\n",
            text: around("id: 7\n" + chunk("TEXT") + "\n\n"),
            end: finished + "\n\ndata: [DONE]\n\n"),
    ]

    @Test(arguments: streams, [Array("😀".utf8), Array("é".utf8), Array(#"\ud83d\uDE00"#.utf8)])
    func arrivesWhole(_ stream: Stream, _ character: [UInt8]) throws {
        let cuts = character.count > 4 ? [6] : Array(1..<character.count)
        for cut in cuts {
            let first = stream.text(Array("a".utf8) + character[..<cut])
            let second = stream.text(character[cut...] + Array("b".utf8))
            let bytes = Array(stream.start.utf8) + first + second + Array(stream.end.utf8)
            let whole =
                Array(stream.start.utf8) + stream.text(Array("a".utf8)) + stream.text(character + Array("b".utf8))
                + Array(stream.end.utf8)

            for piece in stride(from: 0, through: bytes.count, by: 11) {
                let exchange = try streamed(bytes, cut: piece, kind: stream.kind)

                #expect(exchange.written == whole, "cut at \(cut), piece at \(piece)")
                #expect(exchange.failure == nil)
            }
        }
    }

    @Test(arguments: streams) func withoutItsEndIsLeftOut(_ stream: Stream) throws {
        let bytes =
            Array(stream.start.utf8) + stream.text(Array("a".utf8) + [0xF0, 0x9F]) + Array(stream.end.utf8)

        let exchange = try streamed(bytes, kind: stream.kind)

        #expect(exchange.written == Array(stream.start.utf8) + stream.text(Array("a".utf8)) + Array(stream.end.utf8))
        #expect(exchange.failure == nil)
    }

    @Test func inTheLastEventLeavesItTheLast() throws {
        let end = Array(#"data: {"type":"response.completed","response":{"output_text":"a"#.utf8)
        let start = Array(event("response.created").utf8)
        let rest = Array("\"}}\n\n".utf8)

        let exchange = try streamed(start + end + [0xF0, 0x9F] + rest, kind: NEXUS_KIND_RESPONSES)

        #expect(exchange.written == start + end + rest && exchange.outcome != nil)
    }

    @Test func inOneOfSeveralLinesOfDataLeavesTheOthers() throws {
        func lines(_ first: [UInt8], _ second: [UInt8]) -> [UInt8] {
            Array(chunk("TEXT").split(separator: "TEXT")[0].utf8) + first
                + Array(chunk("TEXT").split(separator: "TEXT")[1].utf8) + [0x0A]
                + Array(chunk("TEXT").split(separator: "TEXT")[0].utf8) + second
                + Array(chunk("TEXT").split(separator: "TEXT")[1].utf8) + [0x0A, 0x0A]
        }
        let end = transcript([finished, "data: [DONE]"])

        let exchange = try streamed(lines([0x61, 0xC3], [0xA9, 0x62]) + lines([0xC3], [0x63]) + end)

        #expect(
            exchange.written == lines([0x61], [0xC3, 0xA9, 0x62]) + lines([], [0x63]) + end)
    }
}
