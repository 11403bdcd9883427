import JSON
import NIOCore
import Testing

@testable import Gateway

@Suite struct BackendAnswersTests {
    private func refusal(_ text: String, from address: String?) throws -> String? {
        let object = try #require(try JSONValue.parse(Array(text.utf8)).object)
        let peer = try address.map { try SocketAddress(ipAddress: $0, port: 1) }
        do throws(ErrorBody) {
            try BackendAnswers.refuseVariables(of: object, from: peer)
            return nil
        } catch {
            return error.param
        }
    }

    @Test(arguments: ["127.0.0.1", "127.5.0.1", "::1"])
    func whoIsOnThisMachineMayNameVariables(address: String) throws {
        #expect(try refusal(#"{"url":"u","api_key_env":"KEY"}"#, from: address) == nil)
    }

    @Test(arguments: ["10.0.0.5", "2001:db8::1", nil])
    func nobodyElseMayHaveABackendSentWhatTheyHold(address: String?) throws {
        #expect(try refusal(#"{"url":"u","api_key_env":"KEY"}"#, from: address) == "api_key_env")
        #expect(try refusal(#"{"options":{"headers":[{"token_env":"KEY"}]}}"#, from: address) == "token_env")
        #expect(try refusal(#"{"url":"u","options":{"environment":1}}"#, from: address) == nil)
    }
}
