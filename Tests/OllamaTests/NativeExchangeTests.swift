import PluginAPI
import Testing

@testable import FakeHost
@testable import Ollama

/// A chat of a client that speaks Ollama's API.
private let chat = #"{"model":"m", "messages":[{"role":"user","content":"hi"}],"options":{"seed":1}}"#

private func passed(
    stream: Bool, path: String = "/api/chat", options: String = "{}", body: String = chat,
    _ play: (FakeHost.Request) -> Void
) throws -> FakeHost.Exchange {
    try answered(stream: stream, kind: NEXUS_KIND_OLLAMA, path: path, options: options, body: body, play)
}

@Suite struct NativeRequestTests {
    @Test(arguments: ["/api/chat", "/api/generate", "/api/embed", "/api/embeddings"])
    func theClientsOwnBytesGoToTheSamePath(_ path: String) throws {
        _ = try passed(stream: false, path: path) { upstream in
            #expect(upstream.path == path && upstream.method == "POST")
            #expect(upstream.sendsExchangeBody && upstream.body.isEmpty)
            #expect(upstream.headers["x-request-id"] == "r1" && upstream.headers["content-type"] == "application/json")
        }
    }

    @Test func whatTheOperatorWantsIsAddedWhereTheClientDoesNotSay() throws {
        let options = #"{"num_ctx":8192,"keep_alive":"1h","think":false}"#
        _ = try passed(stream: true, options: options) { upstream in
            #expect(!upstream.sendsExchangeBody)
            #expect(
                upstream.body
                    == #"{"model":"m","messages":[{"role":"user","content":"hi"}],"options":{"seed":1,"num_ctx":8192},"keep_alive":"1h","think":false}"#
            )
        }
    }

    @Test func embeddingsDoNotThink() throws {
        let body = #"{"model":"m","input":"x"}"#
        _ = try passed(stream: false, path: "/api/embed", options: #"{"num_ctx":512,"think":false}"#, body: body) {
            #expect($0.body == #"{"model":"m","input":"x","options":{"num_ctx":512}}"#)
        }
    }

    @Test func aRequestThatSaysItAllIsNotTouched() throws {
        let body = #"{"model":"m","options":{"num_ctx":1},"keep_alive":0,"think":true,"messages":[]}"#
        _ = try passed(stream: false, options: #"{"num_ctx":8192,"keep_alive":"1h","think":false}"#, body: body) {
            #expect($0.sendsExchangeBody)
        }
    }

    @Test func optionsThatAreNoneAreLeftForTheServerToRefuse() throws {
        _ = try passed(stream: false, options: #"{"num_ctx":8192}"#, body: #"{"model":"m","options":"x"}"#) {
            #expect($0.sendsExchangeBody)
        }
    }
}

