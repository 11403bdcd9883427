import JSON
import Testing

@testable import Dialects

@Suite struct ToolCallLimitTests {
    private static func chunk(_ index: Int) -> String {
        #"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":\#(index),"id":"c\#(index)","#
            + #""function":{"name":"f","arguments":"{}"}}]}}]}"# + "\n\n"
    }

    @Test func anAnswerCallsOnlySoManyTools() throws {
        let answers: [any AnswerTranslation] = [
            AnthropicAnswer(requestID: "r", model: "m"),
            OllamaAnswer(form: .chat, model: "m", requestID: "r", clock: .ticking()),
        ]
        for var answer in answers {
            for index in 0..<ToolCallLimit.calls {
                _ = try Array(Self.chunk(index).utf8).withUnsafeBytes { try answer.piece($0) }
            }
            #expect(throws: ToolCallLimit.problem) {
                _ = try Array(Self.chunk(ToolCallLimit.calls).utf8).withUnsafeBytes { try answer.piece($0) }
                _ = try answer.end()
            }
        }
    }

    @Test func fragmentsOfOneCallAreNotParsedAgainAndAgain() throws {
        var calls = OllamaToolCalls(requestID: "r")
        let first: JSONValue = [["index": 0, "function": ["name": "f", "arguments": "{\"a\":["]]]
        let more: JSONValue = [["index": 0, "function": ["name": "f", "arguments": "{},"]]]
        let last: JSONValue = [["index": 0, "function": ["arguments": "1]}"]]]

        try calls.add(first)
        for _ in 0..<20_000 { try calls.add(more) }
        try calls.add(last)
        let encoded = try calls.encoded(isCut: false)
        #expect(encoded?.array?.count == 1)
        #expect(encoded?[0]?["function"]?["arguments"]?["a"]?.array?.count == 20_001)
    }
}
