import Testing

@testable import JSON

/// What servers say went wrong, as they say it.
@Suite struct ToldErrorTests {
    private func message(_ body: String) -> String? { ToldError.body(Array(body.utf8))?.message }

    @Test(arguments: [
        (#"{"error":{"message":"why","type":"t","code":"c"}}"#, "why"), (#"{"error":"why"}"#, "why"),
        (#"{"error":{"msg":"why"}}"#, "why"), (#"{"error":{"error":{"message":"why"}}}"#, "why"),
        (#"{"object":"error","message":"why"}"#, "why"),
        (#"{"type":"error","error":{"type":"t","message":"why"}}"#, "why"), (#"{"message":"why"}"#, "why"),
        (#"{"msg":"why"}"#, "why"), (#"{"detail":"why"}"#, "why"), (#"{"detail":{"error":{"message":"why"}}}"#, "why"),
        (
            #"{"detail":[{"loc":["body","messages",0,"content"],"msg":"Field required"}]}"#,
            "messages.0.content: Field required"
        ),
        (#"{"errors":[{"message":"one"},{"message":"two"}]}"#, "one; two"), (#"{"errors":["one","one"]}"#, "one"),
        (#"{"errors":{"name":["x"]},"title":"why"}"#, "why"),
        (#"[{"error":{"message":"why","code":400}}]"#, "why"), (#"[{"message":"one"},{"message":"two"}]"#, "one; two"),
        (#"{"type":"https://x/y","title":"Bad","status":400,"detail":"why"}"#, "Bad: why"),
        (#"{"error":"Bad Request","message":"why"}"#, "Bad Request: why"),
        (#"{"error":"invalid_grant","error_description":"why"}"#, "invalid_grant"), (#"{"Message":"why"}"#, "why"),
        (#"{"fault":{"faultstring":"why"}}"#, "why"), (#""why""#, "why"), (#"{"x":1}"#, #"{"x":1}"#),
        (#"{"error":{"message":"{\"error\":{\"message\":\"why\"}}"}}"#, "why"),
        (#"{"error":["one","two"]}"#, "one; two"),
    ])
    func theWordsAreFoundInEveryShape(_ body: String, _ words: String) {
        #expect(message(body) == words)
    }

    @Test(arguments: [
        ("why not", "why not"), ("  why\r\n\tnot \n", "why not"),
        ("<html><body><h1>502 Bad Gateway</h1></body></html>", "502 Bad Gateway"),
        (
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center></body></html>",
            "502 Bad Gateway nginx"
        ),
        (
            "<!DOCTYPE html><title>Error</title><style>p{}</style><script>if(a<b){}</script><pre>Cannot POST &#39;/x&#39;</pre>",
            "Error: Cannot POST '/x'"
        ),
        (
            "<?xml version='1.0'?><Error><Code>Throttling</Code><Message>slow &amp; low</Message></Error>",
            "Throttling slow & low"
        ),
        ("<p>a --> b <!-- c --> d</p>", "a --> b d"),
        ("data: {\"error\":{\"message\":\"why\"}}\n\n", "why"),
        ("event: error\ndata: {\"message\":\"why\"}\n\n", "why"),
        ("{\"error\":\"why\"}\n{\"done\":true}\n", "why"), ("\u{FEFF}{\"error\":\"why\"}", "why"),
        ("{\"error\":\"cut o", "{\"error\":\"cut o"),
    ])
    func whatIsNoJSONIsTextInOneLine(_ body: String, _ words: String) {
        #expect(message(body) == words)
    }

    @Test(arguments: ["", " \n", "{}", "[]", "null", "<br>", "{\"error\":null}", "\u{1F}\u{8B}\u{8}\u{0}\u{0}"])
    func whatSaysNothingIsNothing(_ body: String) {
        #expect(message(body) == nil || message(body) == body)
        #expect(body.utf8.contains(0x7B) || message(body) == nil)
    }

    @Test func aMessageIsCutBetweenCharacters() {
        let family = "👩‍👩‍👧‍👦"
        let long = message(String(repeating: family, count: 5000))
        let page = message("<p>" + String(repeating: "é", count: 5000))

        #expect(long?.hasSuffix("…") == true && long?.dropLast().allSatisfy { String($0) == family } == true)
        #expect(long.map { $0.utf8.count <= 8 * ToldError.messageLimit + 3 } == true)
        #expect(page == String(repeating: "é", count: 300) + "…")
        #expect(message("x" + String(repeating: "\u{301}", count: 100_000)).map { $0.utf8.count < 20_000 } == true)
    }

    @Test func anErrorInAnAnswerIsOneThatIsMarked() throws {
        for text in [
            #"{"message":"hello","choices":[]}"#, #"{"error":null,"detail":"x"}"#, #"{"error":false}"#,
            #"{"error":""}"#,
            #"{"errors":["x"]}"#,
        ] {
            #expect(try ToldError.inside(JSONValue.parse(text)) == nil, "\(text)")
        }
        let told = try ToldError.inside(
            JSONValue.parse(#"{"error":{"message":"why","type":"t","param":"p","code":503}}"#))
        #expect(told?.isOpenAIs == true && told?.status == 503 && told?.type == "t" && told?.param == "p")
    }
}

/// What it means.
@Suite struct ErrorMeaningTests {
    private func meaning(_ status: Int, _ body: String) -> ErrorMeaning {
        ErrorMeaning(status: status, ToldError.body(Array(body.utf8)) ?? ToldError(message: nil))
    }

    @Test(
        arguments: [
            (
                "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens in the messages.",
                9000, 8192, nil
            ),
            (
                "This model's maximum context length is 102400 tokens. However, you requested 107837 tokens (99645 in the messages, 8192 in the completion). Please reduce the length of the messages or completion.",
                99645, 102_400, 8192
            ),
            (
                "This model's maximum context length is 8,192 tokens. However, your messages resulted in 9,000 tokens.",
                9000, 8192, nil
            ),
            (
                "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it", 9000, 8192,
                nil
            ),
            (
                "The input (345516 tokens) is longer than the model's context length (262144 tokens).", 345_516,
                262_144, nil
            ),
            (
                "Input length (9000 tokens) exceeds the maximum allowed length (8187 tokens). Use a shorter input.",
                9000, 8187, nil
            ),
            ("Input validation error: `inputs` must have less than 4095 tokens. Given: 9000", 9000, 4095, nil),
            (
                "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8192. Given: 8000 `inputs` tokens and 500 `max_new_tokens`",
                8000, 8192, 500
            ),
            (
                "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
                40_000, 32_768, nil
            ),
            (
                "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", 1_200_000,
                1_048_576, nil
            ),
            (
                "This model's maximum prompt length is 131072 but the request contains 537812 tokens.", 537_812,
                131_072, nil
            ),
            ("prompt token count of 74490 exceeds the limit of 72000", 74_490, 72_000, nil),
            ("prompt is too long: 208310 tokens > 200000 maximum", 208_310, 200_000, nil),
            (
                "input length and `max_tokens` exceed context limit: 187254 + 20000 > 204798, decrease input length",
                187_254, 204_798, 20_000
            ),
            ("The decoder prompt (length 9000) is longer than the maximum model length of 8192.", 9000, 8192, nil),
            (
                "Your input exceeds the context window of this model. Please adjust your input and try again.", nil,
                nil, nil
            ),
            ("the input length exceeds the context length", nil, nil, nil),
            (
                "Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.",
                9000, 4096, nil
            ),
            ("Prompt length 9000 is greater than max_seq_len 8192", 9000, 8192, nil),
            ("context too long", nil, nil, nil),
            ("Invalid request: Your request exceeded model token limit: 262144", nil, nil, nil),
        ] as [(String, Int?, Int?, Int?)])
    func aFullContextIsRecognisedWithItsNumbers(_ words: String, _ asked: Int?, _ limit: Int?, _ answer: Int?) throws {
        let body = String(
            decoding: JSONValue(dictionaryLiteral: ("error", ["message": .string(words)])).bytes, as: UTF8.self)
        for text in [body, words] {
            guard case .fullContext(let full) = meaning(400, text) else {
                Issue.record("\(words)")
                continue
            }
            if let asked { #expect(full == FullContext(asked: asked, limit: limit, answer: answer), "\(words)") }
            if asked == nil { #expect(full.asked == nil, "\(words)") }
        }
    }

    @Test func namesAndNumbersOfItsOwnTellItToo() {
        let llama =
            #"{"error":{"code":400,"message":"too big","type":"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":8192}}"#

        #expect(meaning(400, llama) == .fullContext(FullContext(asked: 9000, limit: 8192)))
        #expect(
            meaning(400, #"{"error":{"message":"no","code":"context_length_exceeded"}}"#) == .fullContext(FullContext())
        )
        #expect(
            meaning(500, "the input is too large to process. increase the physical batch size")
                == .fullContext(FullContext()))
    }

    @Test(arguments: [
        (429, "Request too large for gpt-4 on tokens per min (TPM): Limit 10000, Requested 12000."),
        (413, "Request too large: Limit 6000, Requested 9000 tokens per minute, input tokens"),
        (400, "max_tokens is too large: 100000. This model supports at most 16384 completion tokens"),
        (400, "The context parameter is required"), (404, "context length exceeded"), (400, "image is too large"),
        (413, "Request Entity Too Large"), (400, "temperature must not exceed 2"),
    ])
    func otherLimitsAreNoFullContext(_ status: Int, _ words: String) {
        if case .fullContext = meaning(status, words) { Issue.record("\(words)") }
    }

    @Test func limitsAndOverloadAreToldByStatusOrName() {
        #expect(meaning(402, "x") == .unpaid)
        #expect(meaning(402, #"{"error":{"message":"x","code":"insufficient_quota"}}"#) == .unpaid)
        #expect(meaning(429, #"{"error":{"message":"x","code":"insufficient_quota"}}"#) == .rateLimit)
        #expect(meaning(200, #"{"error":{"message":"x","type":"billing_error"}}"#) == .unpaid)
        #expect(meaning(400, #"{"error":{"message":"Your credit balance is too low to go on"}}"#) == .unpaid)
        #expect(meaning(429, "x") == .rateLimit && meaning(503, "x") == .overload && meaning(529, "x") == .overload)
        #expect(
            meaning(200, #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#) == .overload)
        #expect(meaning(200, #"{"error":{"message":"x","code":"rate_limit_exceeded"}}"#) == .rateLimit)
        #expect(
            meaning(500, "x") == .other && meaning(200, #"{"error":{"message":"x","code":"server_error"}}"#) == .other)
    }

    @Test(arguments: [
        (401, "", true), (403, "", false), (403, "<html>Attention Required! | Cloudflare</html>", false),
        (403, "Country, region, or territory not supported", false),
        (403, #"{"error":{"message":"no","type":"authentication_error"}}"#, true), (403, "Invalid API key", true),
        (403, "Please use API Key or other form of API consumer identity", true),
        (403, "Your API key does not have permission to use this model", false), (400, "bad API key", false),
        (403, #"{"error":{"message":"Project does not have access to model","code":"model_not_found"}}"#, false),
    ])
    func onlyWhatSaysSoRefusesTheKey(_ status: Int, _ body: String, _ refuses: Bool) {
        #expect((meaning(status, body) == .refusedKey) == refuses)
    }
}
