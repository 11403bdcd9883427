/// What stands before the slash of a LiteLLM model ("openai/gpt-4o"), and what it is here.
/// Facts: docs.litellm.ai/docs/providers, and each provider's own description of its API.
struct Provider: Sendable {
    /// An adapter's type, or a kind of server that stands for one.
    var type: String
    /// Where it is if the file does not say so; nil: the file has to.
    var url: String?
    /// The variable with its key if the file does not say so; nil: no key is needed.
    var keyVariable: String?
    /// Options that its server needs.
    var options: [(name: String, value: TOMLValue)] = []
    /// The models that the file names are all that may be used: the list of a provider is long, and its models cost money.
    var namesModels = false
    /// For who reads the result.
    var note: String?

    private static func hosted(
        _ url: String, _ keyVariable: String, prefix: String? = nil, options: [(name: String, value: TOMLValue)] = [],
        note: String? = nil
    ) -> Provider {
        let prefix = prefix.map { [(name: "prefix", value: TOMLValue.text($0))] } ?? []
        return Provider(
            type: "openai", url: url, keyVariable: keyVariable, options: prefix + options, namesModels: true, note: note
        )
    }

    private static func own(_ type: String, _ url: String? = nil) -> Provider { Provider(type: type, url: url) }

    /// A server of somebody's own that has OpenAI's API; what it is finds the adapter out.
    static let compatible = own("openai")

    static let openAI = hosted("https://api.openai.com", "OPENAI_API_KEY", options: [("flavor", .text("openai"))])

    /// Has OpenAI's chats beside its own API (docs.anthropic.com/en/api/openai-sdk); its list of models wants a header with a version.
    static let anthropic = hosted(
        "https://api.anthropic.com", "ANTHROPIC_API_KEY",
        options: [
            ("endpoints", .texts(["chat", "messages", "count_tokens"])), ("auth_header", .text("x-api-key")),
            ("headers", .table([("anthropic-version", .text("2023-06-01"))])),
        ],
        note:
            "Clients of OpenAI's API reach it by the chats that Anthropic offers for them, clients of Anthropic's by its own API."
    )

    static let google = hosted(
        "https://generativelanguage.googleapis.com", "GEMINI_API_KEY", prefix: "/v1beta/openai",
        note: "This is Google's API for OpenAI's clients.")

    /// Nil: no adapter speaks to it.
    static func named(_ name: String) -> Provider? {
        switch name {
        case "openai", "text-completion-openai": openAI
        case "anthropic": anthropic
        case "gemini": google
        case "ollama", "ollama_chat": own("ollama", "http://localhost:11434")
        case "hosted_vllm", "vllm": own("vllm")
        case "lm_studio": own("lmstudio", "http://localhost:1234")
        case "llamafile": own("llamacpp", "http://127.0.0.1:8080")
        case "huggingface": own("tgi")
        case "openai_like", "custom_openai", "litellm_proxy", "xinference", "infinity", "docker_model_runner",
            "lemonade", "llama_cpp":
            own(name == "llama_cpp" ? "llamacpp" : "openai")
        case "groq": hosted("https://api.groq.com/openai", "GROQ_API_KEY")
        case "mistral": hosted("https://api.mistral.ai", "MISTRAL_API_KEY")
        case "deepseek": hosted("https://api.deepseek.com", "DEEPSEEK_API_KEY")
        case "together_ai": hosted("https://api.together.xyz", "TOGETHERAI_API_KEY")
        case "fireworks_ai": hosted("https://api.fireworks.ai/inference", "FIREWORKS_AI_API_KEY")
        case "openrouter": hosted("https://openrouter.ai/api", "OPENROUTER_API_KEY")
        case "xai": hosted("https://api.x.ai", "XAI_API_KEY")
        case "perplexity":
            hosted(
                "https://api.perplexity.ai/chat/completions", "PERPLEXITYAI_API_KEY",
                options: [("endpoints", .texts(["chat"]))])
        case "nvidia_nim": hosted("https://integrate.api.nvidia.com", "NVIDIA_NIM_API_KEY")
        case "cerebras": hosted("https://api.cerebras.ai", "CEREBRAS_API_KEY")
        case "sambanova": hosted("https://api.sambanova.ai", "SAMBANOVA_API_KEY")
        case "deepinfra": hosted("https://api.deepinfra.com", "DEEPINFRA_API_KEY", prefix: "/v1/openai")
        default: nil
        }
    }

    /// Of a name without a slash, as LiteLLM guesses it; nil: it has to be told.
    static func guessed(_ model: String) -> String? {
        let model = model.lowercased()
        if model.hasPrefix("claude") { return "anthropic" }
        let openAI = ["gpt-", "chatgpt-", "o1", "o3", "o4", "text-embedding-", "dall-e", "whisper-", "tts-"]
        return openAI.contains(where: model.hasPrefix) ? "openai" : nil
    }
}
