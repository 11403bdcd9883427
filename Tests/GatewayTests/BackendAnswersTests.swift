import JSON
import Testing

@testable import Gateway

@Suite struct BackendAnswersTests {
    private func refusal(_ text: String, isLocal: Bool) throws -> String? {
        let object = try #require(try JSONValue.parse(Array(text.utf8)).object)
        do throws(ErrorBody) {
            try BackendAnswers.refuseVariables(of: object, isLocal: isLocal)
            return nil
        } catch {
            return error.param
        }
    }

    @Test func whoIsOnThisMachineMayNameVariables() throws {
        #expect(try refusal(#"{"url":"u","api_key_env":"KEY"}"#, isLocal: true) == nil)
    }

    @Test func nobodyElseMayHaveABackendSentWhatTheyHold() throws {
        #expect(try refusal(#"{"url":"u","api_key_env":"KEY"}"#, isLocal: false) == "api_key_env")
        #expect(try refusal(#"{"options":{"headers":[{"token_env":"KEY"}]}}"#, isLocal: false) == "token_env")
        #expect(try refusal(#"{"url":"u","options":{"environment":1}}"#, isLocal: false) == nil)
    }
}
