import PluginAPI
import Testing

@testable import FakeHost
@testable import Ollama

private let piece = #"{"message":{"role":"assistant","content":"a"},"done":false}"#
private let last = #"{"message":{"content":""},"done":true,"eval_count":2}"#

/// A stream of these lines, translated and passed on.
private func streams(_ lines: [String], end: UInt32 = NEXUS_HTTP_COMPLETE) throws -> [FakeHost.Exchange] {
    try [NEXUS_KIND_CHAT, NEXUS_KIND_OLLAMA].map { kind in
        try answered(stream: true, kind: kind, path: kind == NEXUS_KIND_OLLAMA ? "/api/chat" : "") { upstream in
            upstream.head(200)
            upstream.body(lines.map { $0 + "\n" }.joined().utf8)
            upstream.end(end, "closed")
        }
    }
}

private func whole(_ text: String, kind: UInt32 = NEXUS_KIND_CHAT, path: String = "") throws -> FakeHost.Exchange {
    try answered(stream: false, kind: kind, path: path) { $0.answer(200, [], text) }
}

@Suite struct WholeAnswerTests {
    private static let garbage = [
        "garbage", "<html>", "{", #"{"message":{"content":"a"},"done":false"#,
        #"{"message":{"content":"a"},"done":false} x"#,
        "[1]", "null", "7", #""text""#, "data: {}", #"{"message":{"content":NaN},"done":false}"#,
    ]

    @Test(arguments: garbage)
    func aFirstLineThatIsNoObjectFailsBeforeAnythingIsSent(_ garbage: String) throws {
        for exchange in try streams([garbage, piece, last]) {
            #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.status == nil)
            #expect(exchange.failure?.completionTokens == 0)
        }
    }

    @Test(arguments: garbage)
    func inTheMiddleItFailsOnceAndTellsHowManyPiecesCame(_ garbage: String) throws {
        for exchange in try streams([piece, piece, garbage, piece, last]) {
            #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.outcome == nil)
            #expect(exchange.failure?.completionTokens == 2 && exchange.failure?.isEstimated == true)
            #expect(exchange.refused.isEmpty && !exchange.text.contains("[DONE]"))
        }
    }

    @Test(arguments: [NEXUS_HTTP_COMPLETE, NEXUS_HTTP_CLOSED, NEXUS_HTTP_TIMED_OUT])
    func aStreamThatBreaksTellsHowManyPiecesCame(_ end: UInt32) throws {
        for exchange in try streams([piece, piece, piece], end: end) {
            #expect(exchange.failure?.completionTokens == 3 && exchange.failure?.isEstimated == true)
        }
    }

    @Test func anAnswerBeyondItsLimitEndsAtOnce() throws {
        let mebibyte = [UInt8](repeating: 0x20, count: 1 << 20)
        let exchange = try answered(stream: false) { upstream in
            upstream.head(200)
            for _ in 0..<64 { upstream.body(mebibyte) }
            #expect(!upstream.isOver)
            upstream.body([0x20])
            upstream.end(NEXUS_HTTP_CANCELLED)
        }

        #expect(exchange.failure?.message == "Ollama's answer is too long" && exchange.refused.isEmpty)
    }

