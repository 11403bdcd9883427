import Testing

@testable import OpenAICompat

@Suite struct UsageTests {
    private func plain(_ text: String) -> TokenUsage? { Array(text.utf8).withUnsafeBytes { PlainUsage.scan($0) } }
    private func last(_ text: String) -> TokenUsage { Array(text.utf8).withUnsafeBytes { UsageScan.last(in: $0) } }

    @Test func theCountsOfCommonServersAreReadInOnePass() {
        let text = """
            { "prompt_tokens": 11, "completion_tokens":7 ,"total_tokens":18, "x":null,
              "prompt_tokens_details": {"cached_tokens":4, "audio_tokens":0}, "completion_tokens_details": {} }
            """

        #expect(plain(text) == TokenUsage(prompt: 11, completion: 7, cached: 4))
    }

    @Test func countsOfTheSameNameElsewhereAreOthers() {
        let text = #"{"details":{"prompt_tokens":1,"cached_tokens":2},"completion_tokens":3}"#

        #expect(plain(text) == TokenUsage(completion: 3))
    }

    @Test(arguments: [
        "", "{", "{}x", #"{"a":1.5}"#, #"{"a":-1}"#, #"{"a":1e3}"#, #"{"a":"1"}"#, #"{"a":[1]}"#,
        #"{"a":{"b":{"c":1}}}"#,
        #"{"\u0061":1}"#, #"{"a":1,}"#, #"{"a" 1}"#, #"{"a":01}"#, #"{"a":nul}"#,
        #"{"prompt_tokens":1234567890123456}"#,
        "{\"\u{e9}\":1}",
    ])
    func whatIsNotPlainIsLeftToTheParser(_ text: String) {
        #expect(plain(text) == nil)
    }

    /// Every name at most once: of members that come twice the one a reader takes is not laid down (RFC 8259, section 4).
    private func members(_ names: [String], depth: Int) -> String {
        var members: [String] = []
        for name in names where Bool.random() {
            switch Int.random(in: 0...3) {
            case 0 where depth == 0:
                members.append("\"prompt_tokens_details\" : {\(self.members(names, depth: 1))}")
                return members.joined(separator: " , ")
            case 1: members.append("\"\(name)\":null")
            default: members.append("\"\(name)\": \(Int.random(in: 0...100_000))")
            }
        }
        return members.joined(separator: ",")
    }

    @Test func whatIsReadPlainlyIsWhatTheParserReads() throws {
        for _ in 0..<2000 {
            let names = ["prompt_tokens", "completion_tokens", "cached_tokens", "total_tokens", "x"].shuffled()
            let text = "{\(members(names, depth: 0))}"
            let parsed = UsageScan.usage(try JSONValue.parse(text))

            if let plain = plain(text) {
                #expect(plain == parsed, "\(text)")
            } else {
                // The other counts alone are not worth it.
                #expect(parsed.completion == nil, "\(text)")
            }
        }
    }

    @Test func theLastUsageCountsAndTextThatSpeaksOfItDoesNot() {
        #expect(last(#"{"usage":{"prompt_tokens":1},"b":{"usage":{"prompt_tokens":2}}}"#).prompt == 2)
        #expect(last(#"{"usage":{"prompt_tokens":1},"usage":null}"#).prompt == 1)
        #expect(last(#"{"a":"\"usage\":{\"prompt_tokens\":9}","usage":{"prompt_tokens":1}}"#).prompt == 1)
        #expect(last(#"{"usage":{"prompt_tokens":1.0}}"#) == TokenUsage(prompt: 1))
        #expect(last("\"usage\"") == TokenUsage() && last("") == TokenUsage())
    }
}
