import JSON
import Testing

@testable import Core

@Suite("What is taken out of a body before it is kept") struct RedactionTests {
    private func redacted(_ rules: [String], _ body: String, type: String = "application/json", isCut: Bool = false)
        -> String
    {
        let redaction = Redaction(rules.compactMap(RedactionRule.init))
        switch redaction.apply(to: Array(body.utf8), type: type, isCut: isCut) {
        case .body(let bytes, _): return String(decoding: bytes, as: UTF8.self)
        case .impossible(let why): return why
        }
    }

    @Test(arguments: [
        (
            "messages.*.content", #"{"messages":[{"role":"user","content":"hi"}]}"#,
            #"{"messages":[{"role":"user","content":"[redacted]"}]}"#
        ),
        (
            "**.password", #"{"a":[{"b":{"password":1}}],"password":2}"#,
            #"{"a":[{"b":{"password":"[redacted]"}}],"password":"[redacted]"}"#
        ),
        ("messages.0", #"{"messages":[1,2]}"#, #"{"messages":["[redacted]",2]}"#),
        ("*", #"{"a":1,"b":{"c":2}}"#, #"{"a":"[redacted]","b":"[redacted]"}"#),
        ("**.*.c", #"{"a":{"c":1},"c":2}"#, #"{"a":{"c":"[redacted]"},"c":2}"#),
        ("user", #"{"model":"m"}"#, #"{"model":"m"}"#),
        ("a", #"{"a":1,"a":2}"#, #"{"a":"[redacted]","a":"[redacted]"}"#),
    ])
    func rulesNameMembers(rule: String, body: String, expected: String) { #expect(redacted([rule], body) == expected) }

    @Test func whatNoRuleNamesStaysByteForByte() {
        let body = #"{ "a" : 1e3 , "b":[ ] }"#
        #expect(redacted(["c"], body) == body && redacted([], "no JSON at all") == "no JSON at all")
    }

    @Test func eventsOfAStreamAreRedactedEachByItself() {
        let stream = """
            : keep-alive
            event: response.output_text.delta
            id: chatcmpl-1
            data: {"choices":[{"delta":{"content":"secret"}}]}

            data: [DONE]


            """
        let result = redacted(["choices.*.delta.content"], stream, type: "text/event-stream; charset=utf-8")
        #expect(result == stream.replacing("secret", with: "[redacted]"))
    }

    @Test(arguments: ["\n", "\r", "\r\n"]) func linesEndAsThoseOfEventStreamsDo(end: String) {
        let stream = ["data: {\"content\":\"secret\"}", "data: [DONE]", ""].map { $0 + end + end }.joined()
        #expect(
            redacted(["content"], stream, type: "text/event-stream") == stream.replacing("secret", with: "[redacted]"))
        let lines = "{\"content\":\"secret\"}\(end){\"content\":\"secret\"}\(end)"
        #expect(
            redacted(["content"], lines, type: "application/x-ndjson") == lines.replacing("secret", with: "[redacted]"))
    }

    @Test(
        "what stands where no data stand",
        arguments: [
            (": a secret", ": [redacted]"), (":", ":"), (": ping", ": ping"), ("event: a secret", "event: [redacted]"),
            ("event:error", "event:error"), ("id: {\"a\":\"secret\"}", "id: [redacted]"), ("secret", ": [redacted]"),
            ("secret: x", ": [redacted]"), (" data: secret", ": [redacted]"), ("retry: 3000", "retry: 3000"),
            ("data", "data"),
            ("id: \(String(repeating: "s", count: 65))", "id: [redacted]"),
        ])
    func ofOtherLinesAPlainNameIsKept(line: String, kept: String) {
        #expect(redacted(["content"], line + "\n\n", type: "text/event-stream") == kept + "\n\n")
        #expect(redacted([], line, type: "text/event-stream") == line)
    }

    @Test func dataOfSeveralLinesAreOneText() {
        let stream = "data: {\"content\":\ndata: \"secret\"\ndata: }\n\ndata: {\"a\":\ndata:  1}\n\n"
        #expect(
            redacted(["content"], stream, type: "text/event-stream")
                == "data: {\"content\":\"[redacted]\"}\n\ndata: {\"a\":\ndata:  1}\n\n")
    }

    @Test func aMarkOfByteOrderHidesNothing() {
        #expect(
            redacted(["a"], "\u{FEFF}data: {\"a\":\"secret\"}\n\n", type: "text/event-stream")
                == "\u{FEFF}data: {\"a\":\"[redacted]\"}\n\n")
    }

    @Test func behindALineThatCannotBeReadNothingIsKept() {
        let lines = "{\"b\":1}\n{\"content\":\n\"secret\"\n}\n"
        #expect(
            redacted(["content"], lines, type: "application/x-ndjson")
                == "{\"b\":1}\n\"[redacted]\"\n\"[redacted]\"\n\"[redacted]\"\n")
    }

    @Test func ofAStreamThatWasCutOnlyWholeLinesAreKept() {
        let lines = "{\"message\":{\"content\":\"a\"}}\n{\"message\":{\"content\":\"sec"
        #expect(
            redacted(["message.content"], lines, type: "application/x-ndjson", isCut: true)
                == "{\"message\":{\"content\":\"[redacted]\"}}\n")
    }

