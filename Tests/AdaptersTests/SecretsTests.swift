import Core
import Testing

@testable import Adapters

@Suite struct SecretsTests {
    @Test(arguments: [
        ("no key here", "no key here"), ("the key sk-one is wrong", "the key [API key] is wrong"),
        ("sk-onesk-one", "[API key][API key]"), ("sk-one-long", "[API key]"), ("sk-on", "sk-on"), ("", ""),
        ("é sk-one é", "é [API key] é"), ("a key", "a key"),
    ])
    func everyKeyIsHiddenAndNothingElse(_ text: String, _ expected: String) {
        #expect(Secrets(["sk-one", "sk-one-long", "key", ""]).hidden(in: text) == expected)
    }

    @Test func aFailuresMessageAndBodyAreCleaned() {
        let failure = ExchangeFailure(kind: .busy, message: "sk-one", body: Array(#"{"error":"sk-one"}"#.utf8))

        let hidden = Secrets(["sk-one"]).hidden(in: failure)

        #expect(hidden.message == "[API key]" && hidden.body == Array(#"{"error":"[API key]"}"#.utf8))
        #expect(Secrets([]).hidden(in: failure) == failure)
    }
}
