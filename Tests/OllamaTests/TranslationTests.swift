import PluginAPI
import Testing

@testable import Ollama

/// What goes to Ollama for an OpenAI request.
private func sent(_ request: String, _ options: String = "{}") throws -> JSONValue {
    try ChatRequest.translate(
        JSONValue.parse(request), model: "m:1b", options: Options(JSONValue.parse(options).object ?? JSONObject()))
}

private func chat(_ members: String) -> String {
    #"{"model":"alias","messages":[{"role":"user","content":"hi"}]\#(members)}"#
}

@Suite struct ChatRequestTests {
    @Test func aPlainRequestNamesTheModelAndNoMoreThanWasAsked() throws {
        #expect(
            try sent(chat(""))
                == JSONValue.parse(#"{"model":"m:1b","messages":[{"role":"user","content":"hi"}],"stream":false}"#))
    }

    @Test func samplingGoesUnderOptionsByOllamasNames() throws {
        let request = chat(
            #","temperature":0,"top_p":0.5,"seed":7,"max_tokens":10,"stop":"END","presence_penalty":null,"top_k":3"#)

        #expect(
            try sent(request)["options"]
                == JSONValue.parse(#"{"temperature":0,"top_p":0.5,"seed":7,"top_k":3,"num_predict":10,"stop":["END"]}"#)
        )
    }

    @Test func theNewerLimitOfTokensWins() throws {
        #expect(try sent(chat(#","max_tokens":10,"max_completion_tokens":20"#))["options"]?["num_predict"]?.int == 20)
        #expect(try sent(chat(#","max_tokens":10,"max_completion_tokens":null"#))["options"]?["num_predict"]?.int == 10)
    }

    @Test func responseFormatsBecomeFormats() throws {
        let schema = #","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}"#

        #expect(try sent(chat(#","response_format":{"type":"json_object"}"#))["format"]?.string == "json")
        #expect(try sent(chat(schema))["format"] == ["type": "object"])
        #expect(try sent(chat(#","response_format":{"type":"text"}"#))["format"] == nil)
    }

    @Test func anOptionThatWouldBreakOtherModelsIsNotSent() throws {
        #expect(try sent(chat(""), #"{"think":true}"#)["think"] == nil)
        #expect(try sent(chat(#","keep_alive":null,"stop":[]"#), #"{"keep_alive":"5m"}"#)["keep_alive"] == "5m")
        #expect(try sent(chat(#","stop":[]"#))["options"] == nil)
    }

    @Test func argumentsMayBeAnObject() throws {
        let call = #"{"function":{"name":"f","arguments":{"x":1}}}"#
        let messages = try sent(#"{"model":"m","messages":[{"role":"assistant","tool_calls":[\#(call)]}]}"#)["messages"]

        #expect(messages?[0]?["tool_calls"]?[0]?["function"]?["arguments"] == ["x": 1])
    }

    @Test func theBackendsOptionsHoldUnlessTheRequestSaysOtherwise() throws {
        let options = #"{"num_ctx":8192,"keep_alive":"5m","think":false}"#
        let plain = try sent(chat(""), options)
        let said = try sent(chat(#","num_ctx":4096,"keep_alive":0,"reasoning_effort":"high""#), options)

        #expect(plain["options"]?["num_ctx"]?.int == 8192 && plain["keep_alive"] == "5m" && plain["think"] == false)
        #expect(said["options"]?["num_ctx"]?.int == 4096 && said["keep_alive"] == 0 && said["think"] == "high")
    }

    @Test func toolsArePassedUnlessNoneAreToBeUsed() throws {
        let tools = #","tools":[{"type":"function","function":{"name":"f"}}]"#

        #expect(try sent(chat(tools))["tools"]?[0]?["function"]?["name"] == "f")
        #expect(try sent(chat(tools + #","tool_choice":"none""#))["tools"] == nil)
    }

    @Test func partsOfTextAreJoinedAndImagesComeApart() throws {
        let messages = try sent(
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"text","text":"b"}]}]}"#
        )["messages"]

        #expect(messages?[0]?["content"] == "a\nb" && messages?[0]?["images"] == ["AAAA"])
    }

    @Test func toolCallsAndTheirResultsKeepTheirIdsAndNames() throws {
        let messages = try sent(
            #"{"model":"m","messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},{"role":"tool","tool_call_id":"c1","content":"2"},{"role":"developer","content":"d"}]}"#
        )["messages"]

        #expect(messages?[0]?["tool_calls"]?[0]?["function"]?["arguments"] == ["x": 1])
        #expect(messages?[1]?["tool_name"] == "f" && messages?[1]?["content"] == "2")
        #expect(messages?[2]?["role"] == "system")
    }

