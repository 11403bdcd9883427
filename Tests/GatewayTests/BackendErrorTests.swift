import Core
import Dialects
import JSON
import NIOCore
import Testing

@testable import Gateway

/// The failures of backends in the words of each API.
@Suite struct BackendErrorTests {
    private func told(_ dialect: Dialect, _ failure: ExchangeFailure) throws -> JSONValue {
        try JSONValue.parse(dialect.errorBody(dialect.understood(failure), requestID: "r"))
    }

    private func failure(
        _ status: Int, _ body: String, kind: ExchangeFailure.Kind = .rejected, message: String = "words"
    ) -> ExchangeFailure {
        ExchangeFailure(kind: kind, status: status, message: message, body: Array(body.utf8))
    }

    private let vLLM =
        #"{"error":{"message":"This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.","type":"BadRequestError","param":null,"code":400,"x":1}}"#

    @Test(arguments: [ExchangeFailure.Kind.rejected, .upstream], [400, 413, 500])
    func aFullContextIsToldSoThatClientsShortenTheConversation(_ kind: ExchangeFailure.Kind, _ status: Int) throws {
        let full = failure(status, vLLM, kind: kind)
        #expect(Dialect.openAI.understood(full).clientStatus == 400 && !Dialect.openAI.understood(full).isRetryable)

        let openAI = try told(.openAI, full)["error"]
        #expect(openAI?["code"] == "context_length_exceeded" && openAI?["type"] == "invalid_request_error")
        #expect(openAI?["message"]?.string?.hasPrefix("This model's maximum context length is 8192") == true)
        #expect(openAI?["x"] == 1, "what else the server tells stays")
        let anthropic = try told(.anthropic, full)
        #expect(anthropic["error"]?["message"] == "prompt is too long: 9000 tokens > 8192 maximum")
        #expect(anthropic["error"]?["type"] == "invalid_request_error" && anthropic["type"] == "error")
        #expect(try told(.ollama, full)["error"]?.string?.contains("8192") == true)
    }

    @Test(arguments: [
        (
            "request (9000 tokens) exceeds the available context size (8192 tokens)",
            "prompt is too long: 9000 tokens > 8192 maximum"
        ),
        (
            "the input length exceeds the context length",
            "prompt is too long: the input length exceeds the context length"
        ),
        (
            "This model's maximum context length is 8192 tokens. However, you requested 8500 tokens (8000 in the messages, 500 in the completion).",
            "input length and `max_tokens` exceed context limit: 8000 + 500 > 8192, decrease input length or `max_tokens` and try again"
        ),
        ("prompt is too long: 5 tokens > 4 maximum", "prompt is too long: 5 tokens > 4 maximum"),
    ])
    func anthropicsWordsHaveTheNumbersThatAreKnown(_ words: String, _ expected: String) throws {
        let body = JSONValue(dictionaryLiteral: ("error", ["message": .string(words)])).bytes
        let full = ExchangeFailure(kind: .rejected, status: 400, message: words, body: body)

        #expect(try told(.anthropic, full)["error"]?["message"]?.string == expected)
        let openAI = try told(.openAI, full)["error"]?["message"]?.string
        #expect(openAI?.contains("maximum context length") == true)
    }

