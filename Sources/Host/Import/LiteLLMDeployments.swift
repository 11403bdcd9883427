import Config
import Core

/// The entries of LiteLLM's `model_list`: each names a model for clients and a server for it. Those of one server with one key become
/// one backend, and what clients call the models becomes aliases.
struct LiteLLMDeployments {
    struct Deployment {
        /// What clients ask for.
        var group: String
        /// What the server calls it.
        var model: String
        var backend: Int
        var weight: Int?
        var order: Int?
        var path: String
        var line: Int
    }

    /// What makes two entries one backend.
    private struct Place: Hashable {
        var type: String
        var url: String
        var key: String?
        var headers: String
    }

    private let environment: [String: String]
    private var places: [Place: Int] = [:]
    private var namesModels: Set<Int> = []
    private var offered: [Int: [String]] = [:]
    private var limits: [Int: [Int?]] = [:]
    private(set) var all: [Deployment] = []

    init(environment: [String: String]) { self.environment = environment }

    /// What clients call the models, each once, in the order of the file.
    var groupNames: [String] {
        var seen: Set<String> = []
        return all.map(\.group).filter { seen.insert($0).inserted }
    }

    mutating func add(_ entry: SourceTable, _ draft: inout Draft) {
        var entry = entry
        let group = entry.text("model_name", &draft.remarks)
        guard var parameters = entry.table("litellm_params", &draft.remarks),
            let written = parameters.text("model", &draft.remarks)
        else {
            draft.remarks.add(entry.path, entry.line, "names no litellm_params.model, and was left out")
            return
        }
        let (name, model) = Self.provider(of: written, parameters.text("custom_llm_provider", &draft.remarks))
        LiteLLMParameters.readInformation(&entry, &draft)
        guard (1...TextLimits.model).contains(model.utf8.count),
            (1...TextLimits.model).contains((group ?? model).utf8.count)
        else {
            draft.remarks.add(
                entry.path, entry.line, "has a name of more than \(TextLimits.model) bytes, and was left out")
            return
        }
        guard let index = place(name, model, entry, &parameters, &draft) else { return }
        var deployment = Deployment(
            group: group ?? model, model: model, backend: index, weight: nil, order: nil, path: entry.path,
            line: entry.line)
        deployment.weight = parameters.number("weight", &draft.remarks).map { Int(min(max($0, 1), 1_000_000)) }
        deployment.order = parameters.number("order", &draft.remarks).map { Int(min(max($0, 0), 1000)) }
        let limit = parameters.number("max_parallel_requests", &draft.remarks)
        limits[index, default: []].append(limit.map { Int(min(max($0, 1), 100_000)) })
        LiteLLMParameters.read(&parameters, model: model, into: &draft.backends[index], &draft.remarks)
        entry.finish(&draft.remarks)
        if model.contains("*") {
            wildcard(deployment, &draft)
        } else {
            offered[index, default: []].append(model)
            all.append(deployment)
        }
    }

    /// "openai/gpt-4o" is gpt-4o of openai; what follows may have slashes of its own.
    static func provider(of written: String, _ told: String?) -> (provider: String?, model: String) {
        if let slash = written.firstIndex(of: "/") {
            let first = String(written[..<slash])
            let rest = String(written[written.index(after: slash)...])
            if told == nil || told == first { return (first, rest) }
        }
        return (told ?? Provider.guessed(written), written)
    }

    // MARK: Backends

    /// The backend of an entry; nil: there can be none, which was told.
    private mutating func place(
        _ name: String?, _ model: String, _ entry: SourceTable, _ parameters: inout SourceTable, _ draft: inout Draft
    ) -> Int? {
        let address = LiteLLMAddress(&parameters, environment, &draft.remarks)
        let azure = name == "azure" || name == "azure_ai"
        guard
            var provider = azure
                ? Self.azure : (name.flatMap(Provider.named) ?? (address.isGiven ? Self.unknown(name) : nil))
        else {
            draft.remarks.add(
                entry.path, entry.line,
                "was left out: \(name.map { "no adapter speaks to \(quoted($0))" } ?? "it names no provider"). To go on using it, let "
                    + "LiteLLM run for it and name that as a backend: type = \"openai\", url = \"http://127.0.0.1:4000\""
            )
            return nil
        }
        // A server of one's own in the place of the provider's.
        if address.isGiven, name == "openai" || name == "text-completion-openai" { provider = Provider.compatible }
        let written = address.isGiven ? address.url : provider.url
        let url = azure ? written.map { Self.azureAddress($0) } : written
        let key = key(&parameters, &draft)
        let headers = LiteLLMParameters.headers(&parameters, &draft.remarks)
        let place = Place(
            type: provider.type, url: url ?? address.written ?? "", key: key.map { "\($0)" } ?? provider.keyVariable,
            headers: TOMLValue.table(headers).written)
        if let known = places[place] { return known }
        let wish = provider.url == nil || address.isGiven ? Self.name(of: name ?? "server", url) : name ?? "server"
        var backend = DraftBackend(
            name: draft.backendName(wish), type: provider.type, url: url ?? "http://127.0.0.1:8000")
        if url == nil {
            backend.isComment = true
            backend.comments = [
                "Its address is missing: \(parameters.full("api_base")) has none that is known here. Set url."
            ]
        }
        backend.comments += provider.note.map { [$0] } ?? []
        backend.options = provider.options
        if !headers.isEmpty { Self.add(headers, to: &backend) }
        switch key {
        case .variable(let variable)?: backend.apiKeyEnv = [variable]
        case .secret(let secret)?:
            backend.apiKeyEnv = [
                draft.variable(
                    for: secret, of: backend.name, parameters.full("api_key"), parameters.line(of: "api_key"))
            ]
        case .filler?: break
        case nil: backend.apiKeyEnv = provider.keyVariable.map { [$0] } ?? []
        }
        draft.backends.append(backend)
        let index = draft.backends.count - 1
        places[place] = index
        if provider.namesModels { namesModels.insert(index) }
        return index
    }