    @Test(arguments: [
        (#"{"model":"m"}"#, "messages"), (#"{"model":"m","messages":[{"content":"x"}]}"#, "messages[0].role"),
        (#"{"model":"m","messages":[{"role":"user","content":5}]}"#, "messages[0].content"),
        (#"{"model":"m","messages":[{"role":"user","content":[{"type":"input_audio"}]}]}"#, "messages[0].content[0]"),
        (
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}]}"#,
            "messages[0].content[0]"
        ),
        (
            #"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"not json"}}]}]}"#,
            "messages[0].tool_calls[0].function.arguments"
        ),
        (#"{"model":"m","messages":[]}"#, "messages"), (chat(#","n":2"#), "n"), (chat(#","stop":5"#), "stop"),
        (chat(#","response_format":{"type":"json_schema"}"#), "response_format"),
    ])
    func whatOllamaCannotDoIsRefusedWithTheMembersName(_ request: String, _ param: String) throws {
        do {
            _ = try sent(request)
            Issue.record("was not refused")
        } catch let failure as Failure {
            #expect(failure.kind == NEXUS_FAIL_REJECTED && failure.status == 400)
            #expect(try JSONValue.parse(failure.body)["error"]?["param"]?.string == param)
        }
    }
}

@Suite struct ChatAnswerTests {
    private func translated(_ answer: String) throws -> (body: JSONValue, usage: TokenUsage)? {
        ChatAnswer.translate(try JSONValue.parse(answer), id: "chatcmpl-1", model: "m")
    }

    @Test func anAnswerHasOpenAIsShape() throws {
        let answer = try #require(
            try translated(
                #"{"created_at":"2026-01-02T03:04:05.678Z","message":{"role":"assistant","content":"hi","thinking":"hm"},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":4}"#
            ))

        #expect(answer.body["object"] == "chat.completion" && answer.body["id"] == "chatcmpl-1")
        #expect(answer.body["created"]?.int == 1_767_323_045)
        #expect(answer.body["choices"]?[0]?["message"]?["content"] == "hi")
        #expect(answer.body["choices"]?[0]?["message"]?["reasoning_content"] == "hm")
        #expect(answer.body["choices"]?[0]?["finish_reason"] == "stop")
        #expect(answer.body["usage"] == ["prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7])
        #expect(answer.usage == TokenUsage(prompt: 3, completion: 4))
    }

    @Test func countsThatAreMissingAreUnknown() throws {
        let answer = try #require(try translated(#"{"message":{"content":"x"},"done":true,"eval_count":4}"#))

        #expect(answer.usage == TokenUsage(completion: 4))
        #expect(answer.body["usage"]?.isNull == true)
    }

    @Test func toolCallsGetIdsAndArgumentsAsText() throws {
        let answer = try #require(
            try translated(
                #"{"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{"x":1}}},{"function":{"name":"g","arguments":{}}}]},"done":true,"done_reason":"stop"}"#
            ))
        let calls = answer.body["choices"]?[0]?["message"]?["tool_calls"]

        #expect(calls?[0]?["function"] == ["name": "f", "arguments": #"{"x":1}"#])
        #expect(calls?[0]?["id"]?.string != calls?[1]?["id"]?.string)
        #expect(answer.body["choices"]?[0]?["finish_reason"] == "tool_calls")
        #expect(answer.body["choices"]?[0]?["message"]?["content"]?.isNull == true)
    }

    @Test func anAnswerThatIsNotDoneIsNone() throws {
        #expect(try translated(#"{"message":{"content":"x"},"done":false}"#) == nil)
        #expect(try translated(#"{"done":true}"#) == nil)
    }

    @Test func aLengthCutIsToldEvenWithToolCalls() {
        #expect(FinishReason.of("length", toolCalls: 1) == "length")
        #expect(FinishReason.of(nil, toolCalls: 0) == "stop")
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:00:00.5Z", 951_825_600),
            ("2026-11-24T10:00:00+02:00", 1_795_507_200),
            ("2024-12-31T23:59:59.999999-05:00", 1_735_707_599), ("nonsense", 0), ("2026-13-01T00:00:00Z", 0),
        ] as [(String, Int64)])
    func timesAreUnixSeconds(_ text: String, _ seconds: Int64) {
        #expect(CreatedAt.seconds(text) == seconds)
    }
}

@Suite struct EmbeddingsTests {
    @Test func inputAndAnswerAreTranslated() throws {
        let request = try Embeddings.request(
            JSONValue.parse(#"{"input":["a","b"],"dimensions":2}"#), model: "e", options: Options())
        let answer = try #require(
            Embeddings.answer(
                try JSONValue.parse(#"{"embeddings":[[0.5,-1],[2,3]],"prompt_eval_count":4}"#), count: 2,
                model: "e", base64: false))

        #expect(request == ["model": "e", "input": ["a", "b"], "dimensions": 2])
        #expect(answer.body["data"]?[1] == ["object": "embedding", "index": 1, "embedding": [2, 3]])
        #expect(answer.usage.prompt == 4)
    }

    @Test func base64HoldsFloatsOf32Bits() {
        #expect(Base64.floats([0.5, -1]) == "AAAAPwAAgL8=")
        #expect(
            ["", "f", "fo", "foo", "foob"].map { Base64.encode(Array($0.utf8)) } == [
                "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==",
            ])
    }

    @Test(arguments: [
        #"{"embeddings":[]}"#, #"{"embeddings":[null]}"#, #"{"embeddings":[["x"]]}"#, #"{"embeddings":[[]]}"#,
    ])
    func anAnswerWithoutAVectorForEachInputIsNone(_ answer: String) throws {
        #expect(Embeddings.answer(try JSONValue.parse(answer), count: 1, model: "e", base64: true) == nil)
    }

    @Test(arguments: ["{}", #"{"input":[]}"#, #"{"input":[1,2]}"#, #"{"input":""}"#, #"{"input":["a",""]}"#])
    func tokensAndNothingAreRefused(_ request: String) {
        #expect(throws: Failure.self) {
            _ = try Embeddings.request(JSONValue.parse(request), model: "e", options: Options())
        }
    }
}
