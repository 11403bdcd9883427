import ABIRules
import JSON
import PluginAPI
import Synchronization
import Testing

@testable import AdapterHost

/// Texts of others that are nested as deeply as anybody likes.
@Suite struct DepthTests {
    private static let depths = [65, 255, 257, 1000, 200_000]

    private func arrays(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }

    private func objects(_ depth: Int, _ name: String, _ end: String) -> String {
        String(repeating: "{\"\(name)\":", count: depth) + end + String(repeating: "}", count: depth)
    }

    @Test(arguments: depths) func optionsAndSchemas(_ depth: Int) {
        let schema = #"{"type":"object","properties":{"a":{}}}"#

        #expect(
            OptionsSchema.problem(options: #"{"a":\#(arrays(depth))}"#, schema: schema) == "options are not valid JSON")
        let deep = objects(depth, "items", "{}")
        #expect(OptionsSchema.problem(options: #"{"a":1}"#, schema: deep)?.hasSuffix("nested too deeply") == true)
        #expect(OptionSecrets.texts(in: #"{"a":"x"}"#, schema: deep, marked: []) == [])
        _ = OptionSecrets.texts(in: objects(depth, "a_env", "1"), schema: schema, marked: ["a_env.a_env"])
    }

    @Test func optionsAndSchemasThatAreAsDeepAsTheyMayBe() {
        let options = objects(60, "a", "1")
        let schema = objects(30, "additionalProperties", #"{"writeOnly":true}"#)

        #expect(OptionsSchema.problem(options: options, schema: schema) == nil)
        #expect(OptionSecrets.texts(in: options, schema: schema, marked: []) == ["1"])
    }

    @Test(arguments: depths) func defaultsInASignature(_ depth: Int) {
        #expect(throws: ActionSignature.Problem.self) { try ActionSignature("(a: json = \(arrays(depth))) -> none") }
        #expect(throws: ActionSignature.Problem.self) {
            try ActionSignature("(a: json = " + String(repeating: "[", count: depth) + ") -> none")
        }
    }

    @Test(arguments: [257, 1000, 2000]) func detailsOfAModel(_ depth: Int) {
        let details = #"{"family":"f","a":\#(arrays(depth))}"#
        var model = nexus_model()
        model.struct_size = UInt32(MemoryLayout<nexus_model>.size)
        let cleaned = withBorrowed("m", details, "") { id, details, _ in
            model.id = id
            model.details = details
            return ReportCleaning.models(&model, count: 1)
        }
        #expect(cleaned.models.first?.details == [:])
    }

    /// On a thread as adapters have them: read, compared, written and let go.
    @Test func theDeepestJSONFitsAThreadsStack() async {
        let text = arrays(1024)
        let objects = self.objects(1024, "a", "{}").dropLast()
        let fits = await withCheckedContinuation { continuation in
            DetachedThread.run("depth") {
                let value = try? JSONValue.parse(text, maximumDepth: 1024)
                let other = try? JSONValue.parse(text, maximumDepth: 1024)
                _ = try? JSONValue.parse(String(objects), maximumDepth: 1024)
                continuation.resume(returning: value != nil && value == other && value?.bytes == Array(text.utf8))
            }
        }
        #expect(fits)
    }
}
