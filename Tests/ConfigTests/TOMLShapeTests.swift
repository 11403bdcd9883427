import Testing

@testable import Config

@Suite struct TOMLShapeTests {
    private func problem(_ text: String) -> String? { TOMLShape.problem(in: text)?.description }

    private static let limit = TOMLShape.Limits.depth

    @Test func theFileOfConfigInitIsFine() {
        #expect(problem(DefaultFile.text) == nil)
    }

    /// Texts that lead a given number of levels down.
    static let shapes: [@Sendable (Int) -> String] = [
        { "[" + Array(repeating: "a", count: $0).joined(separator: ".") + "]\n" },
        { "[[" + Array(repeating: "a", count: $0).joined(separator: " . ") + "]]\nb = 1\n" },
        { Array(repeating: "a", count: $0).joined(separator: ".") + " = 1\n" },
        { Array(repeating: "\"a.b\"", count: $0).joined(separator: ".") + " = 1\n" },
        { "a = " + String(repeating: "[", count: $0) + String(repeating: "]", count: $0) + "\n" },
        { "a = " + String(repeating: "{a = ", count: $0) + "1" + String(repeating: "}", count: $0) + "\n" },
        {
            "[a.a]\nb.b = " + String(repeating: "[{c.c = ", count: $0 / 3) + "1"
                + String(repeating: "}]", count: $0 / 3)
        },
        { "a = [\n" + String(repeating: "  [ # [[[\n", count: $0) + String(repeating: "]\n", count: $0 + 1) },
    ]

    @Test(arguments: shapes.indices) func whatIsNestedDeeplyIsRefusedBeforeTheParserSeesIt(_ index: Int) throws {
        let shape = Self.shapes[index]
        #expect(problem(shape(Self.limit / 2)) == nil)
        _ = try TOMLDocument(shape(Self.limit / 2))
        for depth in [2 * Self.limit, 1000, 200_000] {
            #expect(problem(shape(depth))?.contains("deeper than 64 levels") == true, "\(depth)")
        }
    }

    @Test func theLineOfWhatIsTooDeepIsTold() {
        let deep = Array(repeating: "a", count: 50_000).joined(separator: ".")
        #expect(problem("a = 1\n\"b\\\"\" = '''\n\n'''\n[\(deep)]")?.hasPrefix("line 5: tables") == true)
        #expect(problem("a = \"\"\"\n\\\n\"\"\"\"\n\(deep) = 1")?.hasPrefix("line 4: tables") == true)
    }

    @Test(arguments: [
        #"a = "b\u0000c""#, #"a = "\U00000000""#, #"a = "\x00""#, #"a = """\n\\\u0000""""#, #""b\u0000" = 1"#,
        #"["b\u0000"]"#, #"a = "\u00001""#,
    ]) func anEscapeOfNULIsRefusedSinceItWouldEndTheTextForTheParser(_ text: String) {
        #expect(problem("x = 1\n" + text)?.hasPrefix("line 2: a text holds an escape of NUL") == true)
    }

