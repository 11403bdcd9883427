import PluginAPI
import Testing

@testable import FakeHost
@testable import OpenAICompat

@Suite struct StreamTests {
    private let whole = transcript([
        ": a comment", chunk("Hel"), chunk("lo {\\\"usage\\\":1} \\n"), finished, usage, "data: [DONE]",
    ])

    @Test(arguments: ["\n\n", "\r\n\r\n", "\r\r"])
    func theBytesReachTheClientUnchangedWhereverTheyAreCut(_ separator: String) throws {
        let bytes = transcript([chunk("a"), chunk("é"), finished, usage, "data: [DONE]"], separator: separator)
        for cut in 0...bytes.count {
            let exchange = try answered(stream: true) { upstream in
                upstream.head(200, eventStream)
                upstream.body(bytes[..<cut])
                upstream.body(bytes[cut...])
                upstream.end()
            }
            #expect(exchange.written == bytes, "cut at \(cut)")
            #expect(exchange.outcome?.prompt_tokens == 11 && exchange.outcome?.completion_tokens == 7, "cut at \(cut)")
            #expect(exchange.outcome?.cached_tokens == 4 && exchange.refused.isEmpty, "cut at \(cut)")
            #expect(exchange.contentType == "text/event-stream; charset=utf-8", "as the server wrote it")
        }
    }

    @Test func byteAfterByteIsTheSameStream() throws {
        let exchange = try answered(stream: true) { upstream in
            upstream.head(200, eventStream)
            for byte in whole { upstream.body([byte]) }
            upstream.end()
        }

        #expect(exchange.written == whole && exchange.outcome?.completion_tokens == 7)
    }

    @Test func eventsAreSentAsTheyCome() throws {
        try FakeHost.run { host in
            let submitted = try Submitted(host, to: backend(), stream: true)
            submitted.upstream.head(200, eventStream)
            submitted.upstream.body(transcript([chunk("one")]))
            #expect(submitted.exchange.written == transcript([chunk("one")]))
            submitted.upstream.body(transcript([chunk("two")]))
            #expect(submitted.exchange.written == transcript([chunk("one"), chunk("two")]))
            #expect(!submitted.exchange.isOver)
        }
    }

    @Test func theEndMarkEndsTheExchangeBeforeTheBodyEnds() throws {
        try FakeHost.run { host in
            let submitted = try Submitted(host, to: backend(), stream: true)
            submitted.upstream.head(200, eventStream)
            submitted.upstream.body(transcript([chunk("a"), finished, usage]))
            submitted.upstream.body("data: [DONE]\n".utf8)
            #expect(!submitted.exchange.isOver)
            submitted.upstream.body("\n: more\n\n".utf8)
            #expect(submitted.exchange.outcome?.completion_tokens == 7)
            #expect(submitted.exchange.text.hasSuffix("data: [DONE]\n\n"))
            submitted.upstream.end()
            #expect(submitted.exchange.refused.isEmpty)
        }
    }

    @Test func aStreamThatEndsWithoutItsMarkGetsOne() throws {
        let exchange = try answered(stream: true) { upstream in
            upstream.head(200, eventStream)
            upstream.body(transcript([chunk("a"), finished]))
            upstream.end()
        }

        #expect(exchange.text.hasSuffix("data: [DONE]\n\n") && exchange.outcome != nil)
    }

    @Test func aStreamThatEndsBeforeItIsFinishedFailsAndGetsNoMark() throws {
        for end in [NEXUS_HTTP_COMPLETE, NEXUS_HTTP_CLOSED, NEXUS_HTTP_TIMED_OUT] {
            let exchange = try answered(stream: true) { upstream in
                upstream.head(200, eventStream)
                upstream.body(transcript([chunk("a")]))
                upstream.end(end, "the connection was closed")
            }
            #expect(exchange.failure != nil && exchange.outcome == nil)
            #expect(!exchange.text.contains("[DONE]"))
        }
    }

    @Test func noUsageIsCountedFromThePiecesAndSaidToBeSo() throws {
        let exchange = try answered(stream: true) { upstream in
            upstream.head(200, eventStream)
            upstream.body(transcript([chunk(""), chunk("a"), chunk("b"), finished, "data: [DONE]"]))
            upstream.end()
        }

        #expect(exchange.outcome?.prompt_tokens == UInt64.max && exchange.outcome?.completion_tokens == 2)
        #expect(exchange.outcome?.flags == NEXUS_OUTCOME_ESTIMATED)
    }

    @Test func anErrorAsFirstEventFailsBeforeAnythingIsWritten() throws {
        let error = #"data: {"error":{"message":"out of memory","type":"server_error","code":500}}"#
        let bytes = transcript([": ping", error])
        for cut in 0...bytes.count {
            let exchange = try answered(stream: true) { upstream in
                upstream.head(200, eventStream)
                upstream.body(bytes[..<cut])
                upstream.body(bytes[cut...])
                upstream.end()
            }
            #expect(exchange.written.isEmpty && exchange.failure?.message == "out of memory", "cut at \(cut)")
            #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.failure?.status == 500)
        }
    }

