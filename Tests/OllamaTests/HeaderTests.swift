import ABIRules
import PluginAPI
import Testing

@testable import FakeHost
@testable import Ollama

/// Header fields on their way from the client to the server, and back.
@Suite struct HeaderTests {
    @Test func whatTracesARequestGoesToOllama() throws {
        try FakeHost.run { host in
            _ = submit(
                to: try backend(), host,
                headers: [
                    ("traceparent", "00-1"), ("user-agent", "client/1"), ("openai-project", "p1"),
                    ("anthropic-beta", "b1"),
                ])
            let sent = try #require(host.requests.last).headers

            #expect(sent["traceparent"] == "00-1" && sent["user-agent"] == nil && sent["x-request-id"] == "r1")
            #expect(sent["openai-project"] == nil && sent["anthropic-beta"] == nil)
        }
    }

    @Test func theServersComeWithAnswersAndFailures() throws {
        let fields = [("retry-after", "7"), ("server", "x")]
        let answer = #"{"message":{"role":"assistant","content":"a"},"done":true}"#
        let passed = [PassedField(name: "retry-after", value: "7")]

        #expect(try answered(stream: false) { $0.answer(200, fields, answer) }.headers == passed)
        #expect(try answered(stream: true) { $0.answer(200, fields, answer + "\n") }.headers == passed)
        #expect(try answered(stream: false) { $0.answer(503, fields, "{}") }.failure?.headers == passed)
        #expect(try answered(stream: true) { $0.answer(503, fields, "{}") }.failure?.headers == passed)
    }
}