@Suite struct NativeAnswerTests {
    private let lines = Array(
        #"""
        {"message":{"content":"Hé"},"done":false}
        {"message":{"content":"llo"}, "done":false}
        {"message":{"content":""},"done":true,"done_reason":"stop","prompt_eval_count":5,"eval_count":2,"eval_duration":9000}

        """#.utf8)

    @Test func aStreamGoesThroughUnchangedWhereverItIsCut() throws {
        for cut in 0...lines.count {
            let exchange = try passed(stream: true) { upstream in
                upstream.head(200)
                upstream.body(lines[..<cut])
                upstream.body(lines[cut...])
                upstream.end()
            }
            #expect(exchange.written == lines && exchange.refused.isEmpty, "cut at \(cut)")
            #expect(exchange.outcome?.prompt_tokens == 5 && exchange.outcome?.completion_tokens == 2)
            #expect(exchange.outcome?.completion_us == 9 && exchange.outcome?.flags == 0)
        }
    }

    @Test func aStreamGoesThroughUnchangedByteForByte() throws {
        let exchange = try passed(stream: true) { upstream in
            upstream.head(200)
            for byte in lines { upstream.body([byte]) }
        }

        #expect(exchange.written == lines && exchange.outcome != nil)
    }

    @Test func theFirstLineIsNotKeptBack() {
        FakeHost.run { host in
            let task = host.newTask()
            let handler = NativeStreamHandler(ExchangeTask(handle: task, host: Host(FakeHost.table)))
            var head = nexus_http_head()
            head.status = 200
            handler.head(head)
            let first = Array("{\"response\":\"a\",\"done\":false}\n{\"resp".utf8)
            first.withUnsafeBytes { handler.body($0) }

            #expect(host.exchanges[task]?.text == "{\"response\":\"a\",\"done\":false}\n")
        }
    }

    @Test func anEmptyLineBeforeTheFirstCommitsToNothing() throws {
        let failed = try passed(stream: true) { $0.answer(200, [], "\n \n{\"error\":\"no\"}\n") }
        let good = try passed(stream: true) { upstream in
            upstream.head(200)
            upstream.body(" ".utf8)
            upstream.body("\n\n".utf8)
            upstream.body(lines)
        }

        #expect(failed.status == nil && failed.failure?.message == "no")
        #expect(good.written == lines)
    }

    @Test func severalLinesInOnePieceGoOnInOne() throws {
        let exchange = try passed(stream: true) { $0.answer(200, [], String(decoding: lines, as: UTF8.self)) }

        #expect(exchange.writes == 1)
    }

    @Test func anErrorInTheMiddleFailsAfterWhatCameBeforeAndIsNotPassedOn() throws {
        let good = #"{"message":{"content":"a"},"done":false}"# + "\n"
        for cut in [0, 5, good.utf8.count, good.utf8.count + 5] {
            let whole = Array((good + #"{"error":"the runner has stopped"}"# + "\n").utf8)
            let exchange = try passed(stream: true) { upstream in
                upstream.head(200)
                upstream.body(whole[..<cut])
                upstream.body(whole[cut...])
                upstream.end()
            }

            #expect(exchange.text == good && exchange.outcome == nil, "cut at \(cut)")
            #expect(exchange.failure?.body == #"{"error":"the runner has stopped"}"#)
        }
    }

    @Test func anErrorOnTheFirstLineSendsNothing() throws {
        let exchange = try passed(stream: true) { $0.answer(200, [], "{\"error\":\"no\"}\n") }

        #expect(exchange.status == nil && exchange.failure?.kind == NEXUS_FAIL_UPSTREAM)
    }

    @Test(arguments: [NEXUS_HTTP_COMPLETE, NEXUS_HTTP_CLOSED])
    func aStreamThatEndsWithoutItsLastLineFails(_ end: UInt32) throws {
        let exchange = try passed(stream: true) { upstream in
            upstream.head(200)
            upstream.body(lines[..<60])
            upstream.end(end, "closed")
        }

        #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.text.hasSuffix("\n"))
        let reason = end == NEXUS_HTTP_CLOSED ? "closed" : "Ollama closed the stream before it was finished"
        #expect(exchange.failure?.message == reason)
    }

    @Test func aLastLineWithoutItsEndCounts() throws {
        let exchange = try passed(stream: true) {
            $0.answer(200, [], String(decoding: lines.dropLast(), as: UTF8.self))
        }

        #expect(exchange.outcome?.prompt_tokens == 5 && exchange.written == lines)
    }

    @Test func withoutCountsThePiecesAreCounted() throws {
        let piece = #"{"response":"a","done":false}"# + "\n"
        let exchange = try passed(stream: true, path: "/api/generate") {
            $0.answer(200, [], piece + piece + #"{"response":"","done":true}"# + "\n")
        }

        #expect(exchange.outcome?.completion_tokens == 2 && exchange.outcome?.flags == NEXUS_OUTCOME_ESTIMATED)
        #expect(exchange.outcome?.prompt_tokens == UInt64.max)
    }

    @Test func aWholeAnswerGoesThroughUnchanged() throws {
        let body = #"{ "model":"m", "message":{"content":"hi"}, "done":true, "eval_count":1 }"#
        let exchange = try passed(stream: false) { $0.answer(200, [], body) }

        #expect(exchange.text == body && exchange.outcome?.completion_tokens == 1 && exchange.contentType.isEmpty)
    }

    @Test func embeddingsAreNeverDone() throws {
        let body = #"{"embeddings":[[1.0,2]],"prompt_eval_count":3}"#
        let exchange = try passed(stream: true, path: "/api/embed") { $0.answer(200, [], body) }

        #expect(exchange.text == body && exchange.outcome?.prompt_tokens == 3)
    }

    @Test func aWholeAnswerThatIsNotDoneFails() throws {
        let exchange = try passed(stream: false) { $0.answer(200, [], #"{"message":{},"done":false}"#) }

        #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.status == nil)
    }

    @Test(
        arguments: [
            (404, NEXUS_FAIL_UNSUPPORTED), (400, NEXUS_FAIL_REJECTED), (503, NEXUS_FAIL_BUSY),
            (500, NEXUS_FAIL_UPSTREAM),
        ] as [(UInt32, UInt32)], [false, true])
    func anErrorStatusFailsInOllamasShape(_ answer: (UInt32, UInt32), _ stream: Bool) throws {
        let exchange = try passed(stream: stream) { $0.answer(answer.0, [], #"{"error":"model 'm' not found"}"#) }

        #expect(exchange.failure?.kind == answer.1 && exchange.failure?.status == answer.0)
        #expect(exchange.failure?.body == #"{"error":"model 'm' not found"}"#)
    }
}
