import PluginAPI
import Testing

@testable import FakeHost
@testable import Ollama

/// The events of a stream of chunks as JSON; the end mark as a string.
private func events(_ exchange: FakeHost.Exchange) throws -> [JSONValue] {
    try exchange.text.split(separator: "\n\n").map { event in
        let data = event.dropFirst("data: ".count)
        return data == "[DONE]" ? "[DONE]" : try JSONValue.parse(String(data))
    }
}

@Suite struct StreamingChatTests {
    private let lines = Array(
        #"""
        {"created_at":"2026-01-02T03:04:05Z","message":{"role":"assistant","content":"Hé"},"done":false}
        {"created_at":"2026-01-02T03:04:06Z","message":{"content":"llo"},"done":false}
        {"created_at":"2026-01-02T03:04:07Z","message":{"content":""},"done":true,"done_reason":"length","prompt_eval_count":5,"eval_count":2}

        """#.utf8)

    @Test func theStreamIsTheSameWhereverTheLinesAreCut() throws {
        let reference = try answered(stream: true, includeUsage: true) { upstream in
            upstream.head(200)
            upstream.body(lines)
            upstream.end()
        }
        #expect(reference.outcome?.prompt_tokens == 5)
        for cut in 0...lines.count {
            let exchange = try answered(stream: true, includeUsage: true) { upstream in
                upstream.head(200)
                upstream.body(lines[..<cut])
                upstream.body(lines[cut...])
                upstream.end()
            }
            #expect(exchange.text == reference.text && exchange.outcome?.completion_tokens == 2, "cut at \(cut)")
            #expect(exchange.refused.isEmpty)
        }
    }

    @Test func chunksHaveOpenAIsShape() throws {
        let exchange = try answered(stream: true, includeUsage: true) {
            $0.answer(200, [], String(decoding: lines, as: UTF8.self))
        }
        let events = try events(exchange)

        #expect(events[0]["choices"]?[0]?["delta"] == ["role": "assistant", "content": ""])
        #expect(events[1]["choices"]?[0]?["delta"] == ["content": "Hé"])
        #expect(events[2]["choices"]?[0]?["delta"] == ["content": "llo"])
        #expect(events[3]["choices"]?[0]?["finish_reason"] == "length")
        #expect(events[4]["usage"] == ["prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7])
        #expect(events[4]["choices"] == [])
        #expect(events[5] == "[DONE]" && events.count == 6)
        #expect(Set(events.dropLast().map { $0["id"]?.string }) == ["chatcmpl-r1"])
        #expect(Set(events.dropLast().map { $0["created"]?.int }) == [1_767_323_045])
    }

    @Test func withoutBeingAskedThereIsNoUsageChunk() throws {
        let exchange = try answered(stream: true) { $0.answer(200, [], String(decoding: lines, as: UTF8.self)) }

        #expect(!exchange.text.contains("usage") && exchange.outcome?.completion_tokens == 2)
    }

    @Test func anErrorInTheMiddleFailsAfterWhatCameBefore() throws {
        let exchange = try answered(stream: true) { upstream in
            upstream.head(200)
            upstream.body(#"{"message":{"content":"a"},"done":false}"#.utf8)
            upstream.body("\n{\"error\":\"the runner has stopped\"}\n".utf8)
            upstream.end()
        }

        #expect(exchange.failure?.message == "the runner has stopped" && exchange.text.contains(#""content":"a""#))
        #expect(!exchange.text.contains("[DONE]") && exchange.outcome == nil)
    }

    @Test func aStreamThatEndsEarlyFails() throws {
        for end in [NEXUS_HTTP_COMPLETE, NEXUS_HTTP_CLOSED] {
            let exchange = try answered(stream: true) { upstream in
                upstream.head(200)
                upstream.body(lines[..<100])
                upstream.end(end, "closed")
            }
            #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && !exchange.text.contains("[DONE]"))
        }
    }

    @Test func theLastLineEndsTheExchangeBeforeTheBodyEnds() throws {
        let exchange = try answered(stream: true) { upstream in
            upstream.head(200)
            upstream.body(lines)
        }

        #expect(exchange.outcome?.completion_tokens == 2)
    }

    @Test func whatFollowsTheLastLineIsNotLookedAt() throws {
        let exchange = try answered(stream: true) { $0.answer(200, [], String(decoding: lines, as: UTF8.self) + "x\n") }

        #expect(exchange.outcome != nil && exchange.refused.isEmpty && exchange.text.hasSuffix("data: [DONE]\n\n"))
    }

    @Test func aLastLineWithoutItsEndCounts() throws {
        let exchange = try answered(stream: true) {
            $0.answer(200, [], String(decoding: lines.dropLast(), as: UTF8.self))
        }

        #expect(exchange.outcome != nil && exchange.text.hasSuffix("data: [DONE]\n\n"))
    }

    @Test func anErrorOnTheFirstLineSendsNothing() throws {
        let exchange = try answered(stream: true) { $0.answer(200, [], "{\"error\":\"no\"}\n") }

        #expect(exchange.status == nil && exchange.failure?.kind == NEXUS_FAIL_UPSTREAM)
        #expect(exchange.failure?.message == "no")
    }

    @Test func aStreamThatBreaksOffInsideALineIsToldByItsEnd() throws {
        let exchange = try answered(stream: true) { upstream in
            upstream.head(200)
            upstream.body(lines[..<30])
            upstream.end(NEXUS_HTTP_CLOSED, "o:11434 closed the connection")
        }

        #expect(exchange.failure?.message == "o:11434 closed the connection")
    }

    @Test func anAnswerThatEndsBecauseOfAnErrorFails() throws {
        let exchange = try answered(stream: true) {
            $0.answer(200, [], #"{"message":{"content":"a"},"done":true,"done_reason":"error"}"#)
        }

        #expect(exchange.outcome == nil && exchange.failure?.message.contains("because of an error") == true)
    }

    @Test func theTimesOfTheServerAreTold() throws {
        let exchange = try answered(stream: true) {
            $0.answer(
                200, [], #"{"message":{"content":"a"},"done":true,"prompt_eval_duration":2000,"eval_duration":7000}"#)
        }

        #expect(exchange.outcome?.prompt_us == 2 && exchange.outcome?.completion_us == 7)
    }

    @Test func garbageIsAFailure() throws {
        let exchange = try answered(stream: true) { $0.answer(200, [], "<html>\n") }

        #expect(exchange.failure?.message == StreamLine.garbled && exchange.written.isEmpty)
    }

    @Test func toolCallsAreNumberedThroughTheStream() throws {
        let call =
            #"{"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{"x":1},"index":0}}]},"done":false}"#
        let exchange = try answered(stream: true) {
            $0.answer(200, [], call + "\n" + call + "\n" + #"{"message":{"content":""},"done":true}"#)
        }
        let calls = try events(exchange).compactMap { $0["choices"]?[0]?["delta"]?["tool_calls"]?[0] }

        #expect(calls.map { $0["index"]?.int } == [0, 1] && Set(calls.map { $0["id"]?.string }).count == 2)
        #expect(calls[0]["function"]?["arguments"] == #"{"x":1}"#)
        #expect(exchange.text.contains(#""finish_reason":"tool_calls""#))
    }
}

@Suite struct ToolCallIDTests {
    private static let answer =
        #"{"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":true}"#

    /// A client may send all requests of a conversation under one id.
    @Test(arguments: [false, true]) func noTwoAnswersToRequestsOfOneIDShareOne(_ stream: Bool) throws {
        let ids = try (0..<20).map { _ in
            let text = try answered(stream: stream) { $0.answer(200, [], Self.answer) }.text
            let start = try #require(text.firstRange(of: #""id":"call_"#))
            return String(text[start.upperBound...].prefix { $0 != "\"" })
        }

        #expect(Set(ids).count == 20 && ids.allSatisfy { $0.utf8.count <= 40 })
    }
}

@Suite struct UnaryChatTests {
    @Test(
        arguments: [
            (400, NEXUS_FAIL_REJECTED), (404, NEXUS_FAIL_UNSUPPORTED), (503, NEXUS_FAIL_BUSY),
            (429, NEXUS_FAIL_BUSY), (500, NEXUS_FAIL_UPSTREAM), (402, NEXUS_FAIL_BUSY),
        ] as [(UInt32, UInt32)])
    func anErrorStatusFailsInOpenAIsShape(_ status: UInt32, _ kind: UInt32) throws {
        for stream in [true, false] {
            let exchange = try answered(stream: stream) { $0.answer(status, [], #"{"error":"model 'x' not found"}"#) }
            let failure = try #require(exchange.failure)

            #expect(failure.kind == kind && failure.message == "model 'x' not found" && exchange.written.isEmpty)
            #expect(try JSONValue.parse(failure.body)["error"]?["message"] == "model 'x' not found")
        }
    }

    @Test func nothingOfARefusedKeyIsPassedOn() throws {
        let failure = try answered(stream: false) { $0.answer(401, [], #"{"error":"bad key sk-secret"}"#) }.failure

        #expect(failure?.kind == NEXUS_FAIL_AUTH && failure?.body == "" && failure?.message.contains("sk-") == false)
    }

    @Test(arguments: [("7", 7000), ("soon", 0), ("100000", 100_000_000)] as [(String, UInt32)], [false, true])
    func whenToComeBackIsPassedOn(_ told: (String, UInt32), _ stream: Bool) throws {
        let exchange = try answered(stream: stream) {
            $0.answer(429, [("Retry-After", told.0)], #"{"error":"busy"}"#)
        }

        #expect(exchange.failure?.kind == NEXUS_FAIL_BUSY && exchange.failure?.retryAfter == told.1)
    }

    @Test func aWholeAnswerIsSentOnce() throws {
        let exchange = try answered(stream: false) {
            $0.answer(200, [], #"{"message":{"content":"hi"},"done":true,"eval_count":1}"#)
        }

        #expect(exchange.status == 200 && exchange.writes == 1 && exchange.outcome?.completion_tokens == 1)
        #expect(try JSONValue.parse(exchange.text)["choices"]?[0]?["message"]?["content"] == "hi")
    }

    @Test(arguments: [#"{"error":"boom"}"#, "not json", #"{"message":{"content":"x"},"done":false}"#, ""])
    func whatIsNoAnswerIsAFailure(_ body: String) throws {
        let exchange = try answered(stream: false) { $0.answer(200, [], body) }

        #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.written.isEmpty)
    }

    @Test(arguments: [false, true])
    func whatWasLeftOutIsToldTheClient(_ stream: Bool) throws {
        let body = #"{"model":"m","messages":[{"role":"user","content":"x"}],"logit_bias":{"1":2}}"#
        let exchange = try answered(stream: stream, body: body) {
            $0.answer(200, [], #"{"message":{"content":"x"},"done":true}"#)
        }

        #expect(exchange.warning == "logit_bias was ignored: Ollama does not offer it.")
    }

    @Test(
        arguments: [
            (404, "404 page not found"), (405, "405 method not allowed"), (404, ""), (404, #"{"detail":"Not Found"}"#),
            (404, "<html><title>404 Not Found</title><center>nginx</center></html>"), (404, "404: Not found."),
        ] as [(UInt32, String)])
    func aPathThatIsNotThereIsNoMissingModel(_ status: UInt32, _ body: String) throws {
        let failure = try #require(try answered(stream: false) { $0.answer(status, [], body) }.failure)

        #expect(failure.kind == NEXUS_FAIL_UNSUPPORTED && failure.status == 501 && failure.body.isEmpty)
        #expect(failure.message.hasPrefix("the server does not know this request: it answered \(status)"))
        #expect(failure.message.contains("url"))
    }

    @Test func aMissingModelIsCalledByOpenAIsCode() throws {
        let failure = try #require(
            try answered(stream: false) { $0.answer(404, [], #"{"error":"model 'x' not found"}"#) }.failure)

        #expect(try JSONValue.parse(failure.body)["error"]?["code"] == "model_not_found")
    }

    @Test func aCompletionIsAskedForAtGenerate() throws {
        let exchange = try answered(
            stream: true, kind: NEXUS_KIND_COMPLETIONS, body: #"{"model":"m","prompt":"a","stream":true}"#
        ) { upstream in
            #expect(upstream.path == "/api/generate")
            upstream.answer(200, [], "{\"response\":\"b\",\"done\":false}\n{\"response\":\"\",\"done\":true}\n")
        }

        #expect(exchange.text.contains(#""text":"b""#) && exchange.text.hasSuffix("data: [DONE]\n\n"))
    }

    @Test func aRequestThatCannotBeTranslatedNeverReachesTheServer() throws {
        let exchange = try answered(stream: false, body: #"{"model":"m","messages":"x"}"#) { _ in
            Issue.record("the server was asked")
        }

        #expect(exchange.failure?.kind == NEXUS_FAIL_REJECTED)
    }

    @Test func aLargeRequestIsTranslatedAwayFromTheEventLoop() throws {
        let text = String(repeating: "x", count: 100_000)
        try FakeHost.run { host in
            let task = submit(
                to: try backend(), host, body: #"{"model":"m","messages":[{"role":"user","content":"\#(text)"}]}"#)
            #expect(host.requests.isEmpty)
            host.turn()
            let upstream = try #require(host.requests.last)
            #expect(upstream.path == "/api/chat" && upstream.body.contains(text))
            upstream.answer(200, [], #"{"message":{"content":"hi"},"done":true}"#)
            #expect(host.exchanges[task]?.text.contains("hi") == true)
        }
    }

    @Test func aRequestOfTooManyValuesIsRefused() throws {
        let many = Array(repeating: "1", count: 600_000).joined(separator: ",")
        let exchange = try answered(stream: false, body: #"{"model":"m","messages":[\#(many)]}"#) { _ in
            Issue.record("the server was asked")
        }

        #expect(exchange.failure?.kind == NEXUS_FAIL_REJECTED)
        #expect(exchange.failure?.message.contains("too many values") == true)
    }

    @Test func embeddingsOfManyMegabytesArriveWhole() throws {
        let vector = Array(repeating: "0.12345678", count: 1_800_000).joined(separator: ",")
        let exchange = try answered(stream: false, kind: NEXUS_KIND_EMBEDDINGS, body: #"{"model":"m","input":"x"}"#) {
            $0.answer(200, [], #"{"embeddings":[[\#(vector)]]}"#)
        }

        #expect(exchange.refused.isEmpty && exchange.written.count > 16 * 1024 * 1024)
        #expect(exchange.text.hasSuffix("}"))
    }
}