    @Test(arguments: [#"a = "\\u0000""#, #"a = '\u0000'"#, #"a = "\u0001""#, #"# \u0000"#, #"a = "\u000""#])
    func whatLooksLikeOneIsNone(_ text: String) {
        #expect(problem(text) == nil)
    }

    @Test(arguments: ["!", "é", ".a", "=", "#", ",", "{", "+", "\n", "\r\n", "\u{A0}a", "\u{FEFF}a"])
    func aTableWhoseNameBeginsWithNoneIsRefusedSinceTheParserWouldEndTheProcess(_ name: String) {
        for header in ["[\(name)]", "  [ \t\(name)]", "[[\(name)]]", "[[ \(name)", "\u{FEFF}[\(name)]"] {
            #expect(problem(header + "\nb = 1\n")?.contains("the name of a table begins with") == true, "\(header)")
        }
    }

    @Test(arguments: [
        "[a]", "[ \"é\" ]", "[['a']]", "[_]", "[-a.b]", "[1]", "[]", "[[]]", "a = [\n!]", "a = [ # !\n1]", "x = '[!]'",
    ])
    func otherNamesAreTheParsersToJudge(_ text: String) {
        #expect(problem(text) == nil)
        _ = try? TOMLDocument(text)
    }

    @Test(arguments: ["[[[a]]]", "[[[", "[\n[", "[[\n[["]) func soHasOneWithBracketsTooMany(_ header: String) {
        #expect(problem(header + "\n")?.contains("the name of a table begins with") == true)
    }

    @Test(arguments: [
        "1979-05-27Tx", "1979-05-27t", "[1979-05-27T,", "1979-05-27T`0", "1979-05-27 0", "[1979-05-27 0,",
    ])
    func aDateWhoseTimeIsNoneIsRefusedForTheSameReason(_ value: String) {
        #expect(problem("b.c = \(value)\n")?.contains("there must be a time") == true)
    }

    @Test(arguments: ["a = [\u{2028}]", "é = 1", "a = é", "a = [1,\u{85}]", "a = 1 \u{A0}", "a.\u{3000}b = 1"])
    func whatIsBeyondASCIIStandsInQuotesOrComments(_ text: String) {
        #expect(problem(text)?.contains("beyond ASCII") == true)
        #expect(problem("# \(text)\n\"\(text)\" = '\(text)'\n") == nil)
    }

    @Test(arguments: ["[}]", "[1, }", "{b = [}", "[[1], }]"]) func aBraceThatClosesNothingInAListIsToo(_ value: String)
    {
        #expect(problem("a = \(value)\n")?.contains("stands in a list") == true)
    }

    @Test(arguments: [
        "1979-05-27T07:32:00Z", "1979-05-27 07:32:00", "1979-05-27", "'5tx'", "[\"5t\"]", "true", "1 # 5tx",
    ])
    func otherInstantsAreNot(_ value: String) throws {
        #expect(problem("a5ta = \(value)\n") == nil)
        _ = try TOMLDocument("a5ta = \(value)\n")
    }

    @Test func aListThatIsLongIsNotDeep() {
        #expect(problem("a = [" + String(repeating: "[1.5, {b.c = 2.5}], ", count: 10_000) + "]") == nil)
        #expect(problem(String(repeating: "[a.b]\nc.d = \"x.y.z\"\n", count: 10_000)) == nil)
        #expect(problem("a = \"" + String(repeating: ".[{", count: 10_000) + "\"") == nil)
        #expect(problem("# " + String(repeating: ".[{", count: 10_000)) == nil)
        #expect(problem(String(repeating: " ", count: 1_000_000) + "a = 1") == nil)
    }

    @Test(arguments: ["%", "\"%\"", "a.'%'", "[%]", "[[\"%\"]]", "a = {%"]) func aLongKeyIsRefused(_ form: String) {
        let text = form.split(separator: "%", omittingEmptySubsequences: false)
            .joined(separator: String(repeating: "k", count: TOMLShape.Limits.key + 1))
        #expect(problem(text)?.contains("longer than 1024 bytes") == true)
    }

    @Test func aLongValueIsNone() {
        let long = String(repeating: "v", count: 100_000)
        #expect(problem("a = \"\(long)\"\nb = [\"\(long)\", '\(long)']\nc = {d = '''\(long)'''}") == nil)
    }

    @Test func afterADamagedPlaceNothingIsTakenForTheWholeFile() {
        let text = "[server]\nport = 1\n\0\0\0\n[[backends]]"
        #expect(problem(text)?.hasPrefix("line 3: there is a control character (byte 0)") == true)
        for place in ["a = \"x\0\"", "# \0", "a = '''\n\0'''", "\0", "a\u{7F} = 1"] {
            #expect(problem(place)?.contains("control character") == true, "\(place)")
        }
    }

    @Test(arguments: [
        "\"", "'''", "a = \"\\", "a = {", "]", "}}}}", ".", "=", "\\", "\r\n\r", "a = \"\"\"\"\"",
    ])
    func noTextIsTooOdd(_ text: String) {
        #expect(problem(text) == nil)
        #expect(problem(text + "\n" + text) == nil)
    }

    @Test(arguments: ["two", "abc", "my-host"]) func aTextWithoutQuotationMarksIsToldOfThem(_ text: String) {
        let problem = #expect(throws: ConfigurationProblem.self) { _ = try TOMLDocument("[server]\nhost = \(text)\n") }
        #expect(problem?.line == 2 && problem?.message.contains("stands in quotation marks") == true)
    }
}