    @Test func dataThatCannotBeReadAreNotKept() {
        #expect(redacted(["a"], "data: {\"a\":\"secret\n\n", type: "text/event-stream") == "data: \"[redacted]\"\n\n")
        #expect(redacted(["a"], "{\"a\":\"secret").contains("not JSON"))
        #expect(redacted(["a"], "{\"a\":\"secret\"}", isCut: true).contains("max_body_bytes"))
        #expect(redacted(["a"], "a=secret", type: "multipart/form-data").contains("not JSON"))
    }

    @Test(arguments: [
        "", ".", "a..b", "a.**", "a.", String(repeating: "a.", count: 20) + "a", String(repeating: "a", count: 600),
    ])
    func whatIsNoRuleIsNotTaken(_ text: String) { #expect(RedactionRule(text) == nil) }

    @Test("many rules that all may begin anywhere take no longer than they have parts") func rulesAreBounded() {
        let rules = (0..<RedactionRule.Limits.rules).map { "**.a.**.a.**.a.**.b\($0)" }
        let depth = 100
        let body = String(repeating: "{\"a\":", count: depth) + "1" + String(repeating: "}", count: depth)
        #expect(redacted(rules, body) == body)
    }
}

@Suite("Which requests are captured") struct CaptureRulesTests {
    @Test func ofChosenKeysAndModels() {
        var rules = Configuration.Captures()
        #expect(rules.fits(key: nil, models: ["m"]))
        rules.keys = ["app*"]
        #expect(
            rules.fits(key: "app-1", models: ["m"]) && !rules.fits(key: "other", models: ["m"])
                && !rules.fits(key: nil, models: []))
        rules.models = ["llama*", "gpt"]
        #expect(rules.fits(key: "app", models: ["fast", "llama3"]) && !rules.fits(key: "app", models: ["fast"]))
    }
}

@Suite("Bytes as text") struct Base64TextTests {
    @Test(
        "RFC 4648, section 10",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func thatIsTheStandards(plain: String, text: String) {
        #expect(Base64Text.encoded(Array(plain.utf8)) == text)
        #expect(Base64Text.decoded(text) == Array(plain.utf8))
    }

    @Test(arguments: ["Zg=", "Zg", "Z===", "Zm9v!A==", "===="]) func whatIsNoneIsNotRead(_ text: String) {
        #expect(Base64Text.decoded(text) == nil)
    }

    @Test func allBytesComeBack() {
        let bytes = (0...255).map { UInt8($0) }
        #expect(Base64Text.decoded(Base64Text.encoded(bytes)) == bytes)
    }
}
