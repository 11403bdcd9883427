import PluginAPI
import Testing

@testable import FakeHost
@testable import OpenAICompat

@Suite struct AnswerTests {
    private let answer =
        #"{"id":"x","choices":[{"message":{"content":"a \"usage\": {\"prompt_tokens\":999} text"}}],"usage":{"prompt_tokens":5,"completion_tokens":6}}"#

    @Test func anAnswerReachesTheClientUnchangedWhereverItIsCut() throws {
        let bytes = Array(answer.utf8)
        for cut in 0...bytes.count {
            let exchange = try answered { upstream in
                upstream.head(200, json)
                upstream.body(bytes[..<cut])
                upstream.body(bytes[cut...])
                upstream.end()
            }
            #expect(exchange.written == bytes && exchange.status == 200, "cut at \(cut)")
            #expect(exchange.outcome?.prompt_tokens == 5 && exchange.outcome?.completion_tokens == 6, "cut at \(cut)")
        }
    }

    @Test func anAnswerOfKnownLengthThatComesAtOnceIsLookedAtWhereItIs() throws {
        let exchange = try answered { upstream in
            upstream.head(200, json + [("Content-Length", "\(answer.utf8.count)")])
            upstream.body(answer.utf8)
            upstream.end()
        }

        #expect(exchange.text == answer && exchange.writes == 1)
        #expect(exchange.outcome?.prompt_tokens == 5 && exchange.outcome?.completion_tokens == 6)
    }

