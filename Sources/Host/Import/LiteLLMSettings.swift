/// LiteLLM's `router_settings`, `litellm_settings` and `general_settings`.
struct LiteLLMSettings {
    /// What clients call the models.
    let groups: [String]
    private var defaults: (models: [String], path: String, line: Int)?

    init(groups: [String]) { self.groups = groups }

    private static let breakerWords =
        "breaker.failure_rate_percent and minimum_requests say when a backend is left alone"
    private static let lengthWords =
        "a request goes to a backend whose context holds it (docs/routing.md); fallbacks are for models that nobody can serve"

    mutating func readRouter(_ table: SourceTable, _ draft: inout Draft) {
        var table = table
        strategy(&table, &draft)
        for (name, value) in members(&table, "model_group_alias", &draft) { alias(name, value, table, &draft) }
        shared(&table, &draft)
        table.none(
            "enable_pre_call_checks", because: "Nexus always looks at what a backend can do before it asks it",
            &draft.remarks)
        table.none(
            "routing_strategy_args", because: "[routing.weights] are those of \"smart\" (docs/routing.md)",
            &draft.remarks)
        redis(&table, &draft)
        table.none(
            "enable_tag_filtering", "tag_filtering_match_any",
            because: "backends are chosen by model, ability and load", &draft.remarks)
        table.none(
            "retry_policy", "model_group_retry_policy", "allowed_fails_policy", "retry_after",
            because: "what is tried elsewhere is in docs/routing.md", &draft.remarks)
        table.none("disable_cooldowns", because: "[breaker] enabled = false turns the breaker off", &draft.remarks)
        table.finish(&draft.remarks)
    }

    mutating func readCommon(_ table: SourceTable, _ draft: inout Draft) {
        var table = table
        if table.bool("set_verbose", &draft.remarks) == true { draft.set(.logging, "level", .text("debug")) }
        if table.bool("json_logs", &draft.remarks) == true { draft.set(.logging, "format", .text("json")) }
        draft.set(
            .timeouts, "total_seconds", table.number("request_timeout", &draft.remarks), 0...86400, from: table,
            "request_timeout",
            note: "never cuts a stream that gives pieces")
        shared(&table, &draft)
        callbacks(&table, &draft)
        table.none(
            "drop_params",
            because: "adapters leave out what they know that a server does not take, and say so in x-nexus-warning",
            &draft.remarks)
        table.none(
            "cache", "cache_params", "enable_caching_on_provider_specific_optional_params",
            because: "Nexus keeps no answers", &draft.remarks)
        table.none(
            "max_budget", "budget_duration", "max_internal_user_budget",
            because: "Nexus counts tokens, and no money: [[keys]] tokens_per_day", &draft.remarks)
        table.none("telemetry", because: "Nexus tells nobody anything", &draft.remarks)
        table.none(
            "turn_off_message_logging", "redact_user_api_key_info",
            because: "texts and keys are never logged; docs/captures.md is how they are kept where somebody wants that",
            &draft.remarks)
        redis(&table, &draft)
        table.finish(&draft.remarks)
    }

