import Config
import Core
import Testing

@testable import Import

@Suite struct ImporterTests {
    private func imported(_ text: String, _ kind: SourceKind? = nil, _ environment: [String: String] = [:]) throws
        -> ImportedFile
    {
        try Importer.read(text, kind: kind, environment: environment)
    }

    private func configuration(_ text: String, _ kind: SourceKind? = nil) throws -> Configuration {
        try ConfigurationReader.read(try imported(text, kind).text, source: "nexus.toml")
    }

    private func problem(_ text: String, _ kind: SourceKind? = nil) -> String? {
        do throws(ImportProblem) {
            _ = try Importer.read(text, kind: kind)
            return nil
        } catch {
            return error.description
        }
    }

    // MARK: Which file it is

    @Test(arguments: [
        ("model_list: []\n", SourceKind.litellm), ("router_settings: {num_retries: 1}\n", .litellm),
        ("models: {a: {cmd: x}}\n", .llamaSwap), ("peers: {}\nmacros: {}\n", .llamaSwap),
        ("discovery: {type: static}\n", .olla), ("server: {port: 1}\ntranslators: {}\n", .olla),
        ("[server]\nport = 8000\nworkers = 2\n", .rustNexus), ("# a comment\nx = 1\n", .rustNexus),
        ("[[backends]]\nname = \"a\"\n", .rustNexus),
    ])
    func aFileShowsWhoseItIs(_ text: String, _ kind: SourceKind) throws {
        #expect(try imported(text).kind == kind)
    }

    @Test func aFileThatIsValidHereIsNotTakenForAnother() throws {
        let own = "[server]\nport = 8000\n"
        #expect(problem(own)?.contains("a valid nexus.toml of this Nexus already") == true)
        #expect(problem(own)?.contains("--from nexus-rust") == true)
        #expect(problem(own, .rustNexus) == nil)
    }

    @Test func whatShowsNothingIsAsked() {
        #expect(problem("a: 1\n")?.contains("--from (litellm, llama-swap, olla, nexus-rust)") == true)
        #expect(problem("just words\n")?.contains("--from") == true)
        #expect(problem("server: {port: 1}\n", .olla) == nil)
    }

    @Test func aFileThatIsBrokenIsToldAsWhatItIs() {
        #expect(problem("model_list:\n  - [\n")?.contains("not YAML") == true)
        #expect(problem("[server\nport = 1\n")?.contains("line 1: this is not TOML") == true)
        #expect(problem("[server]\nport = = 1\n")?.contains("line 2: this is not TOML") == true)
        #expect(problem("a: 1\n", .rustNexus)?.contains("not TOML") == true)
    }