    @Test(arguments: ["{", #"{"object":"list""#, "[1]", "   "])
    func anAnswerOfKnownLengthThatIsNoObjectIsAFailure(_ text: String) throws {
        let exchange = try answered { upstream in
            upstream.head(200, json + [("Content-Length", "\(text.utf8.count)")])
            upstream.body(text.utf8)
            upstream.end()
        }

        #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM)
    }

    @Test func theUsageOfALongAnswerIsFound() throws {
        let long =
            #"{"choices":[\#(Array(repeating: "0.123456", count: 50_000).joined(separator: ","))],"usage":{"prompt_tokens":7}}"#
        let exchange = try answered { upstream in
            upstream.head(200, json)
            for start in stride(from: 0, to: long.utf8.count, by: 1000) {
                upstream.body(Array(long.utf8.dropFirst(start).prefix(1000)))
            }
            upstream.end()
        }

        #expect(exchange.text == long && exchange.outcome?.prompt_tokens == 7)
    }

    @Test func theRequestBodyIsPassedAsItIsWithTheKeyAndTheHeaders() throws {
        try FakeHost.run { host in
            let options = JSONObject([(name: "headers", value: ["x-team": "blue"])])
            let submitted = try Submitted(host, to: backend(options, key: "sk-1"))

            #expect(submitted.upstream.sendsExchangeBody && submitted.upstream.method == "POST")
            #expect(submitted.upstream.path == "/v1/chat/completions")
            #expect(submitted.upstream.headers["authorization"] == "Bearer sk-1")
            #expect(submitted.upstream.headers["x-team"] == "blue")
            #expect(submitted.upstream.headers["content-type"] == "application/json")
        }
    }

    @Test func eachKindHasItsPath() throws {
        try FakeHost.run { host in
            let completions = try Submitted(host, to: backend(), kind: NEXUS_KIND_COMPLETIONS)
            let embeddings = try Submitted(host, to: backend(), kind: NEXUS_KIND_EMBEDDINGS)

            #expect(completions.upstream.path == "/v1/completions")
            #expect(embeddings.upstream.path == "/v1/embeddings")
        }
    }

    @Test(
        arguments: [
            (400, NEXUS_FAIL_REJECTED), (422, NEXUS_FAIL_REJECTED), (404, NEXUS_FAIL_UNSUPPORTED),
            (429, NEXUS_FAIL_BUSY), (503, NEXUS_FAIL_BUSY), (408, NEXUS_FAIL_BUSY), (402, NEXUS_FAIL_BUSY),
            (500, NEXUS_FAIL_UPSTREAM), (502, NEXUS_FAIL_UPSTREAM), (504, NEXUS_FAIL_TIMEOUT),
            (501, NEXUS_FAIL_UNSUPPORTED),
        ] as [(UInt32, UInt32)])
    func anErrorStatusBecomesItsKindOfFailure(_ status: UInt32, _ kind: UInt32) throws {
        let exchange = try answered { $0.answer(status, json, #"{"error":{"message":"no","type":"t","code":"c"}}"#) }

        #expect(exchange.failure?.kind == kind && exchange.failure?.status == status)
        #expect(exchange.failure?.message == "no")
        #expect(exchange.failure?.body == #"{"error":{"message":"no","type":"t","code":"c"}}"#)
        #expect(exchange.written.isEmpty && exchange.status == nil)
    }

    @Test(
        arguments: [
            (402, #"{"error":"Insufficient Balance"}"#), (402, ""),
            (
                400,
                #"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}"#
            ),
        ] as [(UInt32, String)])
    func whatIsUnpaidIsToldAsThatAndMayBeTriedElsewhere(_ status: UInt32, _ body: String) throws {
        let failure = try answered { $0.answer(status, json, body) }.failure

        #expect(failure?.kind == NEXUS_FAIL_BUSY && failure?.status == 402)
        guard body.contains("Balance"), let told = failure?.body else { return }
        let error = try JSONValue.parse(told)["error"]
        #expect(error?["type"] == "insufficient_quota" && error?["code"] == "insufficient_quota")
        #expect(error?["message"] == "Insufficient Balance")
    }

    @Test func aStreamThatIsUnpaidIsToldAsThat() throws {
        let error = #"{"error":{"message":"Your credit balance is too low","type":"billing_error"}}"#
        let failure = try streamed(transcript([chunk("a"), "data: " + error])).failure

        #expect(failure?.kind == NEXUS_FAIL_BUSY && failure?.status == 402)
    }

    @Test func aRefusalThatDoesNotSpeakOfTheKeyIsNoneOfTheKey() throws {
        let words = "<html><title>Attention Required!</title>you are blocked"
        let failure = try answered { $0.answer(403, [], words) }.failure

        #expect(failure?.kind == NEXUS_FAIL_UNSUPPORTED && failure?.status == 403)
        #expect(failure?.message == "Attention Required!: you are blocked")
    }

    @Test(arguments: [301, 302, 303, 307, 308] as [UInt32])
    func aRedirectIsToldWithItsPlace(_ status: UInt32) throws {
        let failure = try answered { $0.answer(status, [("location", "https://else.where/v1")], "moved") }.failure

        #expect(failure?.kind == NEXUS_FAIL_UPSTREAM && failure?.status == status)
        #expect(failure?.message.contains("https://else.where/v1") == true && failure?.message.contains("url") == true)
    }

    @Test(arguments: [
        ("Failed to deserialize: missing field `content`", "Failed to deserialize: missing field `content`"),
        (#"[{"error":{"message":"why","code":400}}]"#, "why"), (#"{"errors":[{"message":"why"}]}"#, "why"),
        (#"{"title":"Bad","detail":"why"}"#, "Bad: why"), ("data: {\"error\":\"why\"}\n\n", "why"),
    ])
    func whateverAServerSaysIsGivenOpenAIsShape(_ body: String, _ words: String) throws {
        let failure = try answered { $0.answer(422, [("content-type", "text/plain")], body) }.failure

        #expect(failure?.kind == NEXUS_FAIL_REJECTED && failure?.message == words)
        let error = try JSONValue.parse(failure?.body ?? "")["error"]
        #expect(error?["message"]?.string == words && error?["type"] == "invalid_request_error")
    }

    @Test(arguments: [400, 413, 500] as [UInt32])
    func aFullContextIsTheRequestsFaultWhateverItsStatus(_ status: UInt32) throws {
        let failure = try answered {
            $0.answer(status, [], #"{"error":"the input length exceeds the context length"}"#)
        }.failure

        #expect(failure?.kind == NEXUS_FAIL_REJECTED && failure?.status == status)
    }

    @Test(arguments: [401, 403] as [UInt32])
    func nothingOfARefusedKeyIsPassedOn(_ status: UInt32) throws {
        let words = #"{"error":{"message":"Incorrect API key provided: sk-secret"}}"#
        let failure = try answered { $0.answer(status, json, words) }.failure

        #expect(failure?.kind == NEXUS_FAIL_AUTH && failure?.body == "" && failure?.message.contains("sk-") == false)
    }

    @Test(arguments: [
        #"{"error":"model not loaded"}"#, #"{"object":"error","message":"model not loaded","code":400}"#,
        #"{"message":"model not loaded"}"#, #"{"detail":"model not loaded"}"#,
        #"{"detail":[{"loc":["body"],"msg":"model not loaded"}]}"#,
    ])
    func errorsOfOtherShapesAreGivenOpenAIs(_ body: String) throws {
        let failure = try #require(try answered { $0.answer(400, json, body) }.failure)

        #expect(failure.message == "model not loaded")
        #expect(try JSONValue.parse(failure.body)["error"]?["message"]?.string == "model not loaded")
    }

    @Test func anErrorPageIsToldAsItsText() throws {
        let failure = try answered { $0.answer(502, [("content-type", "text/html")], "<h1>Bad gateway</h1>") }.failure

        #expect(failure?.kind == NEXUS_FAIL_UPSTREAM && failure?.message == "Bad gateway")
        #expect(try JSONValue.parse(failure?.body ?? "")["error"]?["message"] == "Bad gateway")
    }

    @Test func retryAfterIsPassedOn() throws {
        let exchange = try answered { $0.answer(429, [("Retry-After", "3")], #"{"error":{"message":"slow down"}}"#) }

        #expect(exchange.failure?.retryAfter == 3000)
    }

    @Test(arguments: [
        #"{"error":{"message":"the GPU is lost"}}"#, #"{"error":"the GPU is lost"}"#,
        #" {"object":"error","message":"the GPU is lost"}"#,
    ])
    func anErrorInsideASuccessIsAFailureWhereverItIsCut(_ body: String) throws {
        let bytes = Array(body.utf8)
        for cut in 0...bytes.count {
            let exchange = try answered { upstream in
                upstream.head(200, json)
                upstream.body(bytes[..<cut])
                upstream.body(bytes[cut...])
                upstream.end()
            }
            #expect(exchange.failure?.message == "the GPU is lost" && exchange.written.isEmpty, "cut at \(cut)")
        }
    }

    @Test func anAnswerThatOnlyBeginsLikeAnErrorArrivesWhole() throws {
        let text = #"{"error":null,"choices":["\#(String(repeating: "x", count: 40_000))"]}"#
        for size in [100, 1000, 20_000, 50_000] {
            let exchange = try answered { upstream in
                upstream.head(200, json)
                for start in stride(from: 0, to: text.utf8.count, by: size) {
                    upstream.body(Array(text.utf8.dropFirst(start).prefix(size)))
                }
                upstream.end()
            }
            #expect(exchange.text == text && exchange.outcome != nil, "pieces of \(size)")
        }
    }

    @Test(arguments: ["<html>", "   ", #"{"choices":[{"mess"#, "[]"])
    func whatIsNoWholeObjectIsAFailure(_ body: String) throws {
        let exchange = try answered { $0.answer(200, [("content-type", "text/html")], body) }

        #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.outcome == nil)
    }

    @Test func aStreamThatNobodyAskedForIsAFailure() throws {
        let exchange = try answered { upstream in
            upstream.head(200, [("content-type", "text/event-stream")])
            upstream.end()
        }

        #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM)
    }

    @Test func usageAtTheStartOfALongAnswerIsFound() throws {
        let text = #"{"usage":{"prompt_tokens":9},"choices":["\#(String(repeating: "x", count: 100_000))"]}"#

        #expect(try answered { $0.answer(200, json, text) }.outcome?.prompt_tokens == 9)
    }

    @Test func anEmptyAnswerIsAFailure() throws {
        #expect(try answered { $0.answer(200, json, "") }.failure?.kind == NEXUS_FAIL_UPSTREAM)
    }

    @Test(arguments: [
        (NEXUS_HTTP_REFUSED, NEXUS_FAIL_CONNECT), (NEXUS_HTTP_TIMED_OUT, NEXUS_FAIL_TIMEOUT),
        (NEXUS_HTTP_CLOSED, NEXUS_FAIL_UPSTREAM), (NEXUS_HTTP_GARBAGE, NEXUS_FAIL_UPSTREAM),
    ])
    func aRequestThatCannotBeMadeFailsWithTheHostsWords(_ end: UInt32, _ kind: UInt32) throws {
        let failure = try answered { $0.end(end, "server:8080: connection refused") }.failure

        #expect(failure?.kind == kind && failure?.message == "server:8080: connection refused")
    }

    @Test func anAnswerThatIsCutOffIsAFailure() throws {
        let exchange = try answered { upstream in
            upstream.head(200, json)
            upstream.body(#"{"id":"x","#.utf8)
            upstream.end(NEXUS_HTTP_CLOSED, "closed")
        }

        #expect(exchange.failure?.kind == NEXUS_FAIL_UPSTREAM && exchange.outcome == nil)
    }
}

@Suite struct OptionsTests {
    private func options(_ json: String, url: String = "http://h") throws -> Options {
        try Options(JSONValue.parse(json).object ?? JSONObject(), url: url)
    }

    @Test func thePrefixIsNotDoubledWhenTheURLHasIt() throws {
        #expect(try options("{}", url: "http://h").modelsPath == "/v1/models")
        #expect(try options("{}", url: "https://h/v1").modelsPath == "/models")
        #expect(try options("{}", url: "https://h/v1/").prefix == "")
        #expect(try options(#"{"prefix":"/api/v1"}"#, url: "https://h/api/v1").prefix == "")
    }

    @Test(arguments: [
        (#"{"flavour":"vllm"}"#, "unknown option \"flavour\""), (#"{"flavor":"x"}"#, "use auto, llamacpp"),
        (#"{"prefix":"v1"}"#, "starts with"), (#"{"prefix":1}"#, "must be a string"),
        (#"{"headers":{"host":"x"}}"#, "set by the gateway"), (#"{"headers":{"a b":"x"}}"#, "name of an HTTP header"),
        (#"{"headers":{"a":"x\ny"}}"#, "control characters"), (#"{"models":[]}"#, "not empty"),
        (#"{"models":[""]}"#, "name of a model"), (#"{"models":"m"}"#, "not empty"),
        (#"{"auth_header":"a b"}"#, "auth_header"),
        (#"{"auth_header":"Host"}"#, "set by the gateway"),
    ])
    func aBadOptionIsNamed(_ json: String, _ words: String) {
        #expect { _ = try options(json) } throws: { ($0 as? ConfigurationProblem)?.message.contains(words) == true }
    }

    @Test(
        arguments: [
            ("http://h/v1", "/props"), ("http://h/api/v1/", "/api/props"), ("http://h:8080", nil),
        ] as [(String, String?)])
    func theServersOwnPathsBeginBeforeThePrefix(_ url: String, _ path: String?) throws {
        #expect(try options("{}", url: url).root.map { $0 + "/props" } == path)
    }

    @Test(arguments: [
        ("http://h/v1/chat/completions", "/v1/chat/completions", "/v1/models", "/props"),
        ("http://h/v1/chat/completions/", "/v1/chat/completions", "/v1/models", "/props"),
        ("http://h/api/v1/models", "/api/v1/chat/completions", "/api/v1/models", "/api/props"),
        ("http://h/chat/completions", "/chat/completions", "/models", "/props"),
        ("http://h/openai/v1/embeddings", "/openai/v1/chat/completions", "/openai/v1/models", "/openai/props"),
    ])
    func aPathThatWasLeftAtTheEndOfTheURLIsForgiven(
        _ url: String, _ chat: String, _ list: String, _ own: String
    ) throws {
        try FakeHost.run { host in
            let adapter = try backend(url: url)
            let upstream = try Submitted(host, to: adapter).upstream
            #expect(upstream.path == chat && upstream.isFromRoot)
            adapter.probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
            #expect(host.requests.last?.path == list && host.requests.last?.isFromRoot == true)
            #expect(Question(own: "/props", adapter.options).path == own)
        }
    }

    @Test func theKeyGoesIntoTheHeaderThatIsAskedFor() throws {
        try FakeHost.run { host in
            let submitted = try Submitted(
                host, to: backend(JSONObject([(name: "auth_header", value: "Api-Key")]), key: "secret"))

            #expect(submitted.upstream.headers["api-key"] == "secret")
            #expect(submitted.upstream.headers["authorization"] == nil)
        }
    }
}
