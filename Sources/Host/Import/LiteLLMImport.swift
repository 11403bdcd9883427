import Core

/// LiteLLM's `config.yaml` (docs.litellm.ai/docs/proxy/config_settings).
enum LiteLLMImport {
    static func read(_ root: SourceTable, _ draft: inout Draft, _ environment: [String: String]) {
        var root = root
        draft.introduction = [
            "LiteLLM listens on port 4000 unless its command line says otherwise, Nexus on 8000: with port = 4000 in [server] clients "
                + "keep their address."
        ]
        let models = root.tables("model_list", &draft.remarks)
        let router = root.table("router_settings", &draft.remarks)
        let common = root.table("litellm_settings", &draft.remarks)
        let general = root.table("general_settings", &draft.remarks)
        var deployments = LiteLLMDeployments(environment: environment)
        for model in models { deployments.add(model, &draft) }
        deployments.finish(&draft)
        var settings = LiteLLMSettings(groups: deployments.groupNames)
        if let router { settings.readRouter(router, &draft) }
        if let common { settings.readCommon(common, &draft) }
        if let general { settings.readGeneral(general, &draft) }
        settings.finish(&draft)
        variables(&root, &draft)
        root.none("include", because: "import the files that it names one by one", &draft.remarks)
        root.finish(&draft.remarks)
    }

    private static func variables(_ root: inout SourceTable, _ draft: inout Draft) {
        guard let table = root.take("environment_variables") else { return }
        let names = table.members?.map(\.name).joined(separator: ", ") ?? ""
        draft.remarks.add(
            "environment_variables", table.line,
            "is not copied: set \(names.isEmpty ? "them" : names) where Nexus is started, as far as an api_key_env names it"
        )
    }
}
