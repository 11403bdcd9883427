import Core
import JSON
import Testing

@testable import AdapterHost

@Suite struct ActionSignatureTests {
    private typealias Parameter = ActionSignature.Parameter

    @Test func everyPartOfTheGrammarIsRead() throws {
        let signature = try ActionSignature(
            #" ( model : string , n:int=-3, x: double = 1.5, on: bool = false, note: string ?, any: json?, "#
                + #"list: json = [1, {"a": ")"}], text: string = "a,)\"b" ) -> json "#)

        #expect(
            signature.parameters == [
                Parameter(name: "model", kind: .string, isOptional: false, defaultValue: nil),
                Parameter(name: "n", kind: .int, isOptional: false, defaultValue: -3),
                Parameter(name: "x", kind: .double, isOptional: false, defaultValue: 1.5),
                Parameter(name: "on", kind: .bool, isOptional: false, defaultValue: false),
                Parameter(name: "note", kind: .string, isOptional: true, defaultValue: nil),
                Parameter(name: "any", kind: .json, isOptional: true, defaultValue: nil),
                Parameter(name: "list", kind: .json, isOptional: false, defaultValue: [1, ["a": ")"]]),
                Parameter(name: "text", kind: .string, isOptional: false, defaultValue: #"a,)"b"#),
            ])
        #expect(signature.givesResult)
    }

    @Test(arguments: ["()->none", " ( ) -> none\n", "(a:string)->none"])
    func spacesMayBeMissingOrMany(_ text: String) throws {
        #expect(try !ActionSignature(text).givesResult)
    }

    @Test(arguments: [
        ("", 0, #""(" is expected"#), ("x", 0, #""(" is expected"#), ("(", 1, "a name is expected"),
        ("(Model: string) -> json", 1, "a name is expected"), ("(1a: string) -> json", 1, "a name is expected"),
        ("(a string) -> json", 3, #"":" is expected"#), ("(a: text) -> json", 4, "a type is expected"),
        ("(a: ) -> json", 4, "a type is expected"), ("(a: string b: int) -> json", 11, #""," or ")" is expected"#),
        ("(a: string,) -> json", 11, "a name is expected"), ("(a: string", 10, #""," or ")" is expected"#),
        ("(a: int, a: int) -> json", 9, "there twice"), ("(a: int?) -> json", 7, #""?" is for string and json"#),
        ("(a: bool ?) -> json", 9, #""?" is for string and json"#), ("(a: int = ) -> json", 10, "not JSON"),
        ("(a: int = x) -> json", 10, "not JSON"), ("(a: int = 1 2) -> json", 12, "not JSON"),
        ("(a: string = \"x) -> json", 24, "not JSON"), ("(a: int = 1.5) -> json", 10, "a whole number within 64 bits"),
        ("(a: int = 9223372036854775808) -> json", 10, "a whole number within 64 bits"),
        ("(a: bool = 1) -> json", 11, "true or false"), ("(a: string = null) -> json", 13, "a string"),
        ("(a: double = 1e999) -> json", 13, "a number"), ("() json", 3, #""->" is expected"#),
        ("() ->", 5, #""json" or "none" is expected"#), ("() -> text", 6, #""json" or "none" is expected"#),
        ("() -> jsonx", 6, #""json" or "none" is expected"#), ("() -> json x", 11, "unexpected text"),
    ])
    func whatIsNoSignatureIsRefusedWithThePlace(_ text: String, _ position: Int, _ words: String) {
        #expect {
            _ = try ActionSignature(text)
        } throws: {
            guard let problem = $0 as? ActionSignature.Problem else { return false }
            return problem.position == position && problem.reason.contains(words)
        }
    }

    @Test func namesAndParametersHaveLimits() throws {
        let longest = String(repeating: "a", count: 64)
        let most = (0..<12).map { "p\($0): int" }.joined(separator: ",")

        #expect(try ActionSignature("(\(longest): int) -> none").parameters[0].name == longest)
        #expect(throws: ActionSignature.Problem.self) { try ActionSignature("(\(longest)a: int) -> none") }
        #expect(try ActionSignature("(\(most)) -> none").parameters.count == 12)
        #expect(throws: ActionSignature.Problem.self) { try ActionSignature("(\(most), q: int) -> none") }
    }

    @Test func everyCutOfASignatureIsRefusedWithoutACrash() throws {
        let text = #"(a: string = "x\"y", b: json = {"a":[1]}, c: string?) -> json"#
        _ = try ActionSignature(text)
        for count in 0..<text.utf8.count {
            #expect(throws: ActionSignature.Problem.self, "cut at \(count)") {
                try ActionSignature(String(decoding: text.utf8.prefix(count), as: UTF8.self))
            }
        }
    }

    @Test func theSchemaTellsTypesDefaultsAndWhatIsRequired() throws {
        let schema = try ActionSignature("(model: string, keep: int = 5, any: json?) -> none").jsonSchema

        #expect(
            String(decoding: schema.bytes, as: UTF8.self)
                == #"{"type":"object","properties":{"model":{"type":"string"},"keep":{"type":"integer","default":5},"#
                + #""any":{}},"required":["model"],"additionalProperties":false}"#)
    }
}

@Suite struct ActionArgumentsTests {
    private func arguments(_ json: String, _ signature: String) throws -> [ActionArguments.Value] {
        try ActionArguments(JSONValue.parse(json), for: ActionSignature(signature)).values
    }

    @Test func valuesComeInTheOrderOfTheSignature() throws {
        let values = try arguments(
            #"{"d":true,"a":"ä","c":2,"b":-9223372036854775808,"e":{"x":null}}"#,
            "(a: string, b: int, c: double, d: bool, e: json) -> none")

        #expect(
            values == [.text(Array("ä".utf8)), .int(.min), .double(2), .flag(true), .text(Array(#"{"x":null}"#.utf8))])
    }

    @Test(arguments: ["{}", #"{"a":null,"b":null,"c":null}"#])
    func whatIsLeftOutOrNullHasItsDefault(_ json: String) throws {
        #expect(
            try arguments(json, #"(a: string?, b: int = 7, c: json = [1]) -> none"#)
                == [.text(nil), .int(7), .text(Array("[1]".utf8))])
    }

    @Test func anEmptyStringIsNotLeftOut() throws {
        #expect(try arguments(#"{"a":""}"#, "(a: string?) -> none") == [.text([])])
    }

    @Test func nullIsAValueOfARequiredJSONArgument() throws {
        #expect(try arguments(#"{"a":null}"#, "(a: json) -> none") == [.text(Array("null".utf8))])
    }

    @Test(
        arguments: [
            ("[]", nil, "must be a JSON object"), (#""x""#, nil, "must be a JSON object"),
            ("{}", "a", "The argument 'a' is missing; it must be a string."),
            (#"{"a":null}"#, "a", "The argument 'a' must be a string, not null."),
            (#"{"a":1}"#, "a", "The argument 'a' must be a string, not 1."),
            (#"{"a":"x","b":"1"}"#, "b", "The argument 'b' must be a whole number within 64 bits, not a string."),
            (#"{"a":"x","b":1.5}"#, "b", "The argument 'b' must be a whole number within 64 bits, not 1.5."),
            (
                #"{"a":"x","b":9223372036854775808}"#, "b",
                "The argument 'b' must be a whole number within 64 bits, not 9223372036854775808."
            ),
            (#"{"a":"x","c":0}"#, "c", "The argument 'c' must be true or false, not 0."),
            (#"{"a":"x","d":1e999}"#, "d", "The argument 'd' must be a number, not 1e999."),
            (#"{"a":"x","modle":1}"#, "modle", "The argument 'modle' is unknown; known are a, b, c, d."),
        ] as [(String, String?, String)])
    func anErrorNamesTheArgument(_ json: String, _ argument: String?, _ words: String) {
        #expect {
            _ = try arguments(json, "(a: string, b: int = 1, c: bool = true, d: double = 0) -> none")
        } throws: {
            guard let problem = $0 as? ArgumentProblem else { return false }
            return problem.argument == argument && problem.message.contains(words)
        }
    }
}
