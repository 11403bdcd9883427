import Core
import Testing

@testable import Gateway

@Suite struct AliasCheckTests {
    private func routing(_ aliases: [String: String], fallbacks: [String: [String]] = [:]) -> Configuration.Routing {
        var routing = Configuration.Routing()
        routing.aliases = aliases.mapValues { ModelAlias([ModelAlias.Target($0)]) }
        routing.fallbacks = fallbacks
        return routing
    }

    @Test func theModelThatIsMissingIsBlamedAndNotTheAlias() {
        let findings = AliasCheck.findings(routing(["fast": "lama3"]), models: ["llama3", "qwen"])
        #expect(findings.count == 1 && findings[0].weight == .wrong && findings[0].subject == "routing.aliases.fast")
        #expect(findings[0].message.contains("\"lama3\"") && !findings[0].message.contains("fast"))
        #expect(findings[0].advice?.contains("'llama3'") == true)
    }

    @Test func aliasesOfAliasesTagsAndCasesAreUnderstood() {
        #expect(AliasCheck.findings(routing(["a": "b", "b": "Llama3"]), models: ["llama3:latest"]).isEmpty)
    }

    @Test func fallbacksAreLookedAtAtBothEnds() {
        let findings = AliasCheck.findings(routing([:], fallbacks: ["x": ["llama3", "y"]]), models: ["llama3"])
        #expect(findings.map(\.weight) == [.note, .wrong], "that the first is away is what the others are there for")
        #expect(findings.allSatisfy { $0.subject == "routing.fallbacks.x" } && findings[1].message.contains("\"y\""))
    }
}

@Suite struct UnwellAdviceTests {
    @Test(arguments: [
        ("http://h:1/api", ["http://h:1/api/v1", "http://h:1/v1", "http://h:1"]),
        ("http://h:1/v1", ["http://h:1/v1/v1", "http://h:1"]),
        ("http://h:1", ["http://h:1/v1"]),
        ("http://h:1/a/v1", ["http://h:1/a/v1/v1", "http://h:1/a", "http://h:1/v1", "http://h:1"]),
    ])
    func otherPathsOfTheServerAreTriedTheNearestFirst(_ url: String, _ others: [String]) throws {
        let found = UnwellAdvice.otherPaths(of: try BackendURL(url))
        for other in others {
            #expect(found.contains { (try? BackendURL($0)) == (try? BackendURL(other)) }, "\(other) in \(found)")
        }
    }

    @Test(arguments: [
        ("connection refused: nothing listens there", "start the server"),
        ("the host name could not be resolved", "correct the name"),
        ("certificate verify failed: self-signed", "ca_file"),
        ("TLS failed: the server does not speak TLS; is its", "http://"),
        ("the server refuses the API key (status 401)", "api_key_env"), ("answered with status 404", "/v1"),
        ("?", "curl"),
    ])
    func eachReasonHasAnAdvice(_ reason: String, _ words: String) throws {
        let url = try BackendURL("http://h:1")
        #expect(UnwellAdvice.words(for: reason, at: url, type: "openai").contains(words))
    }

    @Test func ollamasOwnAPIHasNoPath() throws {
        let url = try BackendURL("http://h:1")
        let words = UnwellAdvice.words(for: "answered with status 404", at: url, type: "ollama")
        #expect(words.contains("\"openai\"") && !words.contains("/v1"))
    }
}
