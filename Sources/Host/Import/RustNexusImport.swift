/// The `nexus.toml` of the Nexus that is written in Rust. Most of its keys have the same names here and mean the same.
enum RustNexusImport {
    static func read(_ root: SourceTable, _ draft: inout Draft) {
        var root = root
        server(&root, &draft)
        if let health = root.table("health_check", &draft.remarks) { self.health(health, &draft) }
        if let routing = root.table("routing", &draft.remarks) { self.routing(routing, &draft) }
        if let queue = root.table("queue", &draft.remarks) { self.queue(queue, &draft) }
        if let quality = root.table("quality", &draft.remarks) { self.quality(quality, &draft) }
        if let logging = root.table("logging", &draft.remarks) { self.logging(logging, &draft) }
        for backend in root.tables("backends", &draft.remarks) { self.backend(backend, &draft) }
        root.none(
            "discovery",
            because:
                "without [[backends]] servers at the usual addresses of this machine are looked for; others are named",
            &draft.remarks)
        root.none("budget", because: "Nexus counts tokens, and no money: [[keys]] tokens_per_day", &draft.remarks)
        root.none("tracing", "telemetry", because: "[tracing] otlp names a collector (docs/tracing.md)", &draft.remarks)
        root.none(
            "lifecycle", "fleet", because: "loading and unloading are actions of a backend (docs/actions.md)",
            &draft.remarks)
        root.finish(&draft.remarks)
    }

    private static func server(_ root: inout SourceTable, _ draft: inout Draft) {
        // It listens on all addresses unless the file says otherwise, also where there is no such table.
        var table =
            root.table("server", &draft.remarks) ?? SourceTable(SourceValue(.table([]), line: 0), path: "server")
        Listening.read(&table, &draft, ownHost: "0.0.0.0", title: "the Rust Nexus")
        draft.set(.server, "port", table.number("port", &draft.remarks), 0...65535, whole: true, from: table, "port")
        draft.set(
            .timeouts, "total_seconds", table.number("request_timeout_seconds", &draft.remarks), 0...86400, from: table,
            "request_timeout_seconds", note: "never cuts a stream that gives pieces")
        draft.set(
            .queue, "max_concurrent", table.number("max_concurrent_requests", &draft.remarks), 1...100_000, whole: true,
            from: table,
            "max_concurrent_requests")
        table.finish(&draft.remarks)
    }

    private static func health(_ table: SourceTable, _ draft: inout Draft) {
        var table = table
        if let on = table.bool("enabled", &draft.remarks) { draft.set(.healthCheck, "enabled", .bool(on)) }
        numbers(["interval_seconds": 1...86400, "timeout_seconds": 1...600], .healthCheck, &table, &draft)
        numbers(
            ["failure_threshold": 1...100, "recovery_threshold": 1...100], .healthCheck, &table, &draft, whole: true)
        table.finish(&draft.remarks)
    }

    private static func routing(_ table: SourceTable, _ draft: inout Draft) {
        var table = table
        if let name = table.text("strategy", &draft.remarks) {
            if ["smart", "round_robin", "least_loaded", "priority_only", "random"].contains(name) {
                draft.set(.routing, "strategy", .text(name))
            } else {
                draft.remarks.add(
                    table.full("strategy"), table.line(of: "strategy"),
                    "\(quoted(name)) has no counterpart: the default \"smart\" is used")
            }
        }
        numbers(["max_retries": 0...10], .routing, &table, &draft, whole: true)
        if var weights = table.table("weights", &draft.remarks) {
            numbers(
                ["priority": 0...1000, "load": 0...1000, "latency": 0...1000], .weights, &weights, &draft, whole: true)
            weights.finish(&draft.remarks)
        }
        if var aliases = table.table("aliases", &draft.remarks) {
            for member in aliases.rest() {
                guard let model = member.value.text, !model.isEmpty else {
                    draft.remarks.add(aliases.full(member.name), member.line, "stands for no name, and was left out")
                    continue
                }
                draft.addAlias(member.name, .text(model), from: aliases.full(member.name), member.line)
            }
        }
        if var fallbacks = table.table("fallbacks", &draft.remarks) {
            for member in fallbacks.rest() {
                let models = (member.value.list ?? [member.value]).compactMap(\.text).filter { !$0.isEmpty }
                if models.isEmpty {
                    draft.remarks.add(fallbacks.full(member.name), member.line, "is no list of names, and was left out")
                }
                draft.addFallbacks(member.name, models, from: fallbacks.full(member.name), member.line)
            }
        }
        table.none("policies", because: "[[keys]] backends says where the requests of a client may go", &draft.remarks)
        table.finish(&draft.remarks)
    }

