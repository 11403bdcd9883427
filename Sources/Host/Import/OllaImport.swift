/// Olla's `config.yaml` (thushan.github.io/olla/configuration/reference).
enum OllaImport {
    static func read(_ root: SourceTable, _ draft: inout Draft) {
        var root = root
        if let server = root.table("server", &draft.remarks) { self.server(server, &draft) }
        if let proxy = root.table("proxy", &draft.remarks) { self.proxy(proxy, &draft) }
        if let discovery = root.table("discovery", &draft.remarks) { OllaEndpoints.read(discovery, &draft) }
        aliases(&root, &draft)
        if let registry = root.table("model_registry", &draft.remarks) { self.registry(registry, &draft) }
        if let logging = root.table("logging", &draft.remarks) { self.logging(logging, &draft) }
        root.none(
            "translators", because: "every backend can be reached by the APIs of OpenAI, Anthropic and Ollama",
            &draft.remarks)
        root.none(
            "engineering", "security", because: "GET /v1/gateway and /metrics tell how Nexus does", &draft.remarks)
        root.finish(&draft.remarks)
    }

    private static func server(_ table: SourceTable, _ draft: inout Draft) {
        var table = table
        Listening.read(&table, &draft, ownHost: "localhost", title: "Olla")
        draft.set(
            .server, "port", table.number("port", &draft.remarks) ?? 40114, 0...65535, whole: true, from: table, "port")
        draft.set(
            .server, "shutdown_timeout_seconds", table.duration("shutdown_timeout", &draft.remarks), 0...3600,
            from: table,
            "shutdown_timeout")
        if var limits = table.table("request_limits", &draft.remarks) {
            draft.set(
                .server, "max_body_bytes", limits.size("max_body_size", &draft.remarks), 1024...1_073_741_824,
                whole: true,
                from: limits, "max_body_size")
            limits.none("max_header_size", because: "headers may have 64 KiB", &draft.remarks)
            limits.finish(&draft.remarks)
        }
        if let logged = table.bool("request_logging", &draft.remarks) {
            draft.set(.logging, "requests", .text(logged ? "all" : "none"))
        }
        table.none(
            "rate_limits",
            because:
                "limits are those of clients' keys ([[keys]] requests_per_minute), and max_connections_per_address",
            &draft.remarks)
        table.none(
            "read_timeout", "write_timeout", "idle_timeout",
            because: "what clients may take is bounded anyway (docs/reliability.md)", &draft.remarks)
        table.finish(&draft.remarks)
    }

    private static func proxy(_ table: SourceTable, _ draft: inout Draft) {
        var table = table
        if let balancer = table.text("load_balancer", &draft.remarks) {
            switch balancer {
            case "priority": draft.set(.routing, "strategy", .text("priority_only"))
            case "round-robin": draft.set(.routing, "strategy", .text("round_robin"))
            case "least-connections": draft.set(.routing, "strategy", .text("least_loaded"))
            default:
                draft.remarks.add(
                    table.full("load_balancer"), table.line(of: "load_balancer"),
                    "\(quoted(balancer)) has no counterpart: the default \"smart\" is used; see docs/routing.md")
            }
        }
        draft.set(
            .timeouts, "connect_seconds", table.duration("connection_timeout", &draft.remarks), 0...86400, from: table,
            "connection_timeout")
        draft.set(
            .timeouts, "total_seconds", table.duration("response_timeout", &draft.remarks), 0...86400, from: table,
            "response_timeout",
            note: "never cuts a stream that gives pieces")
        draft.set(
            .timeouts, "gap_seconds", table.duration("read_timeout", &draft.remarks), 0...86400, from: table,
            "read_timeout")
        draft.set(
            .routing, "max_retries", table.number("max_retries", &draft.remarks), 0...10, whole: true, from: table,
            "max_retries")
        if var retry = table.table("retry", &draft.remarks) {
            let attempts = retry.number("max_attempts", &draft.remarks)
            if retry.bool("enabled", &draft.remarks) == false {
                draft.set(.routing, "max_retries", .integer(0))
            } else if attempts != 0 {
                draft.set(.routing, "max_retries", attempts, 0...10, whole: true, from: retry, "max_attempts")
            }
            retry.none(
                "on_connection_failure", because: "what is tried elsewhere is in docs/routing.md", &draft.remarks)
            retry.finish(&draft.remarks)
        }
        table.none(
            "engine", "profile", "stream_buffer_size", "connection_pool",
            because: "there is one engine, which passes pieces on as they come", &draft.remarks)
        table.none("retry_backoff", because: "another backend is asked at once", &draft.remarks)
        table.none(
            "profile_filter", because: "which adapters there are is what lies in [adapters] directories", &draft.remarks
        )
        table.none(
            "sticky_sessions", because: "\"smart\" prefers servers that have a model in memory, and knows no sessions",
            &draft.remarks)
        table.finish(&draft.remarks)
    }

