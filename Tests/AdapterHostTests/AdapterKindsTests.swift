import Core
import Testing

@testable import AdapterHost

@Suite struct AdapterKindsTests {
    private static let schema = """
        {"type":"object","properties":{"flavor":{"type":"string","default":"auto",
        "x-nexus-kinds":{"llamacpp":"llamacpp","LM Studio":"lmstudio","generic":"auto"}}}}
        """
    private let kinds = AdapterKinds([
        ("ollama", ""), ("open_ai", schema), ("broken", "{"), ("other", #"{"properties":{"x":{"x-nexus-kinds":[1]}}}"#),
    ])

    private func resolved(_ type: String, options: String = "{}") -> (String, String)? {
        guard let url = try? BackendURL("http://h") else { return nil }
        var backend = Configuration.Backend(name: "a", type: type, url: url)
        backend.options = options
        return (try? kinds.resolved(backend)).map { ($0.type, $0.options) }
    }

    @Test(arguments: ["llamacpp", "llama.cpp", "llama-cpp", "LLaMA cpp", "llama_cpp"])
    func aKindIsTheAdapterWithTheOptionInAnySpelling(_ written: String) throws {
        let (type, options) = try #require(resolved(written))

        #expect(type == "open_ai" && options == #"{"flavor":"llamacpp"}"#)
    }

    @Test func aTypeIsFoundInOtherSpellingsWithoutAnOption() throws {
        let same = try #require(resolved("ollama"))
        let other = try #require(resolved("OpenAI", options: #"{"a":1}"#))

        #expect(same == ("ollama", "{}") && other == ("open_ai", #"{"a":1}"#))
    }

    @Test(arguments: [("ollama", nil), ("llama.cpp", "llama.cpp"), ("OpenAI", "OpenAI")] as [(String, String?)])
    func whatWasWrittenIsKeptWhereItIsAnotherWord(_ type: String, _ written: String?) throws {
        let backend = Configuration.Backend(name: "a", type: type, url: try BackendURL("http://h"))

        #expect(try kinds.resolved(backend).writtenType == written)
    }

    @Test func whatTheOptionsSayMustNotContradict() throws {
        let same = try #require(resolved("lmstudio", options: #"{"flavor":"lmstudio"}"#))
        let finer = try #require(resolved("generic", options: #"{"flavor":"lmstudio"}"#))

        #expect(same == ("open_ai", #"{"flavor":"lmstudio"}"#) && finer == same)
        #expect(resolved("llamacpp", options: #"{"flavor":"lmstudio"}"#) == nil)
    }

    @Test(arguments: ["", "...", "x", "llama", "llamacpp2", "flavor"])
    func otherNamesAreUnknown(_ written: String) { #expect(resolved(written) == nil) }

    @Test func aServerIsKnownByItsName() {
        let openai = AdapterKinds([("openai", Self.schema)])
        let ollama = AdapterKinds([("ollama", "")])

        #expect(openai.areOf("llama.cpp b42") && openai.areOf("LM Studio") && openai.areOf("OpenAI"))
        #expect(!openai.areOf("Ollama 0.5") && ollama.areOf("Ollama 0.5") && !ollama.areOf(""))
    }

    // MARK: Secrets that must not be written down

    @Test(arguments: [
        (#"{"headers":{"x-login":"v"}}"#, ["options.headers.x-login"]), (#"{"pin":"v"}"#, ["options.pin"]),
        (#"{"api_key":"v"}"#, ["options.api_key"]), (#"{"login":{"Password":"v"}}"#, ["options.login.Password"]),
        (#"{"api_key_env":"V"}"#, []), (#"{"max_tokens":5}"#, []), (#"{"auth_header":"x"}"#, []), ("{}", []),
        (#"{"open":"v"}"#, ["options.open"]),
    ])
    func secretsAreFoundByTheirPlace(_ options: String, _ places: [String]) {
        let schema = """
            {"properties":{"headers":{"additionalProperties":{"type":"string","writeOnly":true}},
            "pin":{"format":"password"}}}
            """
        #expect(OptionSecrets.places(in: options, schema: schema, marked: ["open"]).sorted() == places)
    }
}
