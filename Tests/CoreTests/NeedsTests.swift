import Testing

@testable import Core

/// What a request's body tells of the abilities that it needs, in the words of each API.
@Suite struct NeedsTests {
    private func needs(_ members: String, kind: RequestKind = .chat, path: String = "/v1/chat/completions") throws
        -> Needs
    {
        let bytes = Array(#"{"model":"m"\#(members.isEmpty ? "" : ",")\#(members)}"#.utf8)
        let peek = try bytes.withUnsafeBytes { try RequestScanner.scan($0) }
        return Needs(peek, kind: kind, path: path, bytes: bytes.count)
    }

    private static let tool = #"[{"type":"function","function":{"name":"f"}}]"#

    @Test(
        arguments: [
            ("", []), (#""messages":[{"role":"user","content":"image_url"}]"#, []),
            (#""messages":[{"content":[{"type":"image_url","image_url":{"url":"http://x"}}]}]"#, .vision),
            (#""tools":\#(tool)"#, .tools), (#""functions":[{"name":"f"}]"#, .tools), (#""functions":[]"#, []),
            (#""tools":\#(tool),"tool_choice":"none""#, []), (#""tool_choice":"auto","tools":\#(tool)"#, .tools),
            (#""tools":[{"function":{"parameters":{"properties":{"image_url":{"type":"image"}}}}}]"#, .tools),
            (#""response_format":{"type":"json_schema","json_schema":{"images":[1]}}"#, .jsonMode),
            (#""response_format":{"type":"text"}"#, []), (#""metadata":{"type":"image","images":[1]}"#, []),
        ] as [(String, Capabilities)]) func ofOpenAIsChats(_ members: String, _ required: Capabilities) throws
    {
        let needs = try needs(members)

        #expect(needs.required == required && needs.wished == [] && needs.kind == .completion)
    }

    @Test(arguments: [
        (#""reasoning_effort":"low""#, true), (#""reasoning_effort":"none""#, false),
        (#""reasoning_effort":null"#, false), (#""reasoning":{"effort":"high"}"#, true),
        (#""reasoning":{"effort":"none"}"#, false), (#""reasoning":{}"#, false),
        (#""thinking":{"type":"enabled","budget_tokens":1024}"#, true), (#""thinking":{"type":"adaptive"}"#, true),
        (#""thinking":{"type":"disabled"}"#, false), (#""think":true"#, true), (#""think":"high""#, true),
        (#""think":false"#, false), (#""think":null"#, false),
    ]) func thinkingIsAWish(_ members: String, _ isWished: Bool) throws {
        let needs = try needs(members)

        #expect(needs.wished == (isWished ? .thinking : []) && needs.required == [])
    }

    @Test(
        arguments: [
            (#""input":[{"role":"user","content":[{"type":"input_image","image_url":"http://x"}]}]"#, .vision),
            (#""text":{"format":{"type":"json_schema","name":"x","schema":{}}}"#, .jsonMode),
            (#""text":{"format":{"type":"text"},"verbosity":"low"}"#, []), (#""text":"json""#, []),
        ] as [(String, Capabilities)]) func ofResponses(_ members: String, _ required: Capabilities) throws
    {
        #expect(try needs(members, kind: .responses, path: "/v1/responses").required == required)
    }

    @Test(
        arguments: [
            (
                #""messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"http://x"}}]}]"#,
                .vision
            ),
            (
                #""messages":[{"content":[{"type":"tool_result","content":[{"type":"image","source":{}}]}]}]"#, .vision
            ),
            (#""messages":[{"content":[{"type":"tool_use","input":{"type":"image","image_url":"x"}}]}]"#, []),
            (#""messages":[{"content":[{"type":"text","text":"\"type\":\"image\""}]}]"#, []),
            (#""tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"auto"}"#, .tools),
            (#""tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"none"}"#, []),
            (#""output_format":{"type":"json_schema","schema":{"type":"object"}}"#, .jsonMode),
            (#""output_config":{"effort":"low","format":{"type":"json_schema","schema":{}}}"#, .jsonMode),
            (#""output_config":{"effort":"low"}"#, []),
        ] as [(String, Capabilities)]) func ofAnthropicsMessages(_ members: String, _ required: Capabilities) throws
    {
        #expect(try needs(members, kind: .messages, path: "/v1/messages").required == required)
    }

    @Test(
        arguments: [
            (#""messages":[{"role":"user","content":"x","images":["aGk="]}]"#, .vision),
            (#""messages":[{"role":"user","content":"x","images":[ ]}]"#, []), (#""images":["aGk="]"#, .vision),
            (
                #""messages":[{"tool_calls":[{"function":{"name":"f","arguments":{"images":["x"],"type":"image"}}}]}]"#,
                []
            ),
            (#""format":"json""#, .jsonMode), (#""format":{"type":"object"}"#, .jsonMode), (#""format":"""#, []),
            (#""format":null"#, []),
        ] as [(String, Capabilities)]) func ofOllamas(_ members: String, _ required: Capabilities) throws
    {
        #expect(try needs(members, kind: .ollama, path: "/api/chat").required == required)
    }

    @Test(
        arguments: [
            (#""max_tokens":100"#, 100), (#""max_completion_tokens":200,"max_tokens":100"#, 200),
            (#""max_output_tokens":300"#, 300), (#""options":{"num_predict":400,"stop":["x"]}"#, 400),
            (#""options":{"num_predict":-1}"#, 0), (#""max_tokens":null"#, 0), (#""max_tokens":"9""#, 0),
            (#""max_tokens":4096.0"#, 4096), (#""max_tokens":999999999999999999999999"#, 999_999_999_999_999),
            (#""metadata":{"max_tokens":1}"#, 0), (#""options":7"#, 0),
        ] as [(String, UInt64)]) func theAnswerIsAsLongAsTheRequestSays(_ members: String, _ tokens: UInt64) throws
    {
        #expect(try needs(members).answer == tokens)
    }

    @Test func imagesAndFilesAreNoText() throws {
        let base64 = String(repeating: "QUJD", count: 10_000)
        let text = String(repeating: "some words ", count: 4000)
        let forms = [
            #""messages":[{"content":[{"image_url":{"url":"data:image/png;base64,\#(base64)"}}]}]"#,
            #""messages":[{"content":[{"type":"image","source":{"media_type":"image/png","data":"\#(base64)"}}]}]"#,
            #""messages":[{"images":["\#(base64)"]}]"#, #""images":["\#(base64)","\#(base64)"]"#,
        ]
        for form in forms { #expect(try needs(form).tokens < 100) }
        let document = #""messages":[{"content":[{"type":"document","source":{"type":"text","data":"\#(text)"}}]}]"#
        #expect(try needs(document).tokens > 10_000)
    }

    @Test func whoSetsTheContextIsNotJudgedByIt() throws {
        let text = String(repeating: "x", count: 4000)
        #expect(try needs(#""prompt":"\#(text)""#).tokens > 900)
        #expect(try needs(#""prompt":"\#(text)","options":{"num_ctx":8192}"#).tokens == 0)
        #expect(try needs(#""prompt":"\#(text)","num_ctx":8192"#).tokens == 0)
    }

    @Test(arguments: ["image_url", "input_image", "image\\u005furl"]) func whatIsWrittenAsNothingIsNoImage(
        _ name: String
    ) throws {
        for nothing in ["null", "false", "[]"] {
            let member = #""messages":[{"content":[{"type":"text","text":"hi","\#(name)":\#(nothing)}]}]"#
            #expect(try needs(member).required == [], "\(name) \(nothing)")
        }
        #expect(try needs(#""messages":[{"content":[{"\#(name)":{"url":"u"}}]}]"#).required == .vision)
    }

    @Test func ollamasOwnWordsSayWhatItsModelsCannotDo() throws {
        for path in ["/api/chat", "/api/generate"] {
            let unload = try needs(#""prompt":"","keep_alive":0"#, kind: .ollama, path: path)
            #expect(unload.kind == [] && unload.required == [])
        }
    }

    @Test func onlyTextIsJudged() throws {
        let embeddings = try needs(#""input":["a","b"],"tools":[1]"#, kind: .embeddings, path: "/v1/embeddings")
        #expect(embeddings == Needs(kind: .embedding))
        #expect(try needs(#""input":"a""#, kind: .ollama, path: "/api/embed").kind == .embedding)
        #expect(try needs(#""tools":[1]"#, kind: .countTokens, path: "/v1/messages/count_tokens") == Needs())
        #expect(try needs(#""query":"a""#, kind: .rerank, path: "/v1/rerank") == Needs())
    }

    /// Where another reader could see something else nothing is refused: it only tells less.
    @Test func nothingOfThisIsRefused() throws {
        #expect(try needs(#""think":true,"think":false"#).wished == [])
        #expect(try needs(#""th\u0069nk":true"#).wished == [])
        #expect(try needs(#""reasoning":[1],"thinking":1,"options":null,"tool_choice":[2],"text":3"#).required == [])
    }
}