    private static func aliases(_ root: inout SourceTable, _ draft: inout Draft) {
        guard var table = root.table("model_aliases", &draft.remarks) else { return }
        for member in table.rest() {
            let path = table.full(member.name)
            let models = (member.value.list ?? [member.value]).compactMap(\.text)
            let others = models.filter { $0 != member.name }
            if others.count < models.count {
                draft.remarks.add(
                    path, member.line,
                    "is also the name of a model: that is asked first, and the others where it cannot be")
                draft.addFallbacks(member.name, others, from: path, member.line)
            } else if others.isEmpty {
                draft.remarks.add(path, member.line, "stands for no name, and was left out")
            } else {
                draft.addAlias(
                    member.name, others.count == 1 ? .text(others[0]) : .texts(others), from: path, member.line)
            }
        }
    }

    private static func registry(_ table: SourceTable, _ draft: inout Draft) {
        var table = table
        table.none("type", because: "what models there are is in memory", &draft.remarks)
        table.none(
            "enable_unifier", "unification",
            because:
                "spellings that servers have for one model are known (docs/clients.md), and aliases bring others together",
            &draft.remarks)
        table.none(
            "routing_strategy", because: "a model that no backend has is an error, which names the most similar ones",
            &draft.remarks)
        table.finish(&draft.remarks)
    }

    private static func logging(_ table: SourceTable, _ draft: inout Draft) {
        var table = table
        Logging.read(&table, &draft)
        table.none(
            "output", "file", "max_size", "max_backups", "max_age", because: "the log goes to standard error",
            &draft.remarks)
        table.finish(&draft.remarks)
    }
}

/// Where a gateway listens, and who may reach it there.
enum Listening {
    /// - Parameter ownHost: where the other one listens if the file does not say so.
    static func read(_ table: inout SourceTable, _ draft: inout Draft, ownHost: String, title: String) {
        let isTold = table.take("host") != nil
        let host = table.text("host", &draft.remarks) ?? ownHost
        guard host != "localhost", host != "::1", !host.hasPrefix("127.") else {
            if host.hasPrefix("127."), host != "127.0.0.1" { draft.set(.server, "host", .text(host)) }
            return
        }
        draft.introduction.append("It is open to everybody who reaches \(quoted(host)), as before: see [server].")
        draft.set(.server, "host", .text(host))
        draft.set(
            .server, "allow_unauthenticated", .bool(true),
            note: "as with \(title): whoever reaches the address may use the models; 'nexus keys add NAME' ends that")
        draft.remarks.add(
            isTold ? table.full("host") : "server.host", table.line(of: "host"),
            "\(isTold ? "opens" : "is not set, which opens") the gateway to everybody who reaches \(quoted(host)), which [server] "
                + "allow_unauthenticated allows; take both out, or make keys, if that is not meant")
    }
}

/// Levels and formats of logs.
enum Logging {
    static func read(_ table: inout SourceTable, _ draft: inout Draft) {
        if let level = table.text("level", &draft.remarks)?.lowercased() {
            let level = ["warn": "warning", "fatal": "critical"][level] ?? level
            if ["trace", "debug", "info", "notice", "warning", "error", "critical"].contains(level) {
                draft.set(.logging, "level", .text(level))
            } else {
                draft.remarks.add(
                    table.full("level"), table.line(of: "level"), "\(quoted(level)) is no level here, and was left out")
            }
        }
        if let format = table.text("format", &draft.remarks)?.lowercased() {
            draft.set(.logging, "format", .text(format == "json" ? "json" : "pretty"))
        }
    }
}
