import JSON
import Testing

@testable import Dialects

@Suite struct AnthropicErrorTests {
    @Test(arguments: [
        (400, "invalid_request_error"), (401, "authentication_error"), (402, "billing_error"),
        (403, "permission_error"), (404, "not_found_error"), (405, "invalid_request_error"),
        (413, "request_too_large"), (422, "invalid_request_error"), (429, "rate_limit_error"), (500, "api_error"),
        (502, "api_error"), (503, "overloaded_error"), (504, "timeout_error"), (529, "overloaded_error"),
    ])
    func theTypeGoesByTheStatus(_ status: Int, _ type: String) {
        let body = AnthropicError.body(ClientError(status: status, message: "a \"b\""), requestID: "r1")

        #expect(
            String(decoding: body, as: UTF8.self)
                == #"{"type":"error","error":{"type":"\#(type)","message":"a \"b\""},"request_id":"r1"}"#)
    }

    @Test func aStreamEndsWithAnEventNamedError() {
        let event = AnthropicError.event(ClientError(status: 503, message: "busy"), requestID: "r1")

        #expect(
            String(decoding: event, as: UTF8.self)
                == "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                + "\"message\":\"busy\"},\"request_id\":\"r1\"}\n\n")
    }
}

@Suite struct AnthropicRequestTests {
    @Test(arguments: ["5", "[]", "null", "\"a\""])
    func aBodyThatIsNoObjectIsRefused(_ body: String) throws {
        let body = try JSONValue.parse(body)

        #expect(throws: ClientError(status: 400, message: "The body must be a JSON object.")) {
            try AnthropicMessages.translate(body, model: "m", askedModel: "m", requestID: "r")
        }
        #expect(throws: ClientError(status: 400, message: "The body must be a JSON object.")) {
            try AnthropicTokens.estimate(body)
        }
    }

    @Test func warningsAreFitForAHeaderWhateverTheClientSends() throws {
        let tools = (0..<40).map { JSONValue.object(JSONObject([(name: "type", value: .string("é\r\nx: \($0)"))])) }
        let body: JSONValue = [
            "max_tokens": 1, "messages": [["role": "user", "content": "Hi"]], "tools": .array(tools),
        ]

        let warnings = try AnthropicMessages.translate(body, model: "m", askedModel: "m", requestID: "r").warnings

        #expect(warnings.count == 16)
        #expect(
            warnings.first == "Tools of type ???x: 0 were left out: only Anthropic's own models and servers know them.")
    }
}

@Suite struct AnthropicAnswerTests {
    private func piece(_ answer: inout AnthropicAnswer, _ text: String) throws -> String {
        let bytes = Array(text.utf8)
        let out = bytes.withUnsafeBytes { bytes in Result { () throws(AnswerProblem) in try answer.piece(bytes) } }
        return String(decoding: try out.get(), as: UTF8.self)
    }

