/// Whose configuration a file is.
public enum SourceKind: String, Sendable, CaseIterable {
    case litellm
    case llamaSwap = "llama-swap"
    case olla
    case rustNexus = "nexus-rust"

    /// For people.
    var title: String {
        switch self {
        case .litellm: "LiteLLM"
        case .llamaSwap: "llama-swap"
        case .olla: "Olla"
        case .rustNexus: "the Rust Nexus"
        }
    }

    var isYAML: Bool { self != .rustNexus }

    /// By the tables that only one of them has; nil: it may be any, or none.
    static func recognised(in root: SourceValue) -> SourceKind? {
        guard let members = root.members else { return nil }
        let names = Set(members.map(\.name))
        if names.contains("model_list")
            || !names.isDisjoint(with: ["litellm_settings", "router_settings", "general_settings"])
        {
            return .litellm
        }
        if names.contains("discovery") || !names.isDisjoint(with: ["model_registry", "translators", "engineering"]) {
            return .olla
        }
        if let models = root["models"]?.members, models.contains(where: { $0.value["cmd"] != nil }) {
            return .llamaSwap
        }
        if !names.isDisjoint(with: ["peers", "macros", "healthCheckTimeout", "startPort", "groups"]) {
            return .llamaSwap
        }
        return nil
    }
}