    private static func add(_ headers: [(name: String, value: TOMLValue)], to backend: inout DraftBackend) {
        var all: [(name: String, value: TOMLValue)] = []
        if case .table(let own)? = backend.options.first(where: { $0.name == "headers" })?.value { all = own }
        all.removeAll { old in headers.contains { $0.name.lowercased() == old.name } }
        backend.option("headers", .table(all + headers))
    }

    /// A provider that is not known and says where it is has OpenAI's API more often than not.
    private static func unknown(_ name: String?) -> Provider? {
        let others: Set<String> = [
            "bedrock", "sagemaker", "vertex_ai", "cohere", "replicate", "watsonx", "oci", "databricks", "snowflake",
        ]
        guard name.map({ !others.contains($0) }) ?? true else { return nil }
        var provider = Provider.compatible
        provider.note = name.map {
            "\(quoted($0)) is taken for a server with OpenAI's API, since its address is known."
        }
        return provider
    }

    /// Azure has OpenAI's API below /openai/v1 (learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle).
    private static let azure = Provider(
        type: "openai", url: nil, keyVariable: "AZURE_API_KEY",
        options: [("flavor", .text("openai")), ("auth_header", .text("api-key"))], namesModels: true,
        note: "This is the API of Azure that needs no api_version; a model is called as its deployment is.")

    private static func azureAddress(_ base: String) -> String {
        var base = base
        while base.hasSuffix("/") { base.removeLast() }
        return base.contains("/openai") ? base : base + "/openai"
    }

    private func key(_ parameters: inout SourceTable, _ draft: inout Draft) -> KeyText? {
        parameters.text("api_key", &draft.remarks).map(KeyText.init)
    }

    private static func name(of provider: String, _ url: String?) -> String {
        guard let url, let address = try? BackendURL(url) else { return provider }
        return "\(provider)-\(address.host)"
    }

    // MARK: Names

    /// `openai/*` offers all that the provider has.
    private mutating func wildcard(_ deployment: Deployment, _ draft: inout Draft) {
        namesModels.remove(deployment.backend)
        guard deployment.group != "*", deployment.group != deployment.model else { return }
        draft.remarks.add(
            deployment.path, deployment.line,
            "offers all models of \(draft.backends[deployment.backend].name), under the server's own names: clients that ask for "
                + "\(quoted(deployment.group)) leave out what stands before the star. An alias stands for one name")
    }

    /// Writes what the entries say together.
    mutating func finish(_ draft: inout Draft) {
        for index in draft.backends.indices {
            if namesModels.contains(index), let models = offered[index] {
                var seen: Set<String> = []
                draft.backends[index].option("models", .texts(models.filter { seen.insert($0).inserted }))
            }
            LiteLLMLimits.finish(limits[index] ?? [], &draft.backends[index], &draft.remarks)
        }
        LiteLLMNames.add(all, &draft)
    }
}

/// One limit of requests at once for a backend, of those of its entries.
private enum LiteLLMLimits {
    static func finish(_ limits: [Int?], _ backend: inout DraftBackend, _ remarks: inout Remarks) {
        let told = limits.compactMap { $0 }
        guard let most = told.max() else { return }
        let sum = min(told.reduce(0, +), 100_000)
        backend.maxConcurrent = told.count == limits.count ? sum : nil
        if told.count > 1 || told.count < limits.count {
            backend.comments.append(
                backend.maxConcurrent == nil
                    ? "Some of its models have max_parallel_requests (\(most) at the most); here max_concurrent is that of the server."
                    : "max_concurrent is that of the server: the sum of max_parallel_requests of its models.")
        }
    }
}
