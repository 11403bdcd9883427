/// The servers of an Olla file: `discovery.static.endpoints`.
enum OllaEndpoints {
    static func read(_ discovery: SourceTable, _ draft: inout Draft) {
        var discovery = discovery
        var intervals: [Double] = []
        var limits: [Double] = []
        if var fixed = discovery.table("static", &draft.remarks) {
            for endpoint in fixed.tables("endpoints", &draft.remarks) {
                let (interval, limit) = add(endpoint, &draft)
                if let interval { intervals.append(interval) }
                if let limit { limits.append(limit) }
            }
            fixed.finish(&draft.remarks)
        }
        health(intervals, limits, discovery, &draft)
        if let kind = discovery.text("type", &draft.remarks), kind != "static" {
            draft.remarks.add(
                discovery.full("type"), discovery.line(of: "type"),
                "\(quoted(kind)) has no counterpart: name the servers in [[backends]]")
        }
        discovery.none(
            "refresh_interval", "model_discovery", because: "each health check asks a server for its models",
            &draft.remarks)
        discovery.none("health_check", because: "servers are asked at once at the start", &draft.remarks)
        discovery.finish(&draft.remarks)
    }

    /// The intervals of all servers are one here.
    private static func health(_ intervals: [Double], _ limits: [Double], _ table: SourceTable, _ draft: inout Draft) {
        if let shortest = intervals.min() {
            draft.set(
                .healthCheck, "interval_seconds", .number(min(max(shortest, 1), 86400)),
                note: "the shortest check_interval")
        }
        if let longest = limits.max() {
            draft.set(
                .healthCheck, "timeout_seconds", .number(min(max(longest, 1), 600)), note: "the longest check_timeout")
        }
        if Set(intervals).count > 1 || Set(limits).count > 1 {
            draft.remarks.add(
                table.full("static.endpoints"), table.line,
                "have different intervals and limits of checks; here they are the same for all")
        }
    }

    private static func type(_ name: String) -> String? {
        switch name.lowercased() {
        case "ollama": "ollama"
        case "lm-studio", "lmstudio", "lm_studio": "lmstudio"
        case "vllm", "vllm-mlx": "vllm"
        case "llamacpp", "llama-cpp", "llama.cpp", "llama_cpp": "llamacpp"
        case "sglang": "sglang"
        case "openai", "openai-compatible", "auto", "litellm", "lemonade", "docker-model-runner", "omlx", "lmdeploy":
            "openai"
        default: nil
        }
    }

    private static func add(_ endpoint: SourceTable, _ draft: inout Draft) -> (interval: Double?, limit: Double?) {
        var endpoint = endpoint
        let interval = endpoint.duration("check_interval", &draft.remarks)
        let limit = endpoint.duration("check_timeout", &draft.remarks)
        let written = endpoint.text("type", &draft.remarks) ?? "auto"
        let name = draft.backendName(endpoint.text("name", &draft.remarks) ?? "\(written)")
        let type = Self.type(written)
        if type == nil {
            draft.remarks.add(
                endpoint.full("type"), endpoint.line(of: "type"),
                "\(quoted(written)) is not known here; it is taken for a server with OpenAI's API")
        }
        let url = endpoint.text("url", &draft.remarks).flatMap {
            Addresses.checked($0, endpoint.full("url"), endpoint.line(of: "url"), &draft.remarks)
        }
        var backend = DraftBackend(name: name, type: type ?? "openai", url: url ?? "http://127.0.0.1:8000")
        if url == nil {
            backend.isComment = true
            backend.comments = ["It has no address that can be used here. Set url."]
        }
        if let priority = endpoint.number("priority", &draft.remarks) {
            // Theirs are 0 to 100, the highest first; of equals nothing changes.
            backend.priority = Int(min(max(100 - priority, 0), 1000))
        }
        paths(&endpoint, &backend, &draft)
        models(&endpoint, &backend, &draft)
        endpoint.none(
            "headers", "auth",
            because: "keys are named by api_key_env, other headers stand in options.headers of \"openai\"",
            &draft.remarks)
        endpoint.none("preserve_path", because: "the path of url stands before every path", &draft.remarks)
        endpoint.finish(&draft.remarks)
        draft.backends.append(backend)
        return (interval, limit)
    }

    /// Where health and models are asked for: adapters know that of the servers they are for.
    private static func paths(_ endpoint: inout SourceTable, _ backend: inout DraftBackend, _ draft: inout Draft) {
        for (name, option, usual) in [
            ("health_check_url", "health_path", ["/", "/health"]),
            ("model_url", "models_path", ["/v1/models", "/api/tags"]),
        ] {
            guard let path = endpoint.text(name, &draft.remarks), !usual.contains(path), path != "/api/v0/models" else {
                continue
            }
            if backend.type != "ollama", path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
                backend.option(option, .text(path))
            } else {
                draft.remarks.add(
                    endpoint.full(name), endpoint.line(of: name),
                    "has no counterpart: the adapter knows where it asks this server")
            }
        }
    }

    private static func models(_ endpoint: inout SourceTable, _ backend: inout DraftBackend, _ draft: inout Draft) {
        guard var filter = endpoint.table("model_filter", &draft.remarks) else { return }
        let included = filter.texts("include", &draft.remarks)
        if !included.isEmpty {
            if backend.type != "ollama", included.allSatisfy({ !$0.contains("*") && (1...256).contains($0.utf8.count) })
            {
                backend.option("models", .texts(included))
            } else {
                draft.remarks.add(
                    filter.full("include"), filter.line(of: "include"),
                    "has no counterpart for \(backend.name): a backend offers all models of its server; [[keys]] models limits what a client may use"
                )
            }
        }
        filter.none(
            "exclude", "exclude_patterns", "include_patterns",
            because: "a backend offers all models of its server; [[keys]] models limits what a client may use",
            &draft.remarks)
        filter.finish(&draft.remarks)
    }
}
