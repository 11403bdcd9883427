import Testing

@testable import Import

@Suite struct YAMLTextTests {
    private func problem(_ text: String) -> ImportProblem? {
        do throws(ImportProblem) {
            _ = try YAMLText.value(of: text)
            return nil
        } catch {
            return error
        }
    }

    @Test func valuesKnowTheirLines() throws {
        let root = try YAMLText.value(of: "# first\na:\n  - x\n  - b: 2\n")

        #expect(root["a"]?.list?.map(\.line) == [3, 4])
        #expect(root["a"]?.list?[1]["b"]?.number == 2)
        #expect(root.members?.first?.line == 2)
    }

    @Test(arguments: [
        ("~", SourceValue.Content.null), ("", .null), ("true", .bool(true)), ("12", .number("12")),
        ("1_000", .number("1000")),
        ("2.5e1", .number("2.5e1")), ("\"12\"", .text("12")), ("'true'", .text("true")), ("!!str 12", .text("12")),
        ("2024-10-21", .text("2024-10-21")), ("1.2.3", .text("1.2.3")), ("10.0.0.1", .text("10.0.0.1")),
        ("on", .text("on")),
        ("inf", .text("inf")), ("0x10", .text("0x10")),
    ])
    func onlyWhatIsWrittenWithoutQuotesIsMoreThanAText(_ written: String, _ content: SourceValue.Content) throws {
        #expect(try YAMLText.value(of: "a: \(written)\n")["a"]?.content ?? .null == content)
    }

    @Test func anAliasStandsForWhatIsBeforeIt() throws {
        let root = try YAMLText.value(of: "a: &one {x: 1}\nb: *one\nc:\n  <<: *one\n  y: 2\nd: [ *one, 3 ]\n")

        #expect(root["b"]?["x"]?.number == 1)
        #expect(root["c"]?.members?.map(\.name) == ["y", "x"])
        #expect(root["d"]?.list?.count == 2)
        #expect(root["b"]?.line == 2)
    }

    @Test func aTablesOwnMembersGoOverThoseItTakesIn() throws {
        let root = try YAMLText.value(of: "a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc: {x: 3, <<: [*a, *b]}\n")

        #expect(root["c"]?["x"]?.number == 3)
        #expect(root["c"]?["y"]?.number == 1)
        #expect(root["c"]?["z"]?.number == 2)
    }

    @Test func aStarThatIsNoAliasStays() throws {
        let root = try YAMLText.value(of: "a: &x 1\nb: \"say *x\"\nc: openai/*\nd: |\n  *x and &x\ne: two *x\n")

        #expect(root["b"]?.text == "say *x")
        #expect(root["c"]?.text == "openai/*")
        #expect(root["d"]?.text == "*x and &x\n")
        #expect(root["e"]?.text == "two *x")
    }

    @Test func whatAliasesAddUpToIsBounded() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...12 {
            text +=
                "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
                + "]\n"
        }

        #expect(problem(text)?.message.contains("more than 100000 values") == true)
    }

    @Test(arguments: ["? *a9\n: x\n", "{ *a9 : x }\n", "{ *a9, y }\n", "? [ *a9 ]\n: x\n"])
    func aliasesAsNamesOfValuesCostNothing(_ tail: String) {
        var text = "- &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            text += "- &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ") + "]\n"
        }
        text += "- " + tail.split(separator: "\n").joined(separator: "\n  ") + "\n"

        #expect(problem(text) != nil)
    }

    @Test func anAliasOfWhatHoldsItIsNone() {
        #expect(problem("a: &a [ *a ]\n")?.description == "line 1: *a stands for nothing: no &a is before it")
    }

    @Test func whatIsDeepIsRefused() {
        let deep = "a: " + String(repeating: "[", count: 70) + String(repeating: "]", count: 70)

        #expect(problem(deep)?.message.contains("deeper than 64 levels") == true)
        for part in ["[", "- "] {
            let far = String(repeating: part, count: 100_000)
            #expect(problem(far)?.description == "line 1: tables and lists lie deeper than 64 levels within each other")
        }
    }

    @Test func aTableWithTooManyMembersIsRefused() {
        let large = (0...4096).map { "k\($0): 1" }.joined(separator: "\n")

        #expect(problem(large)?.message.contains("more than 4096 entries") == true)
    }

    @Test(arguments: [
        ("a: 1\na: 2\n", "\"a\" is there twice"), ("a: [1\n", "this is not YAML"), ("a: b: c\n", "this is not YAML"),
        ("a: 1\n---\nb: 2\n", "more than one document"), ("a: \u{1}\n", "control character (U+1)"),
        ("a: \u{F8F4}\n", "control character (U+F8F4)"), ("", "empty"), ("{[1]: 2}\n", "must be a text"),
        ("<<: 1\n", "<< takes a table"), ("a: *b\n", "this is not YAML"),
    ])
    func whatIsWrongIsSaid(_ text: String, _ words: String) {
        let problem = problem(text)

        #expect(
            problem?.description.contains(words) == true || words == "this is not YAML" && problem != nil,
            "\(String(describing: problem))")
    }

    @Test func noMessageRepeatsAValue() {
        for text in ["a: \"sk-secret\nb: [", "a: [sk-secret\n", "a: sk-secret: x\n", "sk-secret"] {
            #expect(problem(text)?.description.contains("sk-secret") != true)
        }
    }

    @Test func linesOfProblemsAreThoseOfTheFile() {
        #expect(problem("a: 1\nb:\n  - x\n  y: 2\n")?.line == 4)
        #expect(problem("a: 1\n\n\nb: \u{2}\n")?.line == 4)
    }
}