    @Test func wordsWhereALineShouldBeAreAnError() throws {
        for line in [#"{"message":"hot"}"#, #"{"detail":"hot"}"#] {
            for exchange in try streams([piece, line, last]) { #expect(exchange.failure?.message == "hot") }
        }
    }

    @Test func anAnswerWithoutItsMemberIsNone() throws {
        for path in ["/api/chat", "/api/generate", "/api/embed"] {
            for text in [#"{"model":"m","done":true}"#, "{}", #"{"done":true,"message":"hot"}"#] {
                #expect(try whole(text, kind: NEXUS_KIND_OLLAMA, path: path).failure != nil)
            }
        }
        for path in ["", "/api/chat"] {
            let kind = path.isEmpty ? NEXUS_KIND_CHAT : NEXUS_KIND_OLLAMA
            let exchange = try answered(stream: false, kind: kind, path: path) { $0.answer(205, [], last) }
            #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM)
            #expect(
                try whole(#"{"error":"hot","error":null,\#(last.dropFirst())"#, kind: kind, path: path).failure?.message
                    == "hot")
        }
    }

    @Test func anErrorBehindOtherMembersIsOne() throws {
        for error in [#""error":"hot""#, #""error":{"message":"hot"}"#, #""err\u006fr":"hot""#] {
            for exchange in try streams([piece, #"{"message":{"content":"a"},"done":false,\#(error)}"#, last]) {
                #expect(exchange.failure?.message == "hot" && exchange.failure?.completionTokens == 1)
            }
            let text = String(repeating: "x", count: 20_000)
            let answer = #"{"message":{"role":"assistant","content":"\#(text)"},"done":true,\#(error)}"#
            #expect(try whole(answer).failure?.message == "hot")
            let native = try whole(answer, kind: NEXUS_KIND_OLLAMA, path: "/api/chat")
            #expect(native.failure?.message == "hot" && native.written.isEmpty)
        }
    }

    @Test(arguments: ["null", "\"\"", "false"])
    func whatSaysThatThereIsNoneIsNone(_ nothing: String) throws {
        for exchange in try streams([#"{"message":{"content":"a"},"done":false,"error":\#(nothing)}"#, last]) {
            #expect(exchange.outcome?.completion_tokens == 2)
        }
    }

    @Test(arguments: [
        "", "x", "[]", "{", #"{"message":{"content":"a"},"done":true"#, #"{"message":{},"done":true}}"#, "null",
    ])
    func aWholeAnswerIsOneObjectAndNothingElse(_ text: String) throws {
        for (kind, path) in [
            (NEXUS_KIND_CHAT, ""), (NEXUS_KIND_OLLAMA, "/api/chat"), (NEXUS_KIND_OLLAMA, "/api/embed"),
        ] {
            let exchange = try whole(text, kind: kind, path: path)
            #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.written.isEmpty, "\(path)")
        }
    }

    @Test func anAnswerWithoutAVectorIsNoEmbedding() throws {
        #expect(try whole("{}", kind: NEXUS_KIND_OLLAMA, path: "/api/embed").failure != nil)
        #expect(
            try whole(#"{"embedding":[0.5]}"#, kind: NEXUS_KIND_OLLAMA, path: "/api/embeddings").outcome != nil)
    }
}

/// Figures beyond all measure do no harm.
@Suite struct FigureTests {
    private let absurd = ["9223372036854775807", "-9223372036854775808", "18446744073709551616", "1e300", "-1", "0.5"]

    @Test func absurdCountsAndTimesAreUnknown() throws {
        for figure in absurd {
            let usage = try Usage.counts(
                JSONValue.parse(
                    #"{"prompt_eval_count":\#(figure),"eval_count":\#(figure),"eval_duration":\#(figure),"prompt_eval_duration":\#(figure)}"#
                ))
            #expect(usage == TokenUsage(), "\(figure)")
        }
    }

    @Test func absurdTimesOfEmbeddingsDoNoHarm() throws {
        for total in absurd {
            for loading in absurd {
                let answer = try JSONValue.parse(
                    #"{"embeddings":[[1]],"total_duration":\#(total),"load_duration":\#(loading)}"#)
                #expect(Embeddings.answer(answer, count: 1, model: "m", base64: false)?.usage == TokenUsage())
            }
        }
    }

    @Test func theSumOfAllLayersHasALimit() throws {
        let progress = PullProgress()
        for layer in 0..<5000 {
            let line = #"{"status":"x","digest":"\#(layer)","total":9007199254740992,"completed":9007199254740992}"#
            Array(line.utf8).withUnsafeBytes { progress.took($0) }
        }

        #expect(progress.total == .max && progress.done == .max)
    }

    @Test(arguments: [
        "9999-12-31T23:59:59+99:99", "0000-00-00T00:00:00-99:99", "-999-01-01T00:00:00Z", "+123-+1-+1T+1:+1:+1Z",
        "éééé-01-01T00:00:00Z", "2026-01-02T03:04:05.678901234+", "",
    ])
    func aTimeThatIsNoneDoesNoHarm(_ text: String) {
        #expect(abs(CreatedAt.seconds(text)) < 1 << 40)
    }
}