    mutating func readGeneral(_ table: SourceTable, _ draft: inout Draft) {
        var table = table
        master(&table, &draft)
        if let on = table.bool("background_health_checks", &draft.remarks), !on {
            draft.remarks.add(
                table.full("background_health_checks"), table.line(of: "background_health_checks"),
                "was left out: Nexus sends to backends that are well, and so looks at them. [health_check] enabled = false ends that"
            )
        }
        draft.set(
            .healthCheck, "interval_seconds", table.number("health_check_interval", &draft.remarks), 1...86400,
            from: table,
            "health_check_interval")
        draft.set(
            .queue, "max_concurrent", table.number("global_max_parallel_requests", &draft.remarks), 1...100_000,
            whole: true,
            from: table, "global_max_parallel_requests")
        draft.set(
            .server, "max_body_bytes", table.number("max_request_size_mb", &draft.remarks).map { $0 * 1_048_576 },
            1024...1_073_741_824,
            whole: true, from: table, "max_request_size_mb")
        table.none("max_parallel_requests", because: "it is that of a key: [[keys]] max_concurrent", &draft.remarks)
        table.none(
            "database_url", "database_connection_pool_limit", "database_connection_timeout",
            "allow_requests_on_db_unavailable",
            "disable_spend_logs",
            because: "Nexus needs no database; the history is a file in the state directory (docs/history.md)",
            &draft.remarks)
        table.none(
            "store_model_in_db", because: "'nexus backends add --persist' keeps what is added while it runs",
            &draft.remarks)
        table.none(
            "alerting", "alerting_threshold", "alert_types", "alerting_args",
            because: "contrib/ has alerts for Prometheus; GET /v1/trouble tells what is wrong", &draft.remarks)
        table.none(
            "enable_jwt_auth", "litellm_jwtauth", "enable_oauth2_auth", "custom_auth",
            because: "who may come in is known by a key (docs/access.md)", &draft.remarks)
        table.none("pass_through_endpoints", because: "Nexus passes on what backends' adapters serve", &draft.remarks)
        table.none(
            "ui_access_mode", "disable_admin_ui", because: "[dashboard] public says who sees the page", &draft.remarks)
        table.finish(&draft.remarks)
    }

    /// What holds for all models, once all are known.
    func finish(_ draft: inout Draft) {
        if let defaults {
            // The names that clients use, but for those that have their own.
            for name in groups where !draft.hasFallbacks(name) && !defaults.models.contains(name) {
                draft.addFallbacks(name, defaults.models, from: defaults.path, defaults.line)
            }
        }
        LiteLLMTargets.release(&draft, texts: false)
    }

    // MARK: Parts

    private func strategy(_ table: inout SourceTable, _ draft: inout Draft) {
        guard let name = table.text("routing_strategy", &draft.remarks) else { return }
        let line = table.line(of: "routing_strategy")
        func set(_ strategy: String, _ words: String? = nil) {
            draft.set(.routing, "strategy", .text(strategy))
            if let words { draft.remarks.add(table.full("routing_strategy"), line, words) }
        }
        switch name {
        case "simple-shuffle": set("random")
        case "least-busy": set("least_loaded")
        case "latency-based-routing":
            set("smart", "became \"smart\", which looks at how long answers take to begin among other things")
        case "usage-based-routing", "usage-based-routing-v2":
            set("least_loaded", "became \"least_loaded\": requests under way count, not those of the last minute")
        default:
            draft.remarks.add(
                table.full("routing_strategy"), line,
                "\(quoted(name)) has no counterpart: the default \"smart\" is used; see docs/routing.md")
        }
    }

    /// What may stand in more than one of the tables.
    private mutating func shared(_ table: inout SourceTable, _ draft: inout Draft) {
        draft.set(
            .routing, "max_retries", table.number("num_retries", &draft.remarks), 0...10, whole: true, from: table,
            "num_retries")
        draft.set(
            .timeouts, "total_seconds", table.number("timeout", &draft.remarks), 0...86400, from: table, "timeout",
            note: "never cuts a stream that gives pieces")
        draft.set(
            .timeouts, "first_byte_seconds", table.number("stream_timeout", &draft.remarks), 0...86400, from: table,
            "stream_timeout")
        draft.set(
            .breaker, "open_seconds", table.number("cooldown_time", &draft.remarks), 1...300, from: table,
            "cooldown_time",
            note: "twice as long each time that it fails again soon")
        table.none("allowed_fails", because: Self.breakerWords, &draft.remarks)
        table.none("context_window_fallbacks", because: Self.lengthWords, &draft.remarks)
        table.none(
            "content_policy_fallbacks", because: "a server's refusal is an answer, and is passed on", &draft.remarks)
        let (path, line) = (table.full("fallbacks"), table.line(of: "fallbacks"))
        for (name, models) in lists(&table, "fallbacks", &draft) {
            if name == "*" {
                defaults = (models, path, line)
            } else {
                draft.addFallbacks(name, models, from: path, line)
            }
        }
        let models = table.texts("default_fallbacks", &draft.remarks)
        if !models.isEmpty { defaults = (models, table.full("default_fallbacks"), table.line(of: "default_fallbacks")) }
    }