    @Test func anErrorInTheMiddleFailsAfterTheEventsBeforeIt() throws {
        let before = transcript([chunk("a"), chunk("b")])
        let bytes = before + transcript([#"data: {"error":{"message":"gone","code":503}}"#, "data: [DONE]"])
        for cut in 0...bytes.count {
            let exchange = try answered(stream: true) { upstream in
                upstream.head(200, eventStream)
                upstream.body(bytes[..<cut])
                upstream.body(bytes[cut...])
                upstream.end()
            }
            #expect(exchange.failure?.message == "gone" && exchange.written == before, "cut at \(cut)")
        }
    }

    @Test func aStreamThatBreaksEndsWithItsLastWholeEvent() throws {
        let events = [chunk("a"), chunk("b"), finished].map { transcript([$0]) }
        let bytes = Array(events.joined())
        for cut in 1..<bytes.count {
            let exchange = try answered(stream: true) { upstream in
                upstream.head(200, eventStream)
                upstream.body(bytes[..<cut])
                upstream.end(NEXUS_HTTP_CLOSED, "closed")
            }
            var whole: [UInt8] = []
            for event in events {
                guard whole.count + event.count <= cut else { break }
                whole += event
            }
            #expect(exchange.written == whole && exchange.failure != nil, "cut at \(cut)")
        }
    }

    @Test(arguments: ["", "\n", "\n\n"])
    func aLastEventWithoutItsEndGetsOne(_ ending: String) throws {
        for last in [finished, "data: [DONE]"] {
            let exchange = try answered(stream: true) { upstream in
                upstream.head(200, eventStream)
                upstream.body(transcript([chunk("a"), finished]) + Array((last + ending).utf8))
                upstream.end()
            }
            let events = exchange.text.split(separator: "\n\n").map { $0.trimmingPrefix("\n") }
            #expect(exchange.outcome != nil && events.last == "data: [DONE]" && events[0] == chunk("a"), "\(events)")
            #expect(events.filter { $0 == "data: [DONE]" }.count == 1 && exchange.text.hasSuffix("\n\n"))
        }
    }

    @Test func anEventThatIsCutOffAfterTheFinishIsAFailure() throws {
        let exchange = try answered(stream: true) { upstream in
            upstream.head(200, eventStream)
            upstream.body(transcript([chunk("a"), finished]) + Array(#"data: {"choices":[],"usa"#.utf8))
            upstream.end()
        }

        #expect(exchange.failure != nil && !exchange.text.contains("usa"))
    }

    @Test func anEndMarkAloneIsNoAnswer() throws {
        let exchange = try answered(stream: true) { upstream in
            upstream.head(200, eventStream)
            upstream.body(transcript(["data: [DONE]"]))
            upstream.end()
        }

        #expect(exchange.failure != nil && exchange.written.isEmpty)
    }

    @Test func eventsThatAreNotUnderstoodAreNotHeldForEver() throws {
        let bytes = transcript([#"data: {"type":"something","text":"\#(String(repeating: "x", count: 1000))"}"#])
        try FakeHost.run { host in
            let submitted = try Submitted(host, to: backend(), stream: true)
            submitted.upstream.head(200, eventStream)
            for _ in 0..<100 { submitted.upstream.body(bytes) }
            #expect(submitted.exchange.written.count == 100 * bytes.count)
            submitted.upstream.end()
            #expect(submitted.exchange.failure != nil)
        }
    }

    @Test func oneObjectWhereAStreamWasAskedForIsAFailure() throws {
        let json = [("content-type", "application/json")]
        let answer = try answered(stream: true) { $0.answer(200, json, #"{"choices":[]}"#) }
        let error = try answered(stream: true) { $0.answer(200, json, #"{"error":"no"}"#) }

        #expect(answer.failure?.kind == NEXUS_FAIL_UPSTREAM && answer.written.isEmpty)
        #expect(error.failure?.message == "no")
    }

    @Test func anObjectThatDoesNotEndIsNotWaitedForLong() throws {
        try FakeHost.run { host in
            let submitted = try Submitted(host, to: backend(), stream: true)
            submitted.upstream.head(200, json)
            submitted.upstream.body(Array(#"{"error":"no"}  "#.utf8))
            #expect(submitted.exchange.failure == nil && host.timerMilliseconds == [1000])
            host.fireTimers()

            #expect(submitted.exchange.failure?.message == "no")
        }
    }

    @Test func anObjectThatIsTooLongToBeReadEndsAtOnce() throws {
        try FakeHost.run { host in
            let submitted = try Submitted(host, to: backend(), stream: true)
            submitted.upstream.head(200, json)
            submitted.upstream.body(Array(repeating: 0x20, count: 65_536))
            #expect(submitted.exchange.failure?.kind == NEXUS_FAIL_UPSTREAM)
            // Nothing more is said of it.
            host.fireTimers()
            submitted.upstream.end()

            #expect(submitted.exchange.refused.isEmpty)
        }
    }

    @Test func aStreamWithoutItsTypeIsAStream() throws {
        let exchange = try answered(stream: true) { upstream in
            upstream.head(200, [])
            upstream.body(transcript([chunk("a"), finished, "data: [DONE]"]))
            upstream.end()
        }

        #expect(exchange.outcome != nil && exchange.contentType == "text/event-stream")
    }

    @Test func textThatLooksLikeAnEndIsText() throws {
        let exchange = try answered(stream: true) { upstream in
            upstream.head(200, eventStream)
            upstream.body(transcript([chunk(#"data: [DONE] \"finish_reason\":\"stop\""#)]))
            upstream.end()
        }

        #expect(exchange.failure != nil)
    }
}
