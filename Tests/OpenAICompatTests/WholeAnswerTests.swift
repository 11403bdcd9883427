import PluginAPI
import Testing

@testable import FakeHost
@testable import OpenAICompat

/// A whole answer comes in pieces, and its connection ends: nothing else says where it ends.
private func ended(
    _ text: some Collection<UInt8>, pieces: Int = 1000, kind: UInt32 = NEXUS_KIND_CHAT, path: String = ""
) throws -> FakeHost.Exchange {
    let bytes = Array(text)
    return try answered(kind: kind, path: path) { upstream in
        upstream.head(200, json)
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            upstream.body(bytes[start..<min(bytes.count, start + pieces)])
        }
        upstream.end()
    }
}

private func choices(_ length: Int) -> String {
    #""choices":[{"index":0,"message":{"role":"assistant","content":"\#(String(repeating: "x", count: length))"},"finish_reason":"stop"}]"#
}

/// An answer counts when it is JSON from its first byte to its last.
@Suite struct WholeAnswerTests {
    @Test func noBeginningOfAnAnswerIsOne() throws {
        let answer = Array(#"{"a":{"b":{}},"choices":[{"d":"}"}],"usage":{"prompt_tokens":5}}"#.utf8)
        for cut in 0..<answer.count {
            let exchange = try ended(answer[..<cut], pieces: 7)
            #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.outcome == nil, "cut at \(cut)")
        }
        #expect(try ended(answer, pieces: 7).written == answer)
    }

    @Test(arguments: [1000, 16 * 1024, 100_000])
    func aLongAnswerThatIsCutAfterABraceIsNone(_ pieces: Int) throws {
        let answer = Array(#"{"id":"x",\#(choices(40_000)),"usage":{"prompt_tokens":5}}"#.utf8)
        for cut in answer.indices where answer[cut] == UInt8(ascii: "}") && cut + 1 < answer.count {
            let exchange = try ended(answer[...cut], pieces: pieces)
            #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.outcome == nil, "cut at \(cut)")
        }
        let whole = try ended(answer, pieces: pieces)
        #expect(whole.written == answer && whole.outcome?.prompt_tokens == 5)
    }

    @Test(
        arguments: ["x", "}", "{}", "]", "\u{0}", ",", "data: [DONE]\n\n", "<html>", "HTTP/1.1 200 OK\r\n\r\n{}"],
        [10, 40_000])
    func whatFollowsAnAnswerSpoilsIt(_ rest: String, _ length: Int) throws {
        for space in ["", "\n\n"] {
            let exchange = try ended("{\(choices(length))}\(space)\(rest)".utf8)
            #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.outcome == nil)
        }
    }

    @Test(arguments: [10, 40_000])
    func spaceMayFollow(_ length: Int) throws {
        let text = " \r\n{\(choices(length))} \r\n\t\n"

        #expect(try ended(text.utf8).text == text)
    }

    @Test(arguments: [
        #"{"a":1,}"#, #"{"a" "b"}"#, #"{"a":NaN}"#, "{\"a\":\"\n\"}", #"{"a":'b'}"#, #"{"a":1}}"#, #"{]}"#,
    ])
    func anAnswerOfKnownLengthIsCheckedTheSame(_ text: String) throws {
        let exchange = try answered {
            $0.answer(200, json + [("content-length", "\(text.utf8.count)")], text)
        }

        #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.written.isEmpty)
    }

    @Test func whatCanBecomeNoJSONFailsBeforeItsEnd() throws {
        try FakeHost.run { host in
            let submitted = try Submitted(host, to: backend())
            submitted.upstream.head(200, json)
            submitted.upstream.body("{\(choices(40_000)),".utf8)
            submitted.upstream.body("<html>".utf8)

            #expect(submitted.exchange.failure?.kind == NEXUS_FAIL_UPSTREAM)
        }
    }

    @Test func anAnswerMayBeDeepAndNotEndless() throws {
        func nested(_ depth: Int) -> String {
            #"{"choices":"# + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
        }
        #expect(try ended(nested(200).utf8).outcome != nil)
        #expect(try ended(nested(1_000_000).utf8, pieces: 65_536).failure?.kind == NEXUS_FAIL_UPSTREAM)
    }

    @Test func aTranscriptionIsAnyJSONAndNothingLess() throws {
        let path = "/v1/audio/transcriptions"
        let text = #"{"text":"hello"}"#

        #expect(try ended(text.utf8, kind: NEXUS_KIND_AUDIO, path: path).text == text)
        #expect(try ended(#"{"text":"hel"#.utf8, kind: NEXUS_KIND_AUDIO, path: path).outcome == nil)
        #expect(try ended(#""hello""#.utf8, kind: NEXUS_KIND_AUDIO, path: path).outcome != nil)
    }

    @Test func itsTypeIsTheServersWithItsParameters() throws {
        let exchange = try answered(kind: NEXUS_KIND_AUDIO, path: "/v1/audio/transcriptions") {
            $0.answer(200, [("content-type", "application/json; charset=utf-8")], #"{"text":"hello"}"#)
        }

        #expect(exchange.contentType == "application/json; charset=utf-8")
    }
}

/// An error in a success is one wherever it stands.
@Suite struct ErrorInsideTests {
    private let error = #""error":{"message":"out of memory","type":"server_error","code":500}"#

    @Test(arguments: [10, 10_000, 20_000, 300_000], [1, 1000, 20_000])
    func itsPlaceInTheAnswerDoesNotMatter(_ length: Int, _ pieces: Int) throws {
        guard length / pieces < 20_000 else { return }
        for text in [
            "{\(error),\(choices(length))}", "{\(choices(length)),\(error)}",
            "{\(choices(length / 2)),\(error),\(choices(length / 2).replacing("choices", with: "more"))}",
            "{\"id\":1,\(choices(length)) , \"err\\u006fr\"\(error.dropFirst(7)) }",
        ] {
            let exchange = try ended(text.utf8, pieces: pieces)
            #expect(exchange.failure?.message == "out of memory" && exchange.outcome == nil)
            let body = try JSONValue.parse(exchange.failure?.body ?? "")
            #expect(body["error"]?["type"] == "server_error")
        }
    }

    @Test(arguments: [10, 20_000])
    func anAnswerInOnePieceOfKnownLengthIsSearchedToo(_ length: Int) throws {
        let text = "{\(choices(length)),\(error)}"
        let exchange = try answered { $0.answer(200, json + [("content-length", "\(text.utf8.count)")], text) }

        #expect(exchange.failure?.message == "out of memory" && exchange.outcome == nil)
    }

    @Test(arguments: ["null", "false", "\"\"", "0"])
    func whatSaysThatThereIsNoneIsNone(_ nothing: String) throws {
        for text in [
            "{\"error\":\(nothing),\(choices(20_000))}", "{\(choices(20_000)),\"error\":\(nothing)}",
            "{\(choices(10)),\"error\":\(nothing)}",
        ] {
            let exchange = try ended(text.utf8)
            #expect(exchange.text == text && exchange.outcome != nil)
        }
    }

    @Test(arguments: [
        (#""error":"no""#, "no"), (#""error":["a",1]"#, "a"), (#""error":500"#, "500"),
        (#""error":true"#, "true"),
        (#""error":{}"#, UpstreamError.withoutMessage), (#""object":"error","message":"no""#, "no"),
        (#""type":"error","message":"no""#, "no"), (#""object":"error""#, UpstreamError.withoutMessage),
    ])
    func itMayHaveAnyShape(_ error: String, _ message: String) throws {
        #expect(try ended("{\(error)}".utf8).failure?.message == message)
        #expect(try ended("{\(choices(5000)),\(error)}".utf8).failure?.message == message)
        #expect(try ended("{\(choices(20_000)),\(error)}".utf8).failure != nil)
    }

    @Test func oneTooLongToBeReadIsStillOne() throws {
        let text = #"{\#(choices(10)),"error":{"message":"\#(String(repeating: "x", count: 100_000))"}}"#

        #expect(try ended(text.utf8).failure?.kind == NEXUS_FAIL_UPSTREAM)
    }

    @Test func wordsOfTheModelAndInnerMembersAreNone() throws {
        let text =
            #"{"choices":[{"message":{"error":"no","finish_reason":"error","content":"\"error\":{\"message\":\"no\"}"}}],"x":{"error":1}}"#

        #expect(try ended(text.utf8).text == text)
    }

    @Test(arguments: [10, 20_000])
    func aSecondMemberDoesNotUnsayTheFirst(_ length: Int) throws {
        for text in [
            "{\(error),\(choices(length)),\"error\":null}",
            "{\"error\":null,\(choices(length)),\(error),\"error\":\"\"}",
        ] {
            let exchange = try ended(text.utf8)
            #expect(exchange.failure?.message == "out of memory")
            #expect(try JSONValue.parse(exchange.failure?.body ?? "")["error"]?.isNull == false)
        }
    }

    @Test(arguments: [10, 20_000], [1, 1000])
    func aChoiceThatFailedIsAFailure(_ length: Int, _ pieces: Int) throws {
        let text = String(repeating: "x", count: length)
        let told = #"{"choices":[{"index":0},{"text":"\#(text)","error":{"code":502,"message":"hot"}}]}"#
        let untold = #"{"choices":[{"text":"\#(text)","finish_reason":"error"}]}"#

        #expect(try ended(told.utf8, pieces: pieces).failure?.message == "hot")
        #expect(try ended(untold.utf8, pieces: pieces).failure?.message.contains("because of an error") == true)
        #expect(try ended(#"{"choices":[{"text":"error","error":null,"finish_reason":"stop"}]}"#.utf8).outcome != nil)
    }
}

/// A success holds what was asked for, or it is none.
@Suite struct AnswerMemberTests {
    private static let kinds = [
        (NEXUS_KIND_CHAT, "choices", "[]"), (NEXUS_KIND_COMPLETIONS, "choices", "[]"),
        (NEXUS_KIND_EMBEDDINGS, "data", "[]"), (NEXUS_KIND_IMAGES, "data", "[]"),
        (NEXUS_KIND_RESPONSES, "output", "[]"), (NEXUS_KIND_RERANK, "results", "[]"),
        (NEXUS_KIND_RERANK, "data", "[]"), (NEXUS_KIND_MESSAGES, "content", "[]"),
        (NEXUS_KIND_COUNT_TOKENS, "input_tokens", "7"),
    ]
    private static let paths = [
        NEXUS_KIND_IMAGES: "/v1/images/generations", NEXUS_KIND_RERANK: "/v1/rerank",
        NEXUS_KIND_RESPONSES: "/v1/responses",
        NEXUS_KIND_MESSAGES: "/v1/messages", NEXUS_KIND_COUNT_TOKENS: "/v1/messages/count_tokens",
        NEXUS_KIND_AUDIO: "/v1/audio/transcriptions",
    ]

    private func whole(_ text: String, _ kind: UInt32) throws -> FakeHost.Exchange {
        try answered(kind: kind, path: Self.paths[kind] ?? "") {
            $0.answer(200, json + [("content-length", "\(text.utf8.count)")], text)
        }
    }

    @Test(arguments: kinds)
    func anObjectWithoutItsMemberIsNoAnswer(_ kind: UInt32, _ member: String, _ value: String) throws {
        for text in ["{}", #"{"id":"x"}"#, #"{"\#(member)":null}"#, #"{"a":{"\#(member)":\#(value)}}"#] {
            let exchange = try whole(text, kind)
            #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.written.isEmpty, "\(text)")
        }
        let good = #"{"id":"x","pad":"\#(String(repeating: "x", count: 20_000))","\#(member)":\#(value)}"#
        #expect(try whole(good, kind).text == good)
    }

    @Test(arguments: [
        (#"{"detail":"hot"}"#, "hot"), (#"{"detail":[{"msg":"hot"},{"msg":"wet"}]}"#, "hot; wet"),
        (#"{"errors":[{"message":"hot"}]}"#, "hot"), (#"{"status":"error","message":"hot"}"#, "hot"),
        (#"{"code":500,"msg":"hot"}"#, "hot"), (#"{"Error":{"Message":"x","message":"hot"}}"#, "hot"),
        (#"{"errors":"hot"}"#, "hot"), (#"{"code":500}"#, "the server reported an error with the code 500"),
    ])
    func theServersWordsAreTheFailures(_ text: String, _ message: String) throws {
        for kind in [NEXUS_KIND_CHAT, NEXUS_KIND_EMBEDDINGS, NEXUS_KIND_COUNT_TOKENS, NEXUS_KIND_AUDIO] {
            let exchange = try whole(text, kind)
            #expect(exchange.failure?.message == message && exchange.failure?.kind == NEXUS_FAIL_UPSTREAM)
            #expect(try JSONValue.parse(exchange.failure?.body ?? "")["error"]?["message"]?.string == message)
        }
    }

    @Test(arguments: [UInt32(204), 205])
    func aStatusThatHasNoAnswerIsAFailureWhateverComes(_ status: UInt32) throws {
        for stream in [false, true] {
            let exchange = try answered(stream: stream) { $0.answer(status, json, #"{"choices":[]}"#) }
            #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.written.isEmpty)
        }
    }
}

/// A whole answer becomes a stream.
@Suite struct MadeStreamTests {
    @Test func whatWouldBecomeVeryLargeBecomesNone() {
        let id = JSONValue.string(String(repeating: "i", count: 100_000))
        func events(choices: Int) -> [UInt8]? {
            let choice: JSONValue = ["message": ["content": "a"]]
            let answer: JSONValue = ["id": id, "choices": .array(Array(repeating: choice, count: choices))]
            return WholeStream.events(of: answer, kind: NEXUS_KIND_CHAT)
        }

        #expect(events(choices: 2).map { $0.count > 400_000 } == true)
        #expect(events(choices: 1000) == nil)
    }
}

/// Events are JSON objects, and no errors, or the stream fails.
@Suite struct WholeStreamTests {
    private static let garbage = [
        "garbage", "{", #"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]"#,
        #"{"choices":[{"index":0,"delta":{"content":"a},"finish_reason":null}]}"#,
        #"<html>{"index":0,"delta":{"content":"a long text in it"},"finish_reason":null}</html>"#,
        #"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}{"again":1}"#,
        #"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]} trailing words"#,
        #"{"choices":[{"index":0,"delta":{"content":NaN},"finish_reason":null}],"a":1}"#,
        "[1]", "null", "12", #""text""#, "[DONE", "DONE", "\u{1}",
    ]

    private static let kinds = [
        (NEXUS_KIND_CHAT, chunk("a")), (NEXUS_KIND_COMPLETIONS, chunk("a")),
        (NEXUS_KIND_RESPONSES, #"data: {"type":"response.output_text.delta","delta":"a"}"#),
        (NEXUS_KIND_MESSAGES, #"data: {"type":"content_block_delta","index":0,"delta":{"text":"a"}}"#),
        (NEXUS_KIND_AUDIO, #"data: {"type":"speech.audio.delta","audio":"AAAA"}"#),
    ]

    @Test(arguments: garbage, kinds)
    func anEventThatIsNoObjectFailsBeforeAnythingIsSent(_ garbage: String, _ kind: (UInt32, String)) throws {
        let bytes = transcript([": ping", "event: x\ndata: \(garbage)", kind.1])
        for cut in [nil, 3, 12, bytes.count - 3] {
            let exchange = try streamed(bytes, cut: cut, kind: kind.0)
            #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.written.isEmpty, "\(garbage)")
            #expect(exchange.status == nil && exchange.refused.isEmpty)
        }
    }

    @Test(arguments: garbage, kinds)
    func inTheMiddleItFailsOnceAfterWhatCameBefore(_ garbage: String, _ kind: (UInt32, String)) throws {
        let before = transcript([kind.1, kind.1, kind.1])
        let bytes = before + transcript(["data: \(garbage)", kind.1, finished, "data: [DONE]"])
        for cut in [nil, 1, before.count, before.count + 9] {
            let exchange = try streamed(bytes, cut: cut, kind: kind.0)
            #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.written == before, "\(garbage)")
            #expect(exchange.outcome == nil && exchange.refused.isEmpty)
            guard kind.0 != NEXUS_KIND_AUDIO else { continue }
            #expect(exchange.failure?.completionTokens == 3 && exchange.failure?.isEstimated == true)
        }
    }

    @Test func itFailsAtOnceAndNotWithTheNextPiece() throws {
        try FakeHost.run { host in
            let submitted = try Submitted(host, to: backend(), stream: true)
            submitted.upstream.head(200, eventStream)
            submitted.upstream.body(transcript([chunk("a"), "data: garbage"]))

            #expect(submitted.exchange.failure != nil && submitted.exchange.written == transcript([chunk("a")]))
        }
    }

    @Test(arguments: [
        (
            NEXUS_KIND_CHAT, chunk("a"),
            #"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"error":{"message":"hot"}}"#
        ),
        (
            NEXUS_KIND_CHAT, chunk("a"),
            #"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}],"error":"hot"}"#
        ),
        (
            NEXUS_KIND_CHAT, chunk("a"),
            #"{"object":"error","choices":[{"delta":{},"finish_reason":null}],"message":"hot"}"#
        ),
        (
            NEXUS_KIND_RESPONSES, #"data: {"type":"response.created"}"#,
            #"{"type":"response.output_text.delta","delta":"a","error":{"message":"hot"}}"#
        ),
        (
            NEXUS_KIND_RESPONSES, #"data: {"type":"response.created"}"#,
            #"{"type":"response.completed","response":{},"error":{"message":"hot"}}"#
        ),
        (
            NEXUS_KIND_MESSAGES, #"data: {"type":"message_start"}"#,
            #"{"type":"content_block_delta","delta":{},"error":{"message":"hot"}}"#
        ),
        (
            NEXUS_KIND_AUDIO, #"data: {"type":"speech.audio.delta"}"#,
            #"{"type":"speech.audio.delta","audio":"AA","error":{"message":"hot"}}"#
        ),
    ])
    func anErrorBehindOtherMembersIsFound(_ kind: UInt32, _ first: String, _ event: String) throws {
        let before = transcript([first])
        let later = try streamed(before + transcript(["data: \(event)", "data: [DONE]"]), kind: kind)
        let atOnce = try streamed(transcript(["data: \(event)", "data: [DONE]"]), kind: kind)

        #expect(later.failure?.message == "hot" && later.written == before)
        #expect(atOnce.failure?.message == "hot" && atOnce.written.isEmpty)
    }

    @Test func anErrorThatIsNullIsNone() throws {
        let part = #"data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"error":null}"#
        let bytes = transcript([part, part, finished, "data: [DONE]"])

        #expect(try streamed(bytes).written == bytes)
    }

    @Test(arguments: [
        ("event: error\ndata: {\"message\":\"hot\"}", "hot"), ("data: {\"message\":\"hot\"}\nevent:error", "hot"),
        ("event: error\ndata: {\"error\":\ndata: {\"message\":\"hot\"}}", "hot"),
        ("event: error\ndata: words", UpstreamError.withoutMessage), ("event: error", UpstreamError.withoutMessage),
        (#"data: {"message":"hot","code":500}"#, "hot"), (#"data: {"detail":"hot"}"#, "hot"),
        (#"data: {"errors":[{"message":"hot"}]}"#, "hot"),
        (#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"error","error":{"message":"hot"}}]}"#, "hot"),
        (#"data: {"choices":[{"index":0,"delta":{},"error":{"message":"hot"},"finish_reason":null}]}"#, "hot"),
        (#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}"#, UpstreamError.failedChoice.message),
        (#"data: {"error":{"message":"hot"},"error":null,"choices":[]}"#, "hot"),
        ("Internal Server Error", "the server did not answer with a stream of events"),
        ("upstream error: gone", "the server did not answer with a stream of events"),
    ])
    func whatSaysThatItFailedFails(_ event: String, _ message: String) throws {
        let before = transcript([chunk("a")])
        let bytes = before + transcript([event, chunk("b"), finished, "data: [DONE]"])
        for cut in [nil, 1, before.count, before.count + 3, before.count + event.utf8.count + 1] {
            let exchange = try streamed(bytes, cut: cut)
            #expect(exchange.failure?.message == message && exchange.written == before, "\(event), \(cut ?? 0)")
        }
        let atOnce = try streamed(transcript([event, chunk("b"), finished, "data: [DONE]"]))
        #expect(atOnce.failure?.message == message && atOnce.written.isEmpty)
    }

    @Test(arguments: ["event: errors", "event: x error", "data", "event", "id: error", "data: {}", "   "])
    func whatOnlyLooksLikeItPasses(_ event: String) throws {
        let bytes = transcript([chunk("a"), event, finished, "data: [DONE]"])

        #expect(try streamed(bytes).written == bytes)
    }

    @Test func anEventOfTooManyLinesFails() throws {
        let before = transcript([chunk("a")])
        let exchange = try streamed(before + Array(String(repeating: "data: 1\n", count: 10_001).utf8))

        #expect(exchange.failure?.message.contains("10000 lines") == true && exchange.written == before)
    }

    @Test func theFieldErrorOfOlderServersIsAnError() throws {
        let bytes = transcript([chunk("a"), #"error: {"code":500,"message":"slot failed"}"#])
        let exchange = try streamed(bytes)

        #expect(exchange.failure?.message == "slot failed" && exchange.written == transcript([chunk("a")]))
    }

    @Test(arguments: [
        (#"{"error":{"message":"hot"}}"#, "hot"),
        ("<html>", "the server did not answer with a stream of events"),
    ])
    func whatStandsWhereAnEventShouldBeFails(_ line: String, _ message: String) throws {
        let atOnce = try streamed(transcript([line]))
        let later = try streamed(transcript([chunk("a"), line, finished, "data: [DONE]"]))

        #expect(atOnce.failure?.message == message && atOnce.written.isEmpty)
        #expect(later.failure?.message == message && later.written == transcript([chunk("a")]))
    }

    @Test func aCountFromBeforeTheTextIsNotTheLastWord() throws {
        let start = #"data: {"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1}}}"#
        let delta = #"data: {"type":"content_block_delta","index":0,"delta":{"text":"a"}}"#
        let exchange = try streamed(
            transcript([start, delta, delta, delta]), kind: NEXUS_KIND_MESSAGES, end: NEXUS_HTTP_CLOSED)

        #expect(exchange.failure?.promptTokens == 9 && exchange.failure?.completionTokens == 3)
        #expect(exchange.failure?.isEstimated == true)
    }

    @Test func usageBehindALongImageIsFound() throws {
        let image =
            #"data: {"type":"image_generation.completed","b64_json":"\#(String(repeating: "A", count: 500_000))","usage":{"input_tokens":5,"output_tokens":6}}"#
        let exchange = try streamed(transcript([image]), kind: NEXUS_KIND_IMAGES)

        #expect(exchange.outcome?.prompt_tokens == 5 && exchange.outcome?.completion_tokens == 6)
    }

    @Test func anErrorBehindALongImageIsFound() throws {
        let image =
            #"data: {"type":"x","b64_json":"\#(String(repeating: "A", count: 500_000))","error":{"message":"hot"}}"#

        #expect(try streamed(transcript([image]), kind: NEXUS_KIND_IMAGES).failure?.message == "hot")
    }

    @Test func usageInFrontOfTheChoicesIsFound() throws {
        let counted =
            #"data: {"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11},"choices":[{"index":0,"delta":{"content":"a"},"logprobs":null,"finish_reason":null}]}"#
        let exchange = try streamed(transcript([chunk("a"), counted]), end: NEXUS_HTTP_CLOSED)

        #expect(exchange.failure?.promptTokens == 9 && exchange.failure?.completionTokens == 2)
        #expect(exchange.failure?.isEstimated == false)
    }

    @Test(arguments: [NEXUS_HTTP_CLOSED, NEXUS_HTTP_TIMED_OUT, NEXUS_HTTP_GARBAGE, NEXUS_HTTP_COMPLETE])
    func aStreamThatBreaksTellsHowManyPiecesCame(_ end: UInt32) throws {
        let exchange = try streamed(transcript([chunk("a"), chunk("b"), chunk("c")]), end: end)

        #expect(exchange.failure?.completionTokens == 3 && exchange.failure?.isEstimated == true)
        #expect(exchange.failure?.promptTokens == 0)
    }

    @Test func aStreamThatFailsBeforeItsFirstPieceTellsNone() throws {
        let failure = try streamed(transcript([": ping"]), end: NEXUS_HTTP_CLOSED).failure

        #expect(failure?.completionTokens == 0 && failure?.isEstimated == false)
    }

    /// The server itself has said that the answer is whole: no connection that breaks and no process that dies says that.
    @Test func theEndMarkEndsAStreamWellThoughNoReasonWasGiven() throws {
        let bytes = transcript([chunk("a"), chunk("b"), "data: [DONE]"])
        let exchange = try streamed(bytes)

        #expect(exchange.written == bytes && exchange.outcome?.completion_tokens == 2)
    }

    @Test func aPageIsNoStreamHoweverLongItIs() throws {
        let page = Array(String(repeating: "<p>This server is being worked on.</p>\n\n", count: 5000).utf8)
        let exchange = try answered(stream: true) { upstream in
            upstream.head(200, [("content-type", "text/html")])
            for start in stride(from: 0, to: page.count, by: 1000) {
                upstream.body(page[start..<min(page.count, start + 1000)])
            }
            upstream.end()
        }

        #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.written.isEmpty)
    }

    @Test func soundWithoutASingleEventIsNone() throws {
        #expect(try streamed(Array(": ping\n\n".utf8), kind: NEXUS_KIND_AUDIO).failure?.kind == NEXUS_FAIL_UPSTREAM)
    }
}

/// Figures beyond all measure do no harm.
@Suite struct FigureTests {
    private let absurd = [
        "9007199254740993", "18446744073709551616", "-1", "1e300", "-9223372036854775808", "0.5", "\"7\"",
    ]

    @Test func absurdCountsAreUnknown() throws {
        for figure in absurd {
            let usage = try UsageScan.usage(
                JSONValue.parse(
                    #"{"prompt_tokens":\#(figure),"completion_tokens":\#(figure),"cache_read_input_tokens":\#(figure)}"#
                ))
            #expect(usage.prompt == nil && usage.completion == nil, "\(figure)")
            let timings = try UsageScan.timings(
                JSONValue.parse(
                    #"{"prompt_n":\#(figure),"cache_n":\#(figure),"prompt_ms":\#(figure),"predicted_ms":1e308}"#))
            #expect(timings.prompt == nil && timings.completionMicroseconds == 0, "\(figure)")
        }
    }

    @Test func theLargestCountsAreAdded() throws {
        let largest = "9007199254740992"
        let usage = try UsageScan.usage(
            JSONValue.parse(
                #"{"input_tokens":\#(largest),"cache_read_input_tokens":\#(largest),"cache_creation_input_tokens":\#(largest)}"#
            ))

        #expect(usage.prompt == 3 << 53)
        #expect(UInt64.saturatingSum(.max, 1) == .max && UInt64.saturatingSum(1, 2) == 3)
    }

    @Test(arguments: ["1e308", "-1e308", "inf", "nan", "1e400", "-5"])
    func absurdLoadsAreBounded(_ figure: String) {
        let line = "vllm:num_requests_running{a=\"b\"} \(figure)\n"
        var load = ReportedLoad()
        LoadSignals.apply(metrics: Array(String(repeating: line, count: 3).utf8), to: &load)

        #expect((load.running ?? 0) <= 1_000_000_000)
    }

    @Test func absurdFiguresOfAModelAreUnknown() throws {
        for figure in absurd {
            let list = try JSONValue.parse(
                #"{"data":[{"id":"m","created":\#(figure),"max_model_len":\#(figure),"meta":{"size":\#(figure)}}]}"#)
            let model = ModelList.parse(list)?.models.first
            #expect(model?.created == 0 && model?.contextLength == 0 && model?.size == 0, "\(figure)")
        }
    }

    @Test(
        arguments: [
            ("18446744073709551615", UInt32.max), ("-1", 0), ("4294967295", UInt32.max), ("86401", 86_401_000),
            ("tomorrow", 0), ("", 0),
        ] as [(String, UInt32)])
    func anAbsurdDelayIsNoneAndALongOneIsBounded(_ seconds: String, _ milliseconds: UInt32) throws {
        let exchange = try answered { $0.answer(429, [("retry-after", seconds)], #"{"error":{"message":"slow"}}"#) }

        #expect(exchange.failure?.retryAfter == milliseconds)
    }
}
