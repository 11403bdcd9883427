import ABIRules
import PluginAPI
import Testing

@testable import FakeHost
@testable import OpenAICompat

/// Header fields on their way from the client to the server, and back.
@Suite struct HeaderTests {
    private let client = [
        (name: "openai-project", value: "p1"), (name: "traceparent", value: "00-1"),
        (name: "anthropic-version", value: "2024-01-01"), (name: "anthropic-beta", value: "b1"),
    ]

    private func sent(
        _ options: JSONObject = JSONObject(), kind: UInt32 = NEXUS_KIND_CHAT, path: String = "", type: String = ""
    ) throws -> [String: String] {
        var headers: [String: String] = [:]
        try FakeHost.run { host in
            headers =
                try Submitted(
                    host, to: backend(options, key: "k"), kind: kind, path: path, type: type, headers: client
                ).upstream.headers
        }
        return headers
    }

    @Test func theClientsGoToTheServerBesideTheAdaptersOwn() throws {
        let headers = try sent()

        for field in client { #expect(headers[field.name] == field.value) }
        #expect(headers["authorization"] == "Bearer k" && headers["content-type"] == "application/json")
    }

    @Test func theClientsSoftwareIsNotNamedToTheServer() throws {
        try FakeHost.run { host in
            let fields = [(name: "user-agent", value: "client/1"), (name: "traceparent", value: "00-1")]
            let upstream = try Submitted(host, to: backend(), headers: fields).upstream

            #expect(upstream.headers["user-agent"] == nil && upstream.headers["traceparent"] == "00-1")
        }
    }

    @Test func theyGoWithFormsToo() throws {
        let headers = try sent(
            kind: NEXUS_KIND_AUDIO, path: "/v1/audio/transcriptions", type: "multipart/form-data; boundary=x")

        #expect(headers["openai-project"] == "p1" && headers["content-type"] == "multipart/form-data; boundary=x")
    }

    @Test func theClientsVersionOfAnthropicsAPICountsBeforeTheDefault() throws {
        #expect(try sent(kind: NEXUS_KIND_MESSAGES, path: "/v1/messages")["anthropic-version"] == "2024-01-01")
        try FakeHost.run { host in
            let plain = try Submitted(host, to: backend(), kind: NEXUS_KIND_MESSAGES, path: "/v1/messages")
            #expect(plain.upstream.headers["anthropic-version"] == "2023-06-01")
        }
    }

    @Test func whatTheOperatorHasSetNoClientChanges() throws {
        let options = JSONObject([(name: "headers", value: ["OpenAI-Project": "ours"])])
        let headers = try sent(options)

        #expect(headers["OpenAI-Project"] == "ours" && headers["openai-project"] == nil)
        #expect(headers["traceparent"] == "00-1")
    }

    @Test func theyGoOutAgainWithTheNextKey() throws {
        try FakeHost.run { host in
            let submitted = try Submitted(host, to: backend(keys: ["k1", "k2"]), headers: client)
            submitted.upstream.answer(429, [("retry-after", "9"), ("x-should-retry", "false")], "{}")
            let second = try #require(host.requests.last)
            #expect(second.headers["authorization"] == "Bearer k2" && second.headers["openai-project"] == "p1")
            second.answer(200, json, #"{"choices":[]}"#)

            #expect(submitted.exchange.outcome != nil && submitted.exchange.headers == [])
        }
    }

    // MARK: Back

    private let server = [
        ("Content-Type", "application/json"), ("X-RateLimit-Remaining-Tokens", "12"), ("openai-processing-ms", "5"),
        ("X-Request-Id", "req_1"), ("Set-Cookie", "a=b"), ("server", "x"),
    ]

    private let passed = [
        PassedField(name: "x-ratelimit-remaining-tokens", value: "12"),
        PassedField(name: "openai-processing-ms", value: "5"),
        PassedField(name: "x-nexus-upstream-request-id", value: "req_1"),
    ]

    @Test func theServersComeWithAWholeAnswer() throws {
        let exchange = try answered { $0.answer(200, server, #"{"choices":[]}"#) }

        #expect(exchange.outcome != nil && exchange.headers == passed)
    }

    @Test func theyComeWithAStream() throws {
        let fields = [("content-type", "text/event-stream")] + server.dropFirst()
        let exchange = try answered(stream: true) { upstream in
            upstream.head(200, fields)
            upstream.body(transcript([chunk("a"), finished, "data: [DONE]"]))
            upstream.end()
        }

        #expect(exchange.outcome != nil && exchange.headers == passed)
    }

    @Test func theyComeWithAFailure() throws {
        let limits = [("retry-after", "7"), ("retry-after-ms", "7250")]
        let failure = try answered { $0.answer(429, server + limits, #"{"error":{"message":"slow"}}"#) }.failure

        #expect(failure?.kind == NEXUS_FAIL_BUSY && failure?.retryAfter == 7250)
        #expect(
            failure?.headers == passed + [
                PassedField(name: "retry-after", value: "7"), PassedField(name: "retry-after-ms", value: "7250"),
            ])
    }

    @Test func anAnswerWithoutAnyHasNone() throws {
        #expect(try answered { $0.answer(200, json, #"{"choices":[]}"#) }.headers == [])
    }
}
