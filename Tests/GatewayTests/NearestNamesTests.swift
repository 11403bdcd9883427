import Core
import Dialects
import JSON
import Testing

@testable import Gateway

@Suite struct NearestNamesTests {
    @Test(
        arguments: [
            ("lama3.2:3b", "llama3.2:3b"), ("LLAMA3.2", "llama3.2:3b"), ("gpt4o", "gpt-4o"), ("qwen", "qwen2.5-coder"),
            ("mistral-latest", "mistral:latest"),
        ])
    func theNearestComesFirst(_ wanted: String, _ nearest: String) {
        let names = ["gpt-4o", "mistral:latest", "qwen2.5-coder", "llama3.2:3b", "nomic-embed-text", "m"]
        #expect(NearestNames.of(wanted, in: names).first == nearest)
    }

    @Test func twentyAreToldAndTheOthersCounted() throws {
        let names = (0..<50).map { "model-\($0)" }
        let list = try #require(NearestNames.list(of: "model-7", in: names))

        #expect(list.hasPrefix("'model-7', ") && list.hasSuffix(" and 30 more"))
        #expect(list.split(separator: ",").count == 20)
        #expect(NearestNames.list(of: "x", in: ["a"]) == "'a'" && NearestNames.list(of: "x", in: [String]()) == nil)
    }

    @Test func theBestAreTheSameInAnyOrder() {
        let names = (0..<300).map { "model-\($0)-\($0 % 7)" }
        let best = NearestNames.of("model-123", in: names)

        #expect(best.count == 20 && best.contains("model-123-4"))
        #expect(NearestNames.of("model-123", in: names.reversed()) == best)
        #expect(NearestNames.of("model-123", in: names.shuffled()) == best)
    }

    @Test func ofThousandsOnlySomeAreLookedAt() {
        var looked = 0
        let names = (0..<50_000).lazy.map { number in
            looked += 1
            return "model-\(number)"
        }
        #expect(NearestNames.of("model-7", in: AnySequence(names)).first == "model-7" && looked <= 1001)
    }

    @Test(arguments: ["x", "界", "👩‍👩‍👧‍👦", "a\u{301}\u{301}\u{301}"])
    func longNamesAreShortened(_ unit: String) throws {
        let name = String(repeating: unit, count: 256 / unit.utf8.count)
        let names = (0..<30).map { "\(name)\($0)" }
        let error = ErrorBody.unknownModel(String(repeating: unit, count: 100_000), among: names)

        #expect(error.message.utf8.count < 4096 && error.message.contains("…'"))
    }

    @Test func whoHasNotAnsweredYetMayHaveIt() {
        func words(_ silent: ErrorBody.SilentBackends) -> String {
            ErrorBody.unknownModel("lama", among: ["qwen"], silent: silent).message
        }
        #expect(words(.named(["two"])).hasSuffix("What 'two' has is not known: no answer from there yet."))
        #expect(words(.named((1...9).map { "b\($0)" })).contains("'b5' and 4 more has"))
        #expect(words(.some).contains("Not all backends answer now") && !words(.none).contains("not known"))
    }

    @Test func everyAPITellsInItsOwnWords() throws {
        let error = ErrorBody.unknownModel("lama", among: ["llama", "qwen"])
        func message(_ dialect: Dialect) throws -> String? {
            let body = try JSONValue.parse(dialect.errorBody(error, requestID: "r"))
            return body["error"]?.string ?? body["error"]?["message"]?.string
        }

        let openAI = try message(.openAI)
        let anthropic = try message(.anthropic)
        let ollama = try message(.ollama)
        #expect(openAI == "The model 'lama' does not exist at any backend. Available: 'llama', 'qwen'.")
        #expect(anthropic == openAI)
        #expect(ollama == "model 'lama' not found; available: 'llama', 'qwen'")
    }
}