    @Test func aServersOwnErrorGoesOnUnchangedInItsAPI() throws {
        let openAI = #"{"error":{"message":"no","type":"t","code":"c","more":[1.50]}}"#
        let anthropic = #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"q"}"#
        let ollama = #"{"error":"no"}"#

        #expect(Dialect.openAI.errorBody(failure(400, openAI), requestID: "r") == Array(openAI.utf8))
        #expect(
            Dialect.anthropic.errorBody(failure(529, anthropic, kind: .busy), requestID: "r") == Array(anthropic.utf8))
        #expect(Dialect.ollama.errorBody(failure(400, ollama), requestID: "r") == Array(ollama.utf8))
    }

    @Test(arguments: [
        #"{"detail":"why"}"#, #"{"error":"why"}"#, #"[{"error":{"message":"why"}}]"#, #"{"errors":["why"]}"#,
        #"{"error":{"message":"why"}}"#, #"{"type":"error","error":{"type":"BadRequestError","message":"why"}}"#,
    ])
    func anyOtherShapeIsGivenThatOfTheAPI(_ body: String) throws {
        #expect(try told(.openAI, failure(422, body))["error"]?["message"] == "why")
        let anthropic = try told(.anthropic, failure(422, body))
        #expect(anthropic["error"]?["message"] == "why" && anthropic["error"]?["type"] == "invalid_request_error")
        #expect(anthropic["request_id"] == "r")
        #expect(try told(.ollama, failure(422, body))["error"] == "why")
    }

    @Test(
        arguments: [
            (.busy, 429, "rate_limit_error", 429), (.busy, 529, "overloaded_error", 529),
            (.busy, 503, "overloaded_error", 503),
            (.unsupported, 403, "permission_error", 403), (.rejected, 401, "authentication_error", 401),
            (.auth, 401, "api_error", 502), (.upstream, 500, "api_error", 502), (.timeout, 504, "timeout_error", 504),
        ] as [(ExchangeFailure.Kind, Int, String, Int)])
    func anthropicsTypesFollowTheMeaning(_ kind: ExchangeFailure.Kind, _ status: Int, _ type: String, _ told: Int)
        throws
    {
        let understood = Dialect.anthropic.understood(failure(status, "", kind: kind))

        #expect(try self.told(.anthropic, understood)["error"]?["type"]?.string == type)
        #expect(understood.clientStatus == told)
    }

    @Test(
        arguments: [ExchangeFailure.Kind.busy, .rejected],
        [
            #"{"error":{"message":"words","code":402,"x":1}}"#,
            #"{"error":{"message":"words","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#,
            #"{"type":"error","error":{"type":"invalid_request_error","message":"words"}}"#, "words", "",
        ])
    func whatIsUnpaidIsToldAsThat(_ kind: ExchangeFailure.Kind, _ body: String) throws {
        let unpaid = failure(402, body, kind: kind)
        let openAI = try told(.openAI, unpaid)["error"]
        let anthropic = try told(.anthropic, unpaid)["error"]

        #expect(openAI?["type"] == "insufficient_quota" && openAI?["code"] == "insufficient_quota")
        #expect(openAI?["message"] == "words" && anthropic?["message"] == "words")
        #expect(openAI?["x"] == (body.contains("x") && body.contains("402") ? 1 : nil))
        #expect(anthropic?["type"] == "billing_error")
        #expect(try told(.ollama, unpaid)["error"] == "words")
        #expect([Dialect.openAI, .anthropic, .ollama].allSatisfy { $0.understood(unpaid).clientStatus == 402 })
    }

    @Test func onlyAnthropicsClientsAreToldOf529() {
        for dialect in [Dialect.openAI, .ollama] {
            #expect(dialect.understood(failure(529, "", kind: .busy)).clientStatus == 503)
        }
    }

    @Test func theBackendsNameIsNoPartOfTheWords() throws {
        let plain = ExchangeFailure(kind: .connect, message: "server:1: connection refused")

        #expect(try told(.openAI, plain)["error"]?["message"] == "server:1: connection refused")
        #expect(try told(.anthropic, plain)["error"]?["message"] == "server:1: connection refused")
        #expect(try told(.ollama, plain)["error"] == "server:1: connection refused")
    }

    @Test func anEventIsTheSameErrorInOneLine() throws {
        let full = Dialect.anthropic.understood(failure(400, vLLM))

        let event = String(decoding: Dialect.anthropic.errorEvent(full, requestID: "r"), as: UTF8.self)
        #expect(event.hasPrefix("event: error\ndata: {") && event.contains("prompt is too long: 9000"))
        let line = String(decoding: Dialect.ollama.errorEvent(full, requestID: "r"), as: UTF8.self)
        #expect(line.hasSuffix("}\n") && line.dropLast().allSatisfy { $0 != "\n" })
    }
}

/// Fields of the heads that the gateway writes.
@Suite struct AnswerFieldTests {
    private func head(_ type: AnswerType, _ origin: AnswerOrigin? = nil) -> String {
        var writer = AnswerWriter(
            status: 200, common: AnswerWriter.Common(requestID: "r", isModern: true, keepAlive: true), bodyCapacity: 0)
        if let origin { writer.origin(origin) }
        writer.contentType(type, of: origin)
        return String(buffer: writer.bytes)
    }

    @Test func ourStreamsTellTheirCharsetAndAreNotHeldByProxies() {
        for type in [AnswerType.eventStream, .jsonLines] {
            #expect(head(type).contains("; charset=utf-8\r\n") && head(type).contains("\r\nx-accel-buffering: no"))
        }
        #expect(!head(.json).contains("x-accel-buffering"))
    }

    @Test func whatTheServerWroteIsKept() {
        let field = HeaderField(name: "x-accel-buffering", value: "yes")
        let origin = AnswerOrigin(attempts: 1, fields: [field], contentType: "text/event-stream; charset=UTF-8; x=1")
        let text = head(.eventStream, origin)

        #expect(text.contains("content-type: text/event-stream; charset=UTF-8; x=1"))
        #expect(text.contains("x-accel-buffering: yes") && !text.contains("x-accel-buffering: no"))
    }
}
