import Testing

@testable import AdapterHost

@Suite struct OptionsSchemaTests {
    private let schema = #"""
        {"type":"object","additionalProperties":false,"required":["a"],"properties":{
        "a":{"type":"integer","minimum":1,"maximum":10},"b":{"enum":["x","y"]},"c":{"type":["string","boolean"]},
        "d":{"type":"array","items":{"type":"string"}},"e":{"type":"object","additionalProperties":{"type":"number"}}}}
        """#

    @Test(arguments: [
        #"{"a":1}"#, #"{"a":10,"b":"y","c":true,"d":["p"],"e":{"any":1.5}}"#, #"{"a":5.0,"c":"s","d":[],"e":{}}"#,
    ])
    func optionsThatFitAreTaken(_ options: String) {
        #expect(OptionsSchema.problem(options: options, schema: schema) == nil)
    }

    @Test(arguments: [
        ("{}", "options.a is missing"), (#"{"a":"1"}"#, "options.a must be of type integer"),
        (#"{"a":0}"#, "options.a must be at least 1"), (#"{"a":11}"#, "options.a must be at most 10"),
        (#"{"a":1.5}"#, "options.a must be of type integer"),
        (#"{"a":1,"b":"z"}"#, #"options.b must be one of "x", "y""#),
        (#"{"a":1,"c":1}"#, "options.c must be of type string or boolean"),
        (#"{"a":1,"d":["p",1]}"#, "options.d[1] must be of type string"),
        (#"{"a":1,"e":{"x":"1"}}"#, "options.e.x must be of type number"),
        (#"{"a":1,"zz":1}"#, "options.zz is not known; known are a, b, c, d, e"),
        ("[]", "options must be of type object"),
        ("{", "options are not valid JSON"),
    ])
    func whatDoesNotFitIsNamed(_ options: String, _ problem: String) {
        #expect(OptionsSchema.problem(options: options, schema: schema) == problem)
    }

    @Test func anAdapterWithoutASchemaTakesNone() {
        #expect(OptionsSchema.problem(options: "{}", schema: "") == nil)
        #expect(OptionsSchema.problem(options: #"{"a":1}"#, schema: "") == "this adapter takes no options")
    }

    @Test func aMisspeltOptionIsAnsweredWithTheNearest() {
        let schema = #"{"properties":{"prefix":{"type":"string"},"headers":{}},"additionalProperties":false}"#
        let problem = OptionsSchema.problem(options: #"{"prefx":"/v1"}"#, schema: schema)
        #expect(problem == "options.prefx is not known; did you mean \"prefix\"? known are prefix, headers")
        #expect(
            OptionsSchema.problem(options: #"{"zzzz":1}"#, schema: schema)
                == "options.zzzz is not known; known are prefix, headers")
    }
}
