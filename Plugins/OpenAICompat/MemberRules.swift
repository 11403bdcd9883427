import PluginAPI

/// What becomes of a request's members that a server's flavour does not know: a table, and no more. Some servers refuse a
/// request for the sake of one, others pass over it without a word.
///
/// Sources: OpenAI's API reference (chat, completions, embeddings); vLLM's and SGLang's lists of sampling parameters;
/// llama.cpp's server README; LM Studio's and TGI's references.
struct MemberRule: Sendable {
    enum Action: Sendable, Equatable {
        case leaveOut
        /// It has another name there. Where the request has that as well, that one counts.
        case rename(String)
    }

    /// Where in the request it stands.
    enum Place: Sendable, Equatable { case top, messages }

    let name: String
    let action: Action
    let place: Place
    let flavors: Set<Flavor>
    /// `NEXUS_KIND_...` bits of the requests it counts for.
    let kinds: UInt32

    private static func leaveOut(
        _ names: [String], at flavors: Set<Flavor>, kinds: UInt32 = all, place: Place = .top
    ) -> [MemberRule] {
        names.map { MemberRule(name: $0, action: .leaveOut, place: place, flavors: flavors, kinds: kinds) }
    }

    private static func rename(
        _ names: [String], to other: String, at flavors: Set<Flavor>, kinds: UInt32
    ) -> [MemberRule] {
        names.map { MemberRule(name: $0, action: .rename(other), place: .top, flavors: flavors, kinds: kinds) }
    }

    private static let all = NEXUS_KIND_CHAT | NEXUS_KIND_COMPLETIONS | NEXUS_KIND_EMBEDDINGS
    private static let text = NEXUS_KIND_CHAT | NEXUS_KIND_COMPLETIONS
    private static let every = Set(Flavor.allCases)

    private static let table: [MemberRule] =
        // What loads a model, which these servers have done before.
        leaveOut(["num_ctx", "keep_alive"], at: every)
        + leaveOut(["num_gpu", "num_batch", "num_thread", "main_gpu", "use_mmap"], at: every)
        // The limit of an answer.
        + rename(
            ["max_tokens", "num_predict", "n_predict"], to: "max_completion_tokens", at: [.openai],
            kinds: NEXUS_KIND_CHAT)
        + rename(["num_predict", "n_predict"], to: "max_tokens", at: [.openai], kinds: NEXUS_KIND_COMPLETIONS)
        + rename(["num_predict"], to: "max_tokens", at: every.subtracting([.openai]), kinds: text)
        // Sampling.
        + rename(["repeat_penalty"], to: "repetition_penalty", at: [.vllm, .sglang], kinds: text)
        + rename(["repetition_penalty"], to: "repeat_penalty", at: [.llamacpp, .lmstudio, .localai], kinds: text)
        + leaveOut(
            ["typical_p", "repeat_last_n", "mirostat", "mirostat_tau", "mirostat_eta"],
            at: [.vllm, .sglang, .tgi, .openai], kinds: text)
        + leaveOut(["top_k", "min_p", "repeat_penalty", "repetition_penalty"], at: [.tgi, .openai], kinds: text)
        // What only servers of one's own know.
        + leaveOut(
            [
                "tfs_z", "num_keep", "penalize_newline", "think", "options", "format", "template", "raw", "shift",
                "chat_template_kwargs", "enable_thinking", "cache_prompt", "id_slot", "ignore_eos", "min_tokens",
                "stop_token_ids", "skip_special_tokens", "guided_json", "guided_regex", "guided_choice",
                "guided_grammar",
            ], at: [.openai], kinds: text)
        + leaveOut(["truncate"], at: [.openai])
        + leaveOut(["reasoning_content", "reasoning"], at: [.openai], kinds: NEXUS_KIND_CHAT, place: .messages)

    /// Made once for each flavour and kind.
    private static let made: [Flavor: [UInt32: MemberRules]] = Dictionary(
        uniqueKeysWithValues: Flavor.allCases.map { flavor in
            let kinds = [NEXUS_KIND_CHAT, NEXUS_KIND_COMPLETIONS, NEXUS_KIND_EMBEDDINGS].map { kind in
                (kind, MemberRules(flavor, table.filter { $0.flavors.contains(flavor) && $0.kinds & kind != 0 }))
            }
            return (flavor, Dictionary(uniqueKeysWithValues: kinds))
        })

    /// Those that count for a request; nil where nothing is known of the server, and for other kinds.
    static func of(_ flavor: Flavor?, kind: UInt32) -> MemberRules? {
        guard kind & all != 0, let flavor else { return nil }
        return made[flavor]?[kind]
    }
}
