import Testing

@testable import AdapterHost

@Suite struct ShownOptionsTests {
    private func shown(_ options: String, schema: String? = "{}", marked: [String] = []) -> String? {
        ShownOptions.json(options, schema: schema, marked: marked).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func whatIsNoSecretIsShownAsItIs() {
        #expect(
            shown(#"{"flavor":"vllm","deep":{"list":[1,true,null,"x"]}}"#)
                == #"{"flavor":"vllm","deep":{"list":[1,true,null,"x"]}}"#)
    }

    @Test func whatTheSchemaMarksIsSaidToBeSetWhateverLiesBelow() {
        let schema =
            #"{"properties":{"a":{"writeOnly":true},"b":{"properties":{"c":{"format":"password"}}},"d":{"type":"string"}}}"#
        #expect(
            shown(#"{"a":{"x":["s1",7]},"b":{"c":"s2","e":"open"},"d":"open"}"#, schema: schema)
                == #"{"a":{"x":["(set)","(set)"]},"b":{"c":"(set)","e":"open"},"d":"open"}"#)
    }

    @Test func whatTheOperatorMarksOrANameSaysIsASecret() {
        #expect(
            shown(#"{"x":{"y":"s"},"headers":{"authorization":"s"},"api_token":"s","n":1}"#, marked: ["x.y"])
                == #"{"x":{"y":"(set)"},"headers":{"authorization":"(set)"},"api_token":"(set)","n":1}"#)
    }

    @Test func aVariablesNameIsNone() {
        #expect(shown(#"{"token_env":"MY_TOKEN"}"#) == #"{"token_env":"MY_TOKEN"}"#)
    }

    @Test func withoutTheAdapterEverythingMayBeASecret() {
        #expect(
            shown(#"{"flavor":"vllm","n":3,"flag":true}"#, schema: nil)
                == #"{"flavor":"(set)","n":"(set)","flag":true}"#)
    }

    @Test func whatIsNoObjectIsNotShown() {
        #expect(shown("[1]") == nil && shown("nothing") == nil)
    }

    @Test func whatLiesDeeperThanIsLookedAtIsNotShown() {
        let deep = String(repeating: #"{"a":"#, count: 70) + #""s""# + String(repeating: "}", count: 70)
        #expect(shown(deep)?.contains(#""s""#) == false)
    }
}
