import PluginAPI
import Testing

@testable import FakeHost
@testable import Ollama

private func backend() throws -> OllamaBackend {
    try OllamaBackend(
        BackendConfiguration(name: "one", url: "http://o:11434", apiKeys: [], options: JSONObject()),
        host: Host(FakeHost.table), reports: Reports(FakeHost.callbacks))
}

/// Submits a chat and answers it by `play`.
private func answered(
    stream: Bool, includeUsage: Bool = false, kind: UInt32 = NEXUS_KIND_CHAT,
    body: String = #"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#,
    _ play: (FakeHost.Request) -> Void
) throws -> FakeHost.Exchange {
    var result = FakeHost.Exchange()
    try FakeHost.run { host in
        let task = host.newTask()
        let backend = try backend()
        lend(body) { body in
            lend("m") { model in
                lend("r1") { id in
                    var request = nexus_request()
                    request.struct_size = UInt32(MemoryLayout<nexus_request>.size)
                    request.kind = kind
                    request.flags =
                        (stream ? NEXUS_REQUEST_STREAM : 0) | (includeUsage ? NEXUS_REQUEST_INCLUDE_USAGE : 0)
                    request.model = model
                    request.body = body
                    request.request_id = id
                    #expect(backend.submit(ExchangeTask(handle: task, host: Host(FakeHost.table)), request) == NEXUS_OK)
                }
            }
        }
        if let upstream = host.requests.last { play(upstream) }
        result = host.exchanges[task] ?? result
    }
    return result
}

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

    @Test func garbageIsAFailure() throws {
        let exchange = try answered(stream: true) { $0.answer(200, [], "<html>\n") }

        #expect(exchange.failure?.message == "Ollama sent a line that is not JSON" && exchange.written.isEmpty)
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

@Suite struct UnaryChatTests {
    @Test(
        arguments: [
            (400, NEXUS_FAIL_REJECTED), (404, NEXUS_FAIL_UNSUPPORTED), (503, NEXUS_FAIL_BUSY),
            (429, NEXUS_FAIL_BUSY), (500, NEXUS_FAIL_UPSTREAM),
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

    @Test(arguments: [("7", 7000), ("soon", 0), ("100000", 0)] as [(String, UInt32)], [false, true])
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

    @Test func aRequestThatCannotBeTranslatedNeverReachesTheServer() throws {
        let exchange = try answered(stream: false, body: #"{"model":"m","messages":"x"}"#) { _ in
            Issue.record("the server was asked")
        }

        #expect(exchange.failure?.kind == NEXUS_FAIL_REJECTED)
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

@Suite struct ProbeTests {
    private func probe(
        _ backend: OllamaBackend, _ host: FakeHost, _ answers: [String: (UInt32, String)]
    ) -> [String] {
        backend.probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
        var asked: [String] = []
        while let path = host.openPaths.first, let request = host.request(path) {
            asked.append(path)
            let (status, body) = answers[path] ?? (404, #"{"error":"not found"}"#)
            request.answer(status, [], body)
        }
        return asked
    }

    private let list =
        #"{"models":[{"name":"a:1b","digest":"d1"},{"name":"b","digest":"d2","capabilities":["completion","vision"],"details":{"context_length":100}}]}"#
    private let show = #"{"capabilities":["completion","tools"],"model_info":{"llama.context_length":8192}}"#

    @Test func modelsAreCompletedOnceAndRemembered() throws {
        try FakeHost.run { host in
            let backend = try backend()
            let answers: [String: (UInt32, String)] = [
                "/api/tags": (200, list), "/api/show": (200, show), "/api/version": (200, #"{"version":"0.9.1"}"#),
            ]
            let first = probe(backend, host, answers)
            let second = probe(backend, host, answers)

            #expect(first == ["/api/tags", "/api/show", "/api/version"])
            #expect(second == ["/api/tags", "/api/version"])
            #expect(
                host.health
                    == Array(
                        repeating: FakeHost.Health(status: NEXUS_HEALTHY, message: "", server: "Ollama 0.9.1"), count: 2
                    ))
            let expected = [
                FakeHost.Model(id: "a:1b", context: 8192, capabilities: NEXUS_MODEL_TOOLS | NEXUS_MODEL_JSON_MODE),
                FakeHost.Model(id: "b", context: 100, capabilities: NEXUS_MODEL_VISION | NEXUS_MODEL_JSON_MODE),
            ]
            #expect(host.models == [expected, expected])
        }
    }

    @Test func manyModelsAreAskedForAFewAtATime() throws {
        try FakeHost.run { host in
            let models = (0..<40).map { #"{"name":"m\#($0)","digest":"d\#($0)"}"# }.joined(separator: ",")
            try backend().probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
            host.request("/api/tags")?.answer(200, [], #"{"models":[\#(models)]}"#)
            var most = 0
            while let request = host.request("/api/show") {
                most = max(most, host.openPaths.count)
                request.answer(200, [], show)
            }
            host.request("/api/version")?.answer(200, [], "{}")

            #expect(most <= 16 && host.models.first?.count == 40 && host.health.count == 1)
        }
    }

    @Test(arguments: [401, 403] as [UInt32])
    func aRefusedKeyIsToldInOurOwnWords(_ status: UInt32) throws {
        try FakeHost.run { host in
            _ = probe(try backend(), host, ["/api/tags": (status, #"{"error":"wrong key sk-secret"}"#)])

            #expect(host.health.map(\.status) == [NEXUS_UNHEALTHY])
            #expect(host.health[0].message.contains("api_key_env") && !host.health[0].message.contains("sk-secret"))
        }
    }

    @Test(
        arguments: [((500, #"{"error":"boom"}"#), "boom"), ((200, "{}"), "is this Ollama?"), ((404, ""), "status 404")]
            as [((UInt32, String), String)])
    func aServerThatIsNoOllamaIsUnhealthyForAReason(_ answer: (UInt32, String), _ words: String) throws {
        try FakeHost.run { host in
            _ = probe(try backend(), host, ["/api/tags": answer])

            #expect(host.health.map(\.status) == [NEXUS_UNHEALTHY] && host.health[0].message.contains(words))
        }
    }
}