    private static func queue(_ table: SourceTable, _ draft: inout Draft) {
        var table = table
        if let on = table.bool("enabled", &draft.remarks) { draft.set(.queue, "enabled", .bool(on)) }
        numbers(["max_size": 0...100_000], .queue, &table, &draft, whole: true)
        numbers(["max_wait_seconds": 1...3600], .queue, &table, &draft)
        table.finish(&draft.remarks)
    }

    private static func quality(_ table: SourceTable, _ draft: inout Draft) {
        var table = table
        if let rate = table.number("error_rate_threshold", &draft.remarks) {
            if rate > 0, rate <= 1 {
                draft.set(.quality, "error_rate_exclude", .number(rate))
            } else {
                draft.remarks.add(
                    table.full("error_rate_threshold"), table.line(of: "error_rate_threshold"),
                    "is no share above 0 and at most 1, and was left out")
            }
        }
        table.none(
            "ttft_penalty_threshold_ms",
            because: "\"smart\" looks at how long answers take to begin ([routing.weights] latency)", &draft.remarks)
        table.none("metrics_interval_seconds", because: "quality is looked at every 5 seconds", &draft.remarks)
        table.finish(&draft.remarks)
    }

    private static func logging(_ table: SourceTable, _ draft: inout Draft) {
        var table = table
        Logging.read(&table, &draft)
        table.none(
            "component_levels", because: "the components have other names here: [logging.levels] (docs/logging.md)",
            &draft.remarks)
        table.none(
            "enable_content_logging",
            because: "texts are never logged; [captures] keeps them where somebody wants that (docs/captures.md)",
            &draft.remarks)
        table.finish(&draft.remarks)
    }

    private static func numbers(
        _ ranges: KeyValuePairs<String, ClosedRange<Double>>, _ part: Draft.Part, _ table: inout SourceTable,
        _ draft: inout Draft,
        whole: Bool = false
    ) {
        for (name, range) in ranges {
            draft.set(part, name, table.number(name, &draft.remarks), range, whole: whole, from: table, name)
        }
    }

    // MARK: Backends

    private static func provider(_ type: String) -> Provider? {
        switch type {
        case "anthropic": Provider.anthropic
        case "google", "gemini": Provider.google
        case "openai": Provider.openAI
        default: nil
        }
    }

    private static func backend(_ table: SourceTable, _ draft: inout Draft) {
        var table = table
        let written = (table.text("type", &draft.remarks) ?? table.text("backend_type", &draft.remarks) ?? "generic")
            .lowercased()
        let known = ["ollama", "vllm", "llamacpp", "exo", "openai", "lmstudio", "generic"]
        let provider = provider(written)
        let name = draft.backendName(table.text("name", &draft.remarks) ?? written)
        let url = table.text("url", &draft.remarks).flatMap {
            Addresses.checked($0, table.full("url"), table.line(of: "url"), &draft.remarks)
        }
        let address = url ?? provider?.url
        var backend = DraftBackend(
            name: name, type: provider?.type ?? (known.contains(written) ? written : "generic"),
            url: address ?? "http://127.0.0.1:8000")
        if address == nil {
            backend.isComment = true
            backend.comments = ["It has no address that can be used here. Set url."]
        }
        if let provider, written != "openai" {
            backend.options = provider.options
            backend.comments += provider.note.map { [$0] } ?? []
        } else if !known.contains(written) {
            draft.remarks.add(
                table.full("type"), table.line(of: "type"),
                "\(quoted(written)) is not known here; it is taken for a server with OpenAI's API")
        }
        if let priority = table.number("priority", &draft.remarks) {
            backend.priority = Int(min(max(priority, 0), 1000))
        }
        if let limit = table.number("max_concurrent", &draft.remarks), limit >= 1 {
            backend.maxConcurrent = Int(min(limit, 100_000))
        }
        if let variable = table.text("api_key_env", &draft.remarks) {
            if KeyText.isVariable(variable[...]) {
                backend.apiKeyEnv = [variable]
            } else {
                draft.remarks.add(
                    table.full("api_key_env"), table.line(of: "api_key_env"),
                    "is no name of a variable, and was left out")
            }
        }
        if let key = table.text("api_key", &draft.remarks) {
            backend.apiKeyEnv = [draft.variable(for: key, of: name, table.full("api_key"), table.line(of: "api_key"))]
        }
        table.none(
            "zone", "tier", "privacy", "capability_tier",
            because: "[[keys]] backends says where the requests of a client may go", &draft.remarks)
        table.none("cost_per_1k_tokens", "pricing", because: "Nexus counts tokens, and no money", &draft.remarks)
        table.finish(&draft.remarks)
        draft.backends.append(backend)
    }
}
