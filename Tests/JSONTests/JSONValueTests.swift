import Testing

@testable import JSON

@Suite struct JSONValueTests {
    @Test func numbersKeepTheirDigits() throws {
        let text = #"{"a":12345678901234567890123,"b":1.10,"c":-0,"d":1e2}"#

        #expect(String(decoding: try JSONValue.parse(text).bytes, as: UTF8.self) == text)
    }

    @Test func membersKeepTheirOrderAndTheLastOfTwoCounts() throws {
        let value = try JSONValue.parse(#"{"z":1,"a":2,"z":3}"#)

        #expect(value["z"]?.int == 3)
        #expect(value.object?.members.map(\.name) == ["z", "a", "z"])
    }

    @Test func escapesAreDecoded() throws {
        let value = try JSONValue.parse(#"["\"\\\/\b\f\n\r\t","\u00e9\ud83d\ude00","a\u0000b"]"#)

        #expect(value[0]?.string == "\"\\/\u{8}\u{C}\n\r\t")
        #expect(value[1]?.string == "é😀")
        #expect(value[2]?.string == "a\u{0}b")
    }

    @Test func aLoneSurrogateBecomesAReplacement() throws {
        #expect(try JSONValue.parse(#""\ud83dx""#).string == "\u{FFFD}x")
    }

    @Test(arguments: [
        ("", 0), ("{", 1), ("[1,]", 3), (#"{"a" 1}"#, 5), ("01", 1), ("1.", 2), ("nul", 3), ("[1 2]", 3), ("\"a", 2),
        ("\"\u{1}\"", 1), (#""\x""#, 2), (#""\u12g4""#, 5), ("1 1", 2), (#"{"a":1,}"#, 7),
    ])
    func malformedTextIsRefusedWithTheOffset(_ text: String, _ offset: Int) {
        #expect { _ = try JSONValue.parse(text) } throws: { ($0 as? JSONError)?.offset == offset }
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        #expect(throws: JSONError.self) { _ = try JSONValue.parse([0x22, 0xFF, 0x22]) }
    }

    @Test func nestingHasALimit() {
        let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)

        #expect(throws: JSONError.self) { _ = try JSONValue.parse(deep) }
    }

    @Test func theNumberOfValuesCanBeBounded() throws {
        let text = #"{"a":[1,2,3],"b":{}}"#

        #expect(try JSONValue.parse(text, maximumValues: 6)["a"]?.array?.count == 3)
        #expect {
            _ = try JSONValue.parse(text, maximumValues: 5)
        } throws: {
            ($0 as? JSONError)?.isTooLarge == true
        }
    }

    @Test(arguments: [
        (#""\ud83d\ude00""#, "😀"), (#""\ud83d\n""#, "\u{FFFD}\n"), (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"),
        (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""é\u00e9\\é""#, "éé\\é"), (#""\u20AC""#, "€"),
        (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
    ])
    func escapesOfAllKindsAreDecoded(_ text: String, _ expected: String) throws {
        #expect(try JSONValue.parse(text).string == expected)
    }

    @Test func aMergeIsWhatSettingOneAfterTheOtherIs() {
        let own = JSONObject([(name: "a", value: 1), (name: "b", value: 2), (name: "c", value: 3)])
        let others = [(name: "c", value: JSONValue(integerLiteral: 4)), ("d", 5), ("a", 6), ("c", 7)]
        var merged = own
        merged.merge(others)
        var set = own
        for (name, value) in others { set[name] = value }

        #expect(merged == set)
        #expect(merged.members.map(\.name) == ["b", "d", "a", "c"])
    }

    @Test func everyCutOfAValueIsRefused() throws {
        let text = Array(#"{"a":[1,-2.5e3,true,null,"x\u00e9\n"],"b":{"c":false}}"#.utf8)

        for end in 0..<text.count {
            #expect(throws: JSONError.self) { _ = try JSONValue.parse(Array(text[..<end])) }
        }
        #expect(try JSONValue.parse(text).bytes.count > 0)
    }

    @Test func wholeNumbersAreIntegersHoweverTheyAreWritten() throws {
        #expect(try JSONValue.parse("[5, 5.0, 5e0, 5.5, 1e30]").array?.map(\.int) == [5, 5, 5, nil, nil])
    }
}

@Suite struct JSONWriterTests {
    @Test func textIsEscaped() {
        var writer = JSONWriter()
        writer.string("a\"b\\c\n\u{1}é")

        #expect(writer.text == #""a\"b\\c\n\u0001é""#)
    }

    @Test func forHTMLNothingCanCloseTheElement() {
        var writer = JSONWriter(escapingForHTML: true)
        writer.string("</script>&\u{2028}\u{2029}")

        #expect(writer.text == #""\u003c/script\u003e\u0026\u2028\u2029""#)
    }

    @Test func commasStandBetweenMembersAndItems() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("a")
        writer.beginArray()
        writer.integer(1)
        writer.bool(true)
        writer.null()
        writer.endArray()
        writer.key("b")
        writer.number(1.5)
        writer.key("c")
        writer.number(.nan)
        writer.endObject()

        #expect(writer.text == #"{"a":[1,true,null],"b":1.5,"c":null}"#)
    }
}
