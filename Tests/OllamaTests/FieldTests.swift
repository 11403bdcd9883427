import PluginAPI
import Testing

@testable import FakeHost
@testable import Ollama

/// Servers, and proxies before them, as they are found.
@Suite struct FieldTests {
    @Test(arguments: [
        ("http://o:11434", "/api/chat", false), ("http://o:11434/v1", "/api/chat", true),
        ("http://o:11434/v1/", "/api/chat", true), ("http://o/base/v1/chat/completions", "/base/api/chat", true),
        ("http://o/api", "/api/chat", true), ("http://o/base/api/chat", "/base/api/chat", true),
        ("http://o/base", "/api/chat", false),
    ])
    func ollamasAPIIsFoundAboveWhatStandsAtTheEndOfTheURL(_ url: String, _ path: String, _ isFromRoot: Bool) throws {
        try FakeHost.run { host in
            let adapter = try backend(url: url)
            _ = submit(to: adapter, host)
            #expect(host.requests.last?.path == path && host.requests.last?.isFromRoot == isFromRoot)
            adapter.probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
            #expect(host.requests.last?.path == path.replacing("/chat", with: "/tags"))
            #expect(host.requests.last?.isFromRoot == isFromRoot)
        }
    }

    private let whole = """
        {
          "model": "m",
          "created_at": "2024-01-01T00:00:00Z",
          "message": {"role": "assistant", "content": "hé"},
          "done": true, "prompt_eval_count": 3, "eval_count": 2
        }
        """

    @Test func aWholeAnswerInSeveralLinesBecomesAStream() throws {
        let bytes = Array(whole.utf8)
        for native in [false, true] {
            for cut in stride(from: 0, through: bytes.count, by: 5) {
                let exchange = try answered(
                    stream: true, includeUsage: true, kind: native ? NEXUS_KIND_OLLAMA : NEXUS_KIND_CHAT,
                    path: "/api/chat"
                ) { upstream in
                    upstream.head(200, [("content-type", "application/json")])
                    upstream.body(bytes[..<cut])
                    upstream.body(bytes[cut...])
                    upstream.end()
                }
                #expect(exchange.text.contains("hé") && exchange.outcome?.completion_tokens == 2, "cut at \(cut)")
                if native {
                    #expect(exchange.text.split(separator: "\n").count == 1 && exchange.text.hasSuffix("\n"))
                } else {
                    #expect(exchange.text.hasSuffix("data: [DONE]\n\n") && exchange.text.contains("\"usage\":{"))
                }
            }
        }
    }

    @Test func anErrorInSeveralLinesIsAFailure() throws {
        let exchange = try answered(stream: true) { $0.answer(200, [], "{\n  \"error\": \"out of memory\"\n}\n") }

        #expect(exchange.failure?.message == "out of memory" && exchange.written.isEmpty)
    }

    @Test(arguments: [
        "{\"errors\":[{\"message\":\"why\"}]}", "why", "{\"detail\":[{\"msg\":\"why\"}]}",
        "[{\"error\":{\"message\":\"why\"}}]",
    ])
    func whateverIsSaidReachesTheClientInTheShapeOfItsAPI(_ body: String) throws {
        let openAI = try answered(stream: false) { $0.answer(422, [], body) }.failure
        let native = try answered(stream: false, kind: NEXUS_KIND_OLLAMA, path: "/api/chat") {
            $0.answer(422, [], body)
        }
        .failure

        #expect(openAI?.message == "why" && openAI?.kind == NEXUS_FAIL_REJECTED)
        #expect(try JSONValue.parse(openAI?.body ?? "")["error"]?["message"] == "why")
        #expect(native?.body == "{\"error\":\"why\"}")
    }

    @Test(arguments: [400, 500] as [UInt32])
    func aFullContextIsTheRequestsFault(_ status: UInt32) throws {
        let words = "{\"error\":\"the input length exceeds the context length\"}"
        let failure = try answered(stream: false) { $0.answer(status, [], words) }.failure

        #expect(failure?.kind == NEXUS_FAIL_REJECTED && failure?.body.contains("context_length_exceeded") == true)
    }

    @Test func aRefusalThatDoesNotSpeakOfTheKeyIsNoneOfTheKey() throws {
        try FakeHost.run { host in
            let adapter = try backend(keys: ["one", "two"])
            let task = submit(to: adapter, host)
            host.requests.last?.answer(403, [], "blocked by the wall")
            host.requests.last?.answer(403, [], "blocked by the wall")
            #expect(host.exchanges[task]?.failure?.kind == NEXUS_FAIL_UNSUPPORTED)
            #expect(host.exchanges[task]?.failure?.message == "blocked by the wall")

            _ = submit(to: adapter, host)
            #expect(host.requests.last?.headers["authorization"] == "Bearer one")
        }
    }

    @Test func aRedirectIsToldWithItsPlace() throws {
        let exchange = try answered(stream: false) { $0.answer(308, [("location", "https://o/api/chat")], "") }

        #expect(exchange.failure?.message.contains("https://o/api/chat") == true)
    }

    @Test func theTypeOfANativeAnswerIsTheServers() throws {
        let exchange = try answered(stream: false, kind: NEXUS_KIND_OLLAMA, path: "/api/chat") {
            $0.answer(200, [("content-type", "application/json; charset=utf-8")], whole)
        }

        #expect(exchange.contentType == "application/json; charset=utf-8")
    }
}
