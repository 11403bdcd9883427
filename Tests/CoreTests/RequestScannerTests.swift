import Testing

@testable import Core

private func scan(_ text: String) throws -> RequestPeek { try scan(Array(text.utf8)) }

private func scan(_ bytes: [UInt8]) throws -> RequestPeek {
    try bytes.withUnsafeBytes { try RequestScanner.scan($0) }
}

@Suite struct RequestScannerTests {
    @Test func findsTheMembersThatRoutingNeeds() throws {
        let peek = try scan(
            #"""
            {"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:"}}]}],
             "model" : "a\/b:\u00e9", "stream": true, "stream_options": {"include_usage": true},
             "tools": [{"type":"function"}], "response_format": {"type":"json_object"}}
            """#)

        #expect(peek.model == "a/b:é")
        #expect(peek.stream && peek.includeUsage && peek.tools && peek.jsonMode && peek.images)
    }

    @Test func leavesEverythingOffForAPlainRequest() throws {
        let peek = try scan(#"{"model":"m","stream":false,"tools":[ ],"messages":[]}"#)

        #expect(!peek.stream && !peek.includeUsage && !peek.tools && !peek.jsonMode && !peek.images)
    }

    @Test func givesTheSpanOfTheModelWithItsQuotes() throws {
        let text = #"{ "x": 1, "model": "llama" , "y": 2}"#

        let span = try scan(text).modelSpan

        #expect(String(decoding: Array(text.utf8)[span], as: UTF8.self) == #""llama""#)
    }

    @Test func looksAtTopLevelMembersOnly() {
        #expect(throws: RequestPeekError.modelMissing) {
            try scan(#"{"messages":[{"model":"inner","stream":true}]}"#)
        }
    }

    @Test(arguments: [
        (#"{"model":"a","model":"b"}"#, "model"), (#"{"model":"m","stream":true,"stream":false}"#, "stream"),
        (#"{"model":"m","tools":[],"tools":[1]}"#, "tools"), (#"{"model":"m","input":"a","input":""}"#, "input"),
        (#"{"model":"m","stream_options":{},"stream_options":null}"#, "stream_options"),
        (#"{"model":"m","stream_options":{"include_usage":true,"include_usage":false}}"#, "include_usage"),
        (#"{"model":"m","response_format":{"type":"text","type":"json_object"}}"#, "type"),
    ])
    func refusesAMemberThatIsReadAndComesTwice(_ text: String, _ name: String) {
        #expect(throws: RequestPeekError.twice(name)) { try scan(text) }
    }

    @Test(arguments: [
        (#"{"model":"a","mod\u0065l":"b"}"#, "model"), (#"{"model":"a","Model":"b"}"#, "model"),
        (#"{"model":"a","\u006d\u006F\u0064\u0065\u006c":"b"}"#, "model"), (#"{"model":"a","STREAM":true}"#, "stream"),
        ("{\"model\":\"a\",\"\u{17F}tream\":true}", "stream"), (#"{"model":"a","\u017ftream":true}"#, "stream"),
        (#"{"model":"a","stream_options":{"include_\u0075sage":true}}"#, "include_usage"),
        (#"{"model":"a","stream_\u006fptions":{}}"#, "stream_options"),
    ])
    func refusesAnotherSpellingOfAMemberThatIsRead(_ text: String, _ name: String) {
        #expect(throws: RequestPeekError.spelling(name)) { try scan(text) }
    }

    @Test(arguments: [
        #"{"model":"m","messages":[{"model":"a","model":"b","mod\u0065l":1}]}"#, #"{"model":"m","models":1,"mode":2}"#,
        #"{"model":"m","a":1,"a":2,"\u0061":3}"#, #"{"model":"m","metadata":{"stream":1,"Stream":2}}"#,
    ])
    func leavesTheNamesThatItDoesNotReadAlone(_ text: String) throws { #expect(try scan(text).model == "m") }

    @Test(arguments: ["messages", "input"]) func refusesAConversationThatComesTwice(_ name: String) {
        #expect(throws: RequestPeekError.twice(name)) { try scan(#"{"model":"m","\#(name)":[1],"\#(name)":[2]}"#) }
    }

    @Test func anImageIsFoundHoweverItIsSpelt() throws {
        #expect(try scan(#"{"model":"m","messages":[{"image\u005furl":""}]}"#).images)
        #expect(try scan(#"{"model":"m","messages":[{"Image_URL":""}]}"#).images)
        #expect(try !scan(#"{"model":"m","metadata":[{"image_url":""}]}"#).images, "it is in no message")
        #expect(try !scan(#"{"model":"m","tools":[{"properties":{"image_url":{}}}]}"#).images)
        let url = "data:image/png;base64," + String(repeating: "A", count: 1000)
        #expect(
            try scan(#"{"model":"m","a":[{"image_url":{"url":"\#(url)"}},"data:short"]}"#).dataBytes == url.utf8.count)
    }

    @Test(arguments: ["1", "0", #""true""#, "[]", "{}"]) func refusesAStreamThatIsNeitherTrueNorFalse(_ value: String) {
        #expect(throws: RequestPeekError.notBool("stream")) { try scan(#"{"model":"m","stream":\#(value)}"#) }
        #expect(throws: RequestPeekError.notBool("stream_options.include_usage")) {
            try scan(#"{"model":"m","stream_options":{"include_usage":\#(value)}}"#)
        }
    }

    @Test func refusesANameBeyondTheLimitWithoutReadingIt() {
        let longest = String(repeating: "q", count: RequestPeek.maximumName)
        #expect((try? scan(#"{"model":"\#(longest)"}"#))?.model == longest)
        let kept = String(repeating: "q", count: 256)
        #expect(throws: RequestPeekError.modelTooLong(beginning: kept)) { try scan(#"{"model":"\#(longest)q"}"#) }
        let marks = "a" + String(repeating: "\u{301}", count: 1_000_000)
        let error = #expect(throws: RequestPeekError.self) { try scan(#"{"model":"\#(marks)"}"#) }
        #expect(
            error?.model.unicodeScalars.starts(with: "a\u{301}".unicodeScalars) == true
                && (error?.model.utf8.count ?? .max) <= 2048)
    }

    @Test(arguments: [#"\u00e9"#, "é", #"\n"#, "😀", #"\ud83d\ude00"#, #"a\u00e9"#])
    func ofANameBeyondTheLimitTheBeginningIsKept(_ unit: String) throws {
        let one = try scan(#"{"model":"\#(unit)"}"#).model
        func body(_ count: Int) -> String { #"{"model":"\#(String(repeating: unit, count: count))"}"# }
        let most = RequestPeek.maximumName / unit.utf8.count

        #expect(try scan(body(most)).model == String(repeating: one, count: most))
        let error = #expect(throws: RequestPeekError.self) { try scan(body(1025)) }
        let name = String(repeating: one, count: 256)
        #expect(error?.model == String(name.prefix(unit == #"\ud83d\ude00"# ? 128 : 256)))
        #expect(error?.param == "model" && error?.message.contains("1024 bytes, as it is written") == true)
    }

    @Test func saysThatAByteOrderMarkIsInTheWay() {
        #expect {
            try scan("\u{FEFF}{\"model\":\"m\"}")
        } throws: {
            ($0 as? RequestPeekError)?.message.contains("byte order mark") == true
        }
    }

    @Test(arguments: [
        #""input":"""#, #""input":[ ]"#, #""input":null"#, #""x":1"#,
        #""input":[[]]"#, #""input":[""]"#, #""input":[[ ], ["", ""] ]"#,
    ])
    func embeddingsOfNothingAreRefused(_ member: String) throws {
        let bytes = Array(#"{"model":"m",\#(member)}"#.utf8)
        let error = #expect(throws: RequestPeekError.self) {
            try bytes.withUnsafeBytes { try RequestScanner.scan($0, needsInput: true) }
        }
        #expect(error == .inputEmpty && error?.param == "input")
        #expect(try scan(bytes).model == "m")
    }

    @Test(arguments: [
        #""input":"a""#, #""input":["a"]"#, #""input":[1,2]"#, #""messages":[{}]"#,
        #""input":[["",1]]"#, #""input":["","a"]"#, #""input":["],["]"#, #""input":["\""]"#, #""input":[{}]"#,
    ])
    func embeddingsOfSomethingAreNot(_ member: String) throws {
        let bytes = Array(#"{"model":"m",\#(member)}"#.utf8)
        #expect(try bytes.withUnsafeBytes { try RequestScanner.scan($0, needsInput: true) }.model == "m")
    }

    @Test(arguments: ["{}", #"{"Model":"m"}"#]) func refusesARequestWithoutAModel(_ text: String) {
        #expect(throws: RequestPeekError.modelMissing) { try scan(text) }
    }

    @Test(arguments: ["1", "null", "[]", "{}", "true", #""""#]) func refusesAModelThatIsNoString(_ value: String) {
        #expect(throws: RequestPeekError.modelNotString) { try scan(#"{"model":\#(value)}"#) }
    }

    @Test(arguments: ["[]", "1", #""text""#, "null"]) func refusesWhatIsNoObject(_ text: String) {
        #expect(throws: RequestPeekError.notAnObject) { try scan(text) }
    }

    @Test(arguments: [
        (#"{"a":}"#, 5), (#"{"a" 1}"#, 5), (#"{"a":1,}"#, 7), (#"{"a":01}"#, 6), (#"{"a":1} x"#, 8), ("{'a':1}", 1),
        (#"{"a":tru}"#, 5), (#"{"a":1.}"#, 7), (#"{"a":1e}"#, 7), (#"{"a":-}"#, 6), (#"{"a":+1}"#, 5),
        (#"{"a":"\x"}"#, 6), (#"{"a":"\u12g4"}"#, 6), ("{\"a\":\"\u{1}\"}", 6), ("{\"a\":\"tab\t\"}", 9), ("", 0),
    ]) func tellsWhereMalformedJSONGoesWrong(_ text: String, _ offset: Int) {
        #expect {
            try scan(text)
        } throws: { error in
            guard case .malformed(offset, _) = error as? RequestPeekError else { return false }
            return true
        }
    }

    @Test(
        arguments: [
            [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82], [0x80],
            [0xF0, 0x80, 0x80, 0x80],
        ] as [[UInt8]]) func refusesInvalidUTF8(_ sequence: [UInt8])
    {
        let bytes = Array(#"{"model":"m","a":""#.utf8) + sequence + Array(#""}"#.utf8)

        #expect(throws: RequestPeekError.self) { try scan(bytes) }
    }

    @Test func acceptsAllOfUnicode() throws {
        #expect(try scan("{\"model\":\"ü漢😀\u{10FFFF}\"}").model == "ü漢😀\u{10FFFF}")
        #expect(try scan(#"{"model":"\uD83D\uDE00"}"#).model == "😀")
        #expect(try scan(#"{"model":"\uD83D"}"#).model == "\u{FFFD}")
    }

    @Test func refusesNestingBeyondTheLimitAndAcceptsIt() throws {
        func nested(_ depth: Int) -> String {
            #"{"model":"m","a":"# + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
        }
        #expect(try scan(nested(RequestScanner.maximumDepth - 1)).model == "m")
        #expect(throws: RequestPeekError.self) { try scan(nested(RequestScanner.maximumDepth + 1)) }
        #expect(throws: RequestPeekError.self) { try scan(nested(1_000_000)) }
    }

    @Test func acceptsRandomJSONAndRefusesEveryCutOfIt() throws {
        var random = SeededRandom(seed: 7)
        for _ in 0..<300 {
            let text = #"{"model":"m","v":"# + RandomJSON.value(&random, depth: 0) + "}"
            let bytes = Array(text.utf8)

            #expect(try scan(bytes).model == "m")
            for end in 0..<bytes.count {
                #expect(throws: RequestPeekError.self, "cut at \(end) of \(text)") {
                    try scan(Array(bytes[..<end]))
                }
            }
        }
    }

    @Test func survivesRandomDamage() {
        var random = SeededRandom(seed: 11)
        for _ in 0..<5000 {
            var bytes = Array((#"{"model":"m","v":"# + RandomJSON.value(&random, depth: 0) + "}").utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = try? scan(bytes)
        }
    }
}