    @Test func whatIsTooLargeIsRefused() {
        #expect(
            problem("#" + String(repeating: "x", count: Importer.sizeLimit))?.contains("more than 1048576 bytes")
                == true)
    }

    @Test func anEmptyFileIsNone() {
        #expect(problem("") != nil)
        #expect(problem("", .rustNexus) != nil)
        #expect(problem("[]\n", .litellm)?.contains("no table of settings") == true)
    }

    // MARK: LiteLLM

    private func entry(_ name: String, _ model: String, _ more: String = "") -> String {
        "  - model_name: \"\(name)\"\n    litellm_params: {model: \"\(model)\"\(more)}\n"
    }

    @Test func entriesOfOneServerAreOneBackend() throws {
        let text =
            "model_list:\n" + entry("a", "ollama/x") + entry("b", "ollama_chat/y")
            + entry("c", "ollama/z", ", api_base: \"http://h:1\"")
        let configuration = try configuration(text)

        #expect(configuration.backends.map(\.url.description) == ["http://localhost:11434", "http://h:1"])
        #expect(configuration.routing.aliases["a"] == "x")
        #expect(configuration.routing.aliases["c"] == "z")
    }

    @Test func entriesOfOneNameAreDrawnByWeight() throws {
        let text =
            "model_list:\n" + entry("a", "openai/x", ", api_base: \"http://h:1\", weight: 3")
            + entry("a", "openai/x", ", api_base: \"http://h:2\"")
        let alias = try configuration(text).routing.aliases["a"]

        #expect(alias?.isWeighted == true)
        #expect(alias?.targets == [.init("x", backend: "openai-h", weight: 3), .init("x", backend: "openai-h-2")])
    }

    @Test func laterOrdersAreFallbacks() throws {
        let text =
            "model_list:\n" + entry("a", "openai/x", ", api_base: \"http://h:1\", order: 1")
            + entry("a", "openai/y", ", api_base: \"http://h:2\", order: 2")
        let configuration = try configuration(text)

        #expect(configuration.routing.aliases["a"]?.targets.map(\.model) == ["x"])
        #expect(configuration.routing.fallbacks["a"] == ["y"])
        #expect(configuration.backends.map(\.priority) == [10, 20])
    }

    @Test func namesThatLeadToOneAnotherAreCut() throws {
        let text =
            "model_list:\n" + entry("a", "ollama/b") + entry("b", "ollama/a") + entry("c", "ollama/d")
            + "router_settings:\n  fallbacks: [{a: [c]}, {c: [a]}, {d: [c]}]\n  model_group_alias: {e: e, a: c}\n"
        let result = try imported(text)

        #expect(result.text.contains("would lead to \"a\" and back"))
        #expect(result.text.contains("\"a\" is an alias already"))
        #expect(try configuration(text).routing.fallbacks == ["a": ["c"]])
    }

    @Test func aModelThatIsAlsoAnAliasIsThatAlias() throws {
        let text =
            "model_list:\n" + entry("a", "openai/b", ", api_base: \"http://h:1\"")
            + entry("a", "openai/b", ", api_base: \"http://h:2\"")
            + entry("b", "openai/c", ", api_base: \"http://h:1\"")

        #expect(try configuration(text).routing.aliases["a"]?.targets.allSatisfy { $0.backend == nil } == true)
    }

    @Test func aKeyInPlainTextIsAVariableToSet() throws {
        let text = "model_list:\n" + entry("a", "openai/x", ", api_key: sk-1") + entry("b", "groq/y", ", api_key: sk-1")
        let result = try imported(text)

        #expect(result.secrets.map(\.variable) == ["OPENAI_API_KEY"])
        #expect(result.secrets.map(\.line) == [3])
        #expect(!result.text.contains("sk-1"))
        #expect(try configuration(text).backends.map(\.apiKeyEnv) == [["OPENAI_API_KEY"], ["OPENAI_API_KEY"]])
    }

    @Test(arguments: ["none", "EMPTY", "sk-no-key-required"])
    func aWordInThePlaceOfAKeyIsNone(_ word: String) throws {
        let result = try imported(
            "model_list:\n" + entry("a", "hosted_vllm/x", ", api_base: \"http://h:1\", api_key: \(word)"))

        #expect(result.secrets.isEmpty)
        #expect(!result.text.contains("api_key_env ="))
    }

    @Test func anAddressMayComeFromTheEnvironment() throws {
        let text = "model_list:\n" + entry("a", "openai/x", ", api_base: os.environ/BASE")

        #expect(try imported(text, nil, ["BASE": "http://h:1/v1"]).text.contains("url = \"http://h:1/v1\""))
        #expect(try imported(text).text.contains("is in the variable BASE, which is not set here"))
    }

    @Test(arguments: ["os.environ/BASE", "http://user:password@h", "nonsense and more"])
    func aKeyGoesNowhereButToItsOwnServer(_ address: String) throws {
        let result = try imported(
            "model_list:\n" + entry("a", "openai/x", ", api_key: os.environ/KEY, api_base: \"\(address)\""))

        #expect(result.backends == 0 && !result.text.contains("api.openai.com"))
        #expect(result.text.contains("# api_key_env = \"KEY\""))
    }

    @Test func aProviderWithoutACounterpartIsTold() throws {
        let result = try imported("model_list:\n" + entry("a", "vertex_ai/gemini-pro"))

        #expect(result.backends == 0)
        #expect(result.text.contains("no adapter speaks to \"vertex_ai\""))
    }

    // MARK: All

    @Test(arguments: ["\\\"]\\n[server]\\nport = 1\\n#", "a\\u0007b\\u2028c", "' \\\" \\\\"])
    func whatAFileNamesIsNeverTOML(_ name: String) throws {
        let text =
            "model_list:\n  - model_name: \"\(name)\"\n    litellm_params: {model: \"ollama/\(name)\", \"\(name)\": 1}\n"
            + "\"\(name)\": 1\nrouter_settings: {fallbacks: [{\"\(name)\": [x]}]}\n"
        let configuration = try configuration(text)

        #expect(configuration.server.port == 8000)
        #expect(configuration.backends.count == 1)
    }

    @Test func manyAliasesThatLeadToOneAnotherAreCut() throws {
        let text =
            "model_list:\n"
            + (0..<900).map { entry("n\($0)", "openai/n\($0 + 1)", ", api_base: \"http://h\($0 % 50):1\"") }.joined()

        #expect(try configuration(text).routing.aliases.count == ModelAlias.Limits.depth)
        #expect(try imported(text).text.contains("the alias \"n0\" was left out: it leads through more than 3 aliases"))
    }

    @Test func macrosThatGrowAreLeftOut() throws {
        var text = "macros:\n  m0: \"xxxxxxxxxxxxxxxxxxxx\"\n"
        for level in 1...9 { text += "  m\(level): \"" + String(repeating: "${m\(level - 1)}", count: 10) + "\"\n" }
        let result = try imported(
            text + "  loop: \"${loop} x\"\nmodels:\n  a: {cmd: \"${m9}\"}\n  b: {cmd: \"${loop}\"}\n")

        #expect(
            result.text.contains("models.a.cmd has macros that lead to one another without end, or to too long a text"))
        #expect(result.text.contains("models.b.cmd has macros"))
        #expect(result.text.utf8.count < 10_000)
    }
}
