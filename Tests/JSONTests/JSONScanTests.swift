import Testing

@testable import JSON

private func scan(_ text: some Collection<UInt8>, cuts: [Int] = []) -> JSONScan {
    var scan = JSONScan()
    let bytes = Array(text)
    var start = 0
    for cut in cuts + [bytes.count] where cut >= start {
        bytes[start..<cut].withUnsafeBytes { scan.feed($0) }
        start = cut
    }
    return scan
}

private func scan(_ text: String) -> JSONScan { scan(text.utf8) }

private let texts = [
    #"{"id":"x","object":"chat.completion","n":[0,-1,3.25,1e9,-0.5E-3,10,true,false,null],"s":"a\n\"\\\/\u00e9\ud83d\ude00"}"#,
    #" { "choices" : [ { "message" : { "content" : "Grüße, 漢字 😀" } } ] , "usage" : { "prompt_tokens" : 5 } } "#,
    #"{"error":{"message":"no","code":500}}"#, #"{"a":[[],{},[{}],""],"":0}"#, "[]", "[1]", "\u{FEFF}{}", "12",
    "-0.5e7",
    #""text""#, "true", "null", "{}",
]

@Suite struct JSONScanTests {
    @Test(arguments: texts)
    func aWholeTextIsWholeWhereverItIsCutAndNoBeginningOfItIs(_ text: String) {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            #expect(scan(bytes, cuts: [cut]).isWhole, "cut at \(cut)")
            let begun = bytes[..<cut].withUnsafeBytes { JSONScan($0) }
            #expect(!begun.isBroken && begun.isWhole == ((try? JSONValue.parse(Array(bytes[..<cut]))) != nil))
        }
        #expect(scan(bytes, cuts: Array(0..<bytes.count)).isWhole)
    }

    @Test(arguments: [
        "<html>", "{]", "[}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "[,]", "[1,]", "[1 2]", "{\"a\" 1}", "{a:1}",
        "{'a':1}",
        "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x1", "--1", "tru3", "nulL", "NaN", "[Infinity]", "\"\\x\"",
        "\"\\u12g4\"",
        "\"a\nb\"", "\"\u{1}\"", "{}}", "{}{}", "{} x", "[]]", "\"a\"\"b\"", "{\"a\":1}\u{0}", "{\"a\":1 }garbage",
        "1 1",
        "data: {}", "}", "\\", "{\"a\":\"b\" \"c\":1}", "{\"a\":\"b\",1:2}",
    ])
    func whatIsNoJSONIsNeverWhole(_ text: String) {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count { #expect(!scan(bytes, cuts: [cut]).isWhole, "cut at \(cut)") }
    }

    @Test(
        arguments: [
            [0xFF], [0x80], [0xC0, 0xAF], [0xC3], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
            [0xF0, 0x80, 0x80, 0x80], [0xE2, 0x82], [0xF5, 0x80, 0x80, 0x80],
        ] as [[UInt8]])
    func textThatIsNoUTF8IsNoJSON(_ bytes: [UInt8]) {
        let text = Array(#"{"a":"b"#.utf8) + bytes + Array(#""}"#.utf8)
        for cut in 0...text.count { #expect(!scan(text, cuts: [cut]).isWhole, "cut at \(cut)") }
    }

    @Test func nestingHasABound() {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        let mixed = String(repeating: #"{"a":["#, count: 128) + String(repeating: "]}", count: 128)

        #expect(scan(nested(256)).isWhole && scan(mixed).isWhole)
        #expect(scan(nested(257)).isBroken && scan(nested(1_000_000)).isBroken)
    }

    @Test func itTakesWhatTheParserTakesAndNothingElse() {
        let alphabet = Array(#"{}[]",:\/0129.eE+-tfnu aé"#.utf8) + [0x00, 0x0A, 0x80, 0xC3, 0xE2, 0xFF]
        var wholes = 0
        for round in 0..<40_000 {
            var bytes = Array(texts[round % texts.count].utf8)
            for _ in 0..<Int.random(in: 0...3) where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count)
                switch Int.random(in: 0...2) {
                case 0: bytes.remove(at: index)
                case 1: bytes.insert(alphabet[Int.random(in: 0..<alphabet.count)], at: index)
                default: bytes[index] = alphabet[Int.random(in: 0..<alphabet.count)]
                }
            }
            let cuts = [Int.random(in: 0...bytes.count), Int.random(in: 0...bytes.count)].sorted()
            let isJSON = (try? JSONValue.parse(bytes)) != nil
            wholes += isJSON ? 1 : 0

            #expect(scan(bytes).isWhole == isJSON, "\(bytes)")
            #expect(scan(bytes, cuts: cuts).isWhole == isJSON, "\(bytes) cut at \(cuts)")
        }
        #expect(wholes > 5000)
    }

    // MARK: What the outermost object says

    @Test(arguments: [
        #"{"error":{"message":"no"}}"#, #"{"a":[{"b":1}],"error":"no"}"#,
        #"{"a":"x" , "error" : [1,{"c":"}"}] , "z":0}"#,
        #"{"err\u006fr":"no"}"#, #"{"\u0065\u0072\u0072\u006f\u0072":1.5e3}"#, #"{"error":null,"error":true}"#,
    ])
    func anErrorIsFoundWhereverItStandsAndHoweverItIsSpelled(_ text: String) throws {
        let bytes = Array(text.utf8)
        let expected = try JSONValue.parse(bytes)["error"]
        for cut in 0...bytes.count {
            let found = scan(bytes, cuts: [cut])
            let span = try #require(found.error)
            #expect(try JSONValue.parse(Array(bytes[span.start..<(try #require(span.end))])) == expected)
            #expect(found.isWhole && found.mayBeError, "cut at \(cut)")
        }
    }

    @Test(arguments: [
        #"{"error":null}"#, #"{"a":{"error":1}}"#, #"[{"error":1}]"#, #"{"a":"error"}"#, #"{"errors":1}"#,
        #"{"erro":1,"r":2}"#,
        #"{"object":"list","type":"x"}"#, #"{"a":["object","error"]}"#,
        #"{"a":{"object":"error"}}"#, #"{"object":{"error":1}}"#, #"{"error\u0000":1}"#,
        #"{"content":"\"error\":{\"message\":\"no\"}"}"#,
    ])
    func nullAndWhatStandsElsewhereAreNone(_ text: String) {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count { #expect(!scan(bytes, cuts: [cut]).mayBeError, "cut at \(cut)") }
    }

    @Test(arguments: [
        #"{"message":"no","object":"error"}"#, #"{"object":"error","message":"no","type":"BadRequest"}"#,
        #"{"type":"error","a":1}"#, #"{"obj\u0065ct":"err\u006fr"}"#,
    ])
    func anObjectThatCallsItselfAnErrorIsOne(_ text: String) {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count { #expect(scan(bytes, cuts: [cut]).isLabelledError, "cut at \(cut)") }
    }

    @Test func theFirstMemberDecides() {
        #expect(!scan("").isDecided && !scan(" {").isDecided && !scan(#"{"error""#).isDecided)
        #expect(!scan(#"{"object":"err"#).isDecided && scan(#"{"object":"list""#).isDecided)
        #expect(scan(#"{"id":"#).isDecided && scan("[").isDecided && scan("<").isDecided && scan("{}").isDecided)
        #expect(scan(#"{"error":{"#).isDecided && scan(#"{"error":n"#).isDecided && scan(#"{"object":1"#).isDecided)
    }

    @Test func usageIsSeenIfItIsNotNull() {
        #expect(scan(#"{"usage":{"prompt_tokens":1},"choices":[]}"#).hasUsage)
        #expect(!scan(#"{"usage":null,"choices":[{"usage":1}]}"#).hasUsage)
    }
}

@Suite struct ErrorMemberTests {
    @Test(arguments: [
        (#"{"error":"no"}"#, true), (#"{"error":{}}"#, true), (#"{"error":[]}"#, true), (#"{"error":true}"#, true),
        (#"{"error":500}"#, true), (#"{"error":null}"#, false), (#"{"error":false}"#, false), (#"{"error":""}"#, false),
        (#"{"error":0}"#, false), (#"{"a":1}"#, false), (#"["error"]"#, false),
    ])
    func whatSaysNothingIsNone(_ text: String, _ isError: Bool) throws {
        #expect((try JSONValue.parse(text).errorMember != nil) == isError)
    }
}

@Suite struct JSONScanMemberTests {
    @Test func theMembersThatMakeAnAnswerAreSeenWhereverTheTextIsCut() {
        let all: [(String, JSONScan.Members)] = [
            (#"{"id":1,"choices":[{"a":"b"}]}"#, .choices), (#"{"data":[]}"#, .data), (#"{"output":[]}"#, .output),
            (#"{"results":[]}"#, .results), (#"{"content":[]}"#, .content), (#"{"input_tokens":5}"#, .inputTokens),
            (#"{"text":""}"#, .text), (#"{"ch\u006fices":[]}"#, .choices), (#"{"choices":null}"#, []),
            (#"{"choices":[],"choices":null}"#, []), (#"{"a":{"choices":[]}}"#, []), (#"{"choices":"x"}"#, []),
            (#"{"input_tokensx":5,"input_t":5,"choicesx":[]}"#, []), (#"["choices"]"#, []),
        ]
        for (text, members) in all {
            for cut in 0...text.utf8.count {
                #expect(scan(text.utf8, cuts: [cut]).members == members, "\(text), \(cut)")
            }
        }
    }

    @Test func aFailedChoiceIsSeenAndOnlyThere() {
        let failed = #"{"choices":[{"text":"a"},{"finish_reason":"error"}]}"#
        for cut in 0...failed.utf8.count { #expect(scan(failed.utf8, cuts: [cut]).isChoiceFailed, "cut at \(cut)") }
        let told = #"{"choices":[{"error":{"error":1} ,"b":2}],"error":null}"#
        for cut in 0...told.utf8.count {
            let error = scan(told.utf8, cuts: [cut]).error
            #expect(error?.start == 21 && error?.end.map { (31...34).contains($0) } == true, "cut at \(cut)")
        }
        for text in [
            #"{"choices":[{"text":"error","message":{"finish_reason":"error","error":1}}]}"#,
            #"{"x":[{"finish_reason":"error","error":1}]}"#,
            #"{"choices":[{"finish_reasons":"error"}],"x":[{"error":1}]}"#,
            #"{"choices":[{"error":null,"finish_reason":"stop"}]}"#,
        ] { #expect(!scan(text).mayBeError, "\(text)") }
    }

    @Test func whatFollowsDoesNotUnsayAnError() {
        #expect(scan(#"{"error":{"a":1},"error":null}"#).error?.start == 9)
        #expect(scan(#"{"error":{"a":1},"error":"x"}"#).error?.start == 9)
        #expect(scan(#"{"error":"","error":{"a":1}}"#).error?.start == 20)
        #expect(scan(#"{"error":null,"error":false}"#).error == nil)
    }
}