    private func redis(_ table: inout SourceTable, _ draft: inout Draft) {
        table.none(
            "redis_host", "redis_port", "redis_password", "redis_url", "redis_db", "redis_ssl", "cache_responses",
            "cache_kwargs",
            "caching_groups", because: "Nexus is one process, and keeps no answers", &draft.remarks)
    }

    private func alias(_ name: String, _ value: SourceValue, _ table: SourceTable, _ draft: inout Draft) {
        let path = table.full("model_group_alias")
        guard let model = value.text ?? value["model"]?.text else {
            return draft.remarks.add(path, value.line, "\(quoted(name)) stands for no name, and was left out")
        }
        draft.addAlias(name, .text(model), from: path, value.line)
        if value["hidden"]?.bool == true {
            draft.remarks.add(
                path, value.line,
                "\(quoted(name)) is hidden, which has no counterpart: GET /v1/models lists every alias")
        }
    }

    private func callbacks(_ table: inout SourceTable, _ draft: inout Draft) {
        for name in ["callbacks", "success_callback", "failure_callback", "service_callback"] {
            let line = table.line(of: name)
            for callback in table.texts(name, &draft.remarks) {
                let words =
                    switch callback {
                    case "prometheus": "needs nothing: GET /metrics is always there (docs/metrics.md)"
                    case "otel", "opentelemetry", "arize", "langfuse_otel":
                        "became nothing: name the collector in [tracing] otlp = \"http://127.0.0.1:4318\" (docs/tracing.md)"
                    default: "has no counterpart: \(quoted(callback)) is not asked"
                    }
                draft.remarks.add(table.full(name), line, words)
            }
        }
    }

    private func master(_ table: inout SourceTable, _ draft: inout Draft) {
        guard let text = table.text("master_key", &draft.remarks) else { return }
        let variable: String
        if case .variable(let name) = KeyText(text) { variable = name } else { variable = "LITELLM_MASTER_KEY" }
        draft.keys = ClientKeys.lines(
            "LiteLLM's master_key let clients in, and operators. Here that is an operator's key, and only its hash stands in the file. "
                + "Without a key Nexus listens on this machine alone, and lets everybody on it in.",
            name: "master", role: "operator", variable: variable)
        draft.remarks.add(
            table.full("master_key"), table.line(of: "master_key"), "is not copied: see what is said of [[keys]] above")
    }

    private func members(
        _ table: inout SourceTable, _ name: String, _ draft: inout Draft
    ) -> [(String, SourceValue)] {
        guard var inner = table.table(name, &draft.remarks) else { return [] }
        return inner.rest().map { ($0.name, $0.value) }
    }

    /// `[{"a": ["b", "c"]}]`.
    private func lists(_ table: inout SourceTable, _ name: String, _ draft: inout Draft) -> [(String, [String])] {
        var lists: [(String, [String])] = []
        for var item in table.tables(name, &draft.remarks) {
            for member in item.rest() {
                let models = (member.value.list ?? [member.value]).map(\.text)
                if models.contains(nil) || models.isEmpty {
                    draft.remarks.add(item.full(member.name), member.line, "is no list of names, and was left out")
                } else {
                    lists.append((member.name, models.compactMap { $0 }))
                }
            }
        }
        return lists
    }
}

/// What to do about the keys of clients, which are hashes here.
enum ClientKeys {
    static func lines(_ words: String, name: String, role: String, variable: String) -> [String] {
        [
            words, "'nexus keys add NAME' makes a new key for each client. To keep this one:",
            "  printf %s \"$\(variable)\" | sha256sum", "  [[keys]]", "  name = \"\(name)\"", "  hash = \"sha256:...\"",
            "  role = \"\(role)\"",
        ]
    }
}
