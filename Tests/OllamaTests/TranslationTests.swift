import PluginAPI
import Testing

@testable import Ollama

@Suite struct OptionsTests {
    @Test func allOptionsAreTaken() throws {
        let given = try JSONValue.parse(
            #"{"num_ctx":8192,"keep_alive":"5m","think":false,"reasoning_field":"both"}"#)
        let options = try Options(given.object ?? JSONObject())

        #expect(options.contextLength == 8192 && options.keepAlive == "5m")
        #expect(options.think == false && options.reasoningField == .both)
    }

    @Test func withoutOptionsThinkingIsCalledReasoningContent() throws {
        let options = try Options(JSONObject())

        #expect(options == Options() && options.reasoningField == .reasoningContent)
    }

    @Test(arguments: [
        (#"{"num_ctx":0}"#, "num_ctx"), (#"{"keep_alive":true}"#, "keep_alive"), (#"{"think":"yes"}"#, "think"),
        (#"{"reasoning_field":"thoughts"}"#, "reasoning_field"), (#"{"numctx":1}"#, "numctx"),
    ])
    func whatIsWrongIsNamed(_ given: String, _ name: String) throws {
        let given = try #require(JSONValue.parse(given).object)
        let problem = #expect(throws: ConfigurationProblem.self) { try Options(given) }

        #expect(problem?.message.contains(name) == true)
    }

    @Test func theSchemaIsJSONAndNamesEveryOption() throws {
        let schema = try JSONValue.parse(Options.schema)

        #expect(
            schema["properties"]?.object?.members.map(\.name) == [
                "num_ctx", "keep_alive", "think", "reasoning_field", "inline_thinking",
            ])
    }
}

@Suite struct PartsTests {
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

    @Test func base64HoldsFloatsOf32Bits() {
        #expect(Base64.floats([0.5, -1]) == "AAAAPwAAgL8=")
        #expect(
            ["", "f", "fo", "foo", "foob"].map { Base64.encode(Array($0.utf8)) } == [
                "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==",
            ])
    }

    @Test(
        arguments: [
            (#"{"error":"boom"}"#, "boom"), (#"{"error":{"message":"boom","code":5}}"#, "boom"),
            (#"{"error":{"code":5}}"#, #"{"code":5}"#),
        ])
    func anErrorMayBeTextOrAnObject(_ answer: String, _ text: String) throws {
        #expect(OllamaError.text(try JSONValue.parse(answer)) == text)
    }

    @Test func anErrorThatIsNullIsNone() throws {
        #expect(OllamaError.text(try JSONValue.parse(#"{"error":null,"done":true}"#)) == nil)
    }
}