    @Test func theMessageStartsWithTheFirstChunkAndTextIsNotHeldBack() throws {
        var answer = AnthropicAnswer(requestID: "r1", model: "m")

        let first = try piece(&answer, "data: {\"choices\":[]}\n")
        let second = try piece(&answer, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n")

        #expect(first.hasPrefix("event: message_start\n"))
        #expect(second.hasSuffix("\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n"))
    }

    @Test func aToolsInputFlowsAsItComes() throws {
        var answer = AnthropicAnswer(requestID: "r1", model: "m")
        let call = #"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"a","arguments":"{\"x"}}]}}]}"#

        let out = try piece(&answer, "data: \(call)\n\n")

        #expect(out.hasSuffix(#""delta":{"type":"input_json_delta","partial_json":"{\"x"}}"# + "\n\n"))
    }

    @Test func theBlockIsClosedWithTheReasonAndTheMessageWithTheEndMark() throws {
        var answer = AnthropicAnswer(requestID: "r1", model: "m")
        _ = try piece(&answer, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n")

        let reason = try piece(&answer, "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n")
        let usage = try piece(&answer, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n")
        let mark = try piece(&answer, "data: [DONE]\n\n")

        #expect(reason == "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n")
        #expect(usage.isEmpty)
        #expect(mark.hasSuffix("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"))
        #expect(try answer.end().isEmpty)
    }

    @Test func anAnswerThatIsNotJSONIsAProblem() {
        var answer = AnthropicAnswer(requestID: "r1", model: "m")

        let whole = Array("{\"a\":".utf8).withUnsafeBytes { bytes in
            Result { () throws(AnswerProblem) in try answer.whole(bytes) }
        }

        #expect(throws: AnswerProblem("The backend's answer is not JSON: unexpected end at byte 5.")) {
            try whole.get()
        }
    }
}

@Suite struct AnthropicToolInputTests {
    @Test(arguments: [
        ("{}", "{}"), (#"{"a":1}"#, #"{"a":1}"#), ("", "{}"), ("null", "{}"), ("[1]", "{}"), ("5", "{}"),
        ("{", "{}"), (#"{"a""#, "{}"), (#"{"a":"#, "{}"), (#"{"a":1"#, "{}"), (#"{"a":1,"#, #"{"a":1}"#),
        (#"{"a":{"b":2,"c":"x,y}"#, #"{"a":{"b":2}}"#), (#"{"a":[1,{"b":2},"#, #"{"a":[1,{"b":2}]}"#),
        (#"{"a":"\"}","b":"#, #"{"a":"\"}"}"#), (#"{"a":1}}"#, #"{"a":1}"#), (#"{"a":1}{"a":2}"#, #"{"a":1}"#),
        ("}{", "{}"), (#""{\"a\":1}""#, #"{"a":1}"#),
        (#""x""#, "{}"),
    ])
    func whatIsWholeOfAnInputIsKept(_ arguments: String, _ input: String) {
        let object = AnthropicToolInput.object(.string(arguments))

        #expect(String(decoding: JSONValue.object(object).bytes, as: UTF8.self) == input)
    }
}

@Suite struct AnthropicTokensTests {
    private func estimate(_ content: JSONValue, _ more: [(name: String, value: JSONValue)] = []) throws -> Int {
        let message: JSONValue = ["role": "user", "content": content]
        return try AnthropicTokens.estimate(.object(JSONObject([(name: "messages", value: [message])] + more)))
    }

    /// Of one message of text: 3 for the answer's begin and 4 for the message.
    @Test(arguments: [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("éééé", 2), ("你好世界", 4), ("안녕 abc", 3), ("😀", 1)])
    func textCountsByItsScript(_ text: String, _ tokens: Int) throws {
        #expect(try estimate(.string(text)) == 7 + tokens)
    }

    @Test func everyKindOfContentCounts() throws {
        let image: JSONValue = ["type": "image", "source": ["type": "url", "url": "https://example.com/a.png"]]
        let tool: JSONValue = ["name": "a", "input_schema": ["type": "object"]]
        let history: JSONValue = [
            ["role": "user", "content": "abcd"],
            [
                "role": "assistant",
                "content": [
                    ["type": "thinking", "thinking": "abcd", "signature": ""],
                    ["type": "tool_use", "id": "t", "name": "abcd", "input": ["a": 10]],
                ],
            ],
            ["role": "user", "content": [["type": "tool_result", "tool_use_id": "t", "content": "abcd"]]],
        ]

        #expect(try estimate([image]) == 7 + 1600)
        #expect(try estimate("abcd", [(name: "system", value: "abcd")]) == 3 + 2 * (4 + 1))
        #expect(try estimate("abcd", [(name: "tools", value: [tool])]) == 7 + 8 + (4 + 42 + 3) / 4)
        #expect(try AnthropicTokens.estimate(["messages": history]) == 3 + 3 * 4 + 1 + (1 + 1 + 2) + 1)
    }

    @Test func aRequestThatIsWrongIsRefusedAsForAMessage() {
        #expect(throws: ClientError(status: 400, message: "messages: this field is required.", param: "messages")) {
            try AnthropicTokens.estimate(["model": "m"])
        }
    }

    @Test func theBodyIsTheCount() {
        #expect(AnthropicTokens.body(12) == Array("{\"input_tokens\":12}".utf8))
    }
}
