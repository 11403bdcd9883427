import JSON
import Testing

@testable import Dialects

@Suite struct OllamaRequestTests {
    @Test(arguments: OllamaCase.all("requests"))
    func aRequestBecomesOneOfOpenAI(_ golden: OllamaCase) throws {
        let outcome = try golden.outcome(request: golden.member("request"), clock: .ticking())
        switch outcome {
        case .translated(let translation):
            #expect("\(translation.target)" == (try golden.string("target")))
            #expect(try JSONValue.parse(translation.body).text == golden.member("body").text)
            #expect(translation.warnings == (golden.value["warnings"]?.array ?? []).compactMap(\.string))
        case .answered(let answer):
            #expect(try JSONValue.parse(answer).text == golden.member("answered").text)
        }
    }

    @Test(arguments: OllamaCase.all("refusals"))
    func aRequestThatCannotBeTranslatedIsRefusedWithItsPlace(_ golden: OllamaCase) throws {
        let request = try golden.member("request")
        let error = try #require(throws: ClientError.self) { try golden.outcome(request: request, clock: .ticking()) }
        #expect(error.status == 400)
        #expect(error.param == golden.value["param"]?.string)
        #expect(error.message == (try golden.string("message")))
    }

    @Test func thereAreCasesOfEachKind() {
        #expect(OllamaCase.all("requests").count >= 35)
        #expect(OllamaCase.all("refusals").count >= 20)
    }

    @Test func namesOfUnknownOptionsDoNotReachAHeaderUnlessTheyLookLikeNames() throws {
        let body: JSONValue = ["prompt": "Hi", "options": ["a\r\nx: y": 1, "num_gpu": 1]]
        let outcome = try OllamaRequest.generate(
            body, model: "m", askedModel: "m", requestID: "r", clock: .ticking())
        guard case .translated(let translation) = outcome else {
            Issue.record("The request was not translated.")
            return
        }
        #expect(translation.warnings == ["Left out, as OpenAI's API has nothing like it: options.num_gpu."])
    }

    @Test func aMadeUpIdIsTheSameInTheNextRequestOfTheConversation() throws {
        let call: JSONValue = [
            "role": "assistant", "tool_calls": [["function": ["name": "clock", "arguments": [:]]]],
        ]
        let start: [JSONValue] = [["role": "user", "content": "What time is it?"], call]
        let longer = start + [["role": "tool", "tool_name": "clock", "content": "Noon."]]
        var ids: [String?] = []
        for messages in [start, longer] {
            let outcome = try OllamaRequest.chat(
                ["messages": .array(messages)], model: "m", askedModel: "m", requestID: "request \(messages.count)",
                clock: .ticking())
            guard case .translated(let translation) = outcome else { continue }
            ids.append(try JSONValue.parse(translation.body)["messages"]?[1]?["tool_calls"]?[0]?["id"]?.string)
        }
        #expect(ids == ["call00001", "call00001"])
    }
}
