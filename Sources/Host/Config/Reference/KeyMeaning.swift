/// What a key of the configuration is for, in words. A test holds the list to what readers ask for, in both directions.
struct KeyMeaning: Sendable {
    let path: String
    let words: String
    /// The default in words, where the reader has none to tell.
    let usual: String?

    init(_ path: String, _ words: String, usual: String? = nil) {
        self.path = path
        self.words = words
        self.usual = usual
    }

    /// In the order of the reference. Tables come before what is in them.
    static let all: [KeyMeaning] =
        listener + times + adapters + health + routing + queue + shown + kept + told + keys + backends

    private static let listener: [KeyMeaning] = [
        KeyMeaning("server", "Where the gateway listens, and for whom."),
        KeyMeaning("server.host", "Address to listen on."),
        KeyMeaning("server.port", "Port to listen on; 0: any free one."),
        KeyMeaning(
            "server.stream_keep_alive_seconds",
            "After how long without a piece the client of a stream gets a comment, so that nothing between takes the "
                + "connection for dead; 0: never."),
        KeyMeaning("server.max_body_bytes", "The largest body of a request to a model."),
        KeyMeaning("server.shutdown_timeout_seconds", "How long running requests may go on after SIGTERM."),
        KeyMeaning(
            "server.shutdown_delay_seconds",
            "How long before that `/readyz` says no while connections are still accepted."),
        KeyMeaning(
            "server.tls_certificate",
            "PEM file with the certificate; together with `tls_key` it makes the listener speak TLS ([tls.md](../tls.md)).",
            usual: "no TLS"),
        KeyMeaning("server.tls_key", "PEM file with the certificate's private key.", usual: "no TLS"),
        KeyMeaning(
            "server.tls_client_ca", "PEM file with authorities: who shows a certificate of theirs is an operator.",
            usual: "certificates are not asked for"),
        KeyMeaning(
            "server.allowed_origins",
            "Origins of other hosts whose pages may use the clients' APIs, like `https://ops.example`; `*` allows all."),
        KeyMeaning(
            "server.hostnames",
            "Names with a dot under which browsers may reach the gateway; `*.example.org` stands for all below one, `*` for all."
        ),
        KeyMeaning(
            "server.allow_unauthenticated",
            "Listen on other addresses than loopback without keys: all who reach it may use the models ([access.md](../access.md))."
        ),
        KeyMeaning(
            "server.max_memory_bytes", "Memory for requests and answers, all together.",
            usual: "a quarter of the machine's"),
        KeyMeaning(
            "server.max_connections_per_address", "Connections of one client's address; 0: as many as there are.",
            usual: "half of all; this machine: all"),
        KeyMeaning(
            "server.request_timeout_seconds", "The older name of `timeouts.total_seconds`; give only one of the two."),
    ]

    private static let times: [KeyMeaning] = [
        KeyMeaning("timeouts", "How long things may take at backends ([routing.md](../routing.md)). 0: any time."),
        KeyMeaning("timeouts.connect_seconds", "Until a connection is there, TCP and TLS together."),
        KeyMeaning(
            "timeouts.first_byte_seconds",
            "From the request to the first byte of the answer's body; a comment of a stream counts."),
        KeyMeaning("timeouts.gap_seconds", "Between two pieces of an answer."),
        KeyMeaning(
            "timeouts.total_seconds",
            "From arrival to the end of the answer; a stream that gives pieces is never cut by it."),
        KeyMeaning("timeouts.models", "The same keys for some models."),
        KeyMeaning("timeouts.models.NAME.connect_seconds", "As in `[timeouts]`.", usual: "what `[timeouts]` says"),
        KeyMeaning("timeouts.models.NAME.first_byte_seconds", "As in `[timeouts]`.", usual: "what `[timeouts]` says"),
        KeyMeaning("timeouts.models.NAME.gap_seconds", "As in `[timeouts]`.", usual: "what `[timeouts]` says"),
        KeyMeaning("timeouts.models.NAME.total_seconds", "As in `[timeouts]`.", usual: "what `[timeouts]` says"),
        KeyMeaning("timeouts.models.NAME.queue_seconds", "For a place.", usual: "`queue.max_wait_seconds`"),
        KeyMeaning("upstream", "Connections to backends."),
        KeyMeaning(
            "upstream.ca_file", "PEM file with authorities to trust at https backends, besides the system's.",
            usual: "the system's alone"),
    ]

    private static let adapters: [KeyMeaning] = [
        KeyMeaning("adapters", "The shared objects that speak to servers ([adapters.md](../adapters.md))."),
        KeyMeaning(
            "adapters.directories", "Where adapters are looked for.", usual: "beside the executable, then the system's"),
        KeyMeaning(
            "adapters.watch", "Follow the directories: a new, replaced or removed file takes effect at once."),
        KeyMeaning(
            "adapters.quarantine_after",
            "Runs in a row that end by a crash in an adapter until it is left out; 0: it never is."),
        KeyMeaning(
            "adapters.allow",
            "With this table no other file is loaded, and none with other bytes. `nexus adapter hash FILE` prints a line of it.",
            usual: "every file may be loaded"),
    ]

    private static let health: [KeyMeaning] = [
        KeyMeaning("health_check", "Probes of backends."),
        KeyMeaning("health_check.enabled", "Off: each backend is probed once, at the start."),
        KeyMeaning("health_check.interval_seconds", "Between two rounds of probes."),
        KeyMeaning(
            "health_check.retry_seconds",
            "Between two probes of a backend that is not healthy, if that is shorter than `interval_seconds`."),
        KeyMeaning("health_check.timeout_seconds", "For one probe."),
        KeyMeaning("health_check.failure_threshold", "Failures in a row that make a healthy backend unhealthy."),
        KeyMeaning("health_check.recovery_threshold", "Successes in a row that make an unhealthy backend healthy."),
        KeyMeaning(
            "breaker",
            "Leaves a backend alone whose requests fail, as long as another can serve ([routing.md](../routing.md))."
        ),
        KeyMeaning("breaker.enabled", "Off: only probes say whether a backend is asked."),
        KeyMeaning(
            "breaker.failure_rate_percent", "So many of the requests of a window must have failed; no 4xx is a failure."
        ),
        KeyMeaning("breaker.minimum_requests", "Requests of a window below which nothing is concluded."),
        KeyMeaning("breaker.window_seconds", "The window."),
        KeyMeaning(
            "breaker.open_seconds",
            "How long it is left alone at first; twice as long each time that it fails again soon."
        ),
        KeyMeaning("breaker.max_open_seconds", "How long at the most; not less than `open_seconds`."),
        KeyMeaning("breaker.half_open_requests", "Requests that try it then: when all went well it serves again."),
    ]

    private static let routing: [KeyMeaning] = [
        KeyMeaning("routing", "Which backend a request goes to ([routing.md](../routing.md))."),
        KeyMeaning("routing.strategy", "How one of several backends is chosen."),
        KeyMeaning("routing.max_retries", "Other backends tried before the first byte of an answer."),
        KeyMeaning(
            "routing.retry_budget_percent",
            "Retries of all requests together, as a share of the requests of the last ten seconds."),
        KeyMeaning(
            "routing.retry_budget_minimum", "Retries in ten seconds that are allowed however few requests there are."),
        KeyMeaning("routing.hedge", "Ask a second backend when the answer of a stream is late."),
        KeyMeaning("routing.weights", "What each part of the score of `smart` counts."),
        KeyMeaning("routing.weights.priority", "The backend's `priority`."),
        KeyMeaning("routing.weights.load", "Requests that the server has to do."),
        KeyMeaning("routing.weights.latency", "How long its answers take to begin."),
        KeyMeaning("routing.weights.loaded", "The model is in its memory."),
        KeyMeaning("routing.weights.failures", "Failures in a row."),
        KeyMeaning("routing.weights.errors", "The share of failures in five minutes."),
        KeyMeaning(
            "routing.aliases",
            "What clients ask for = what it stands for: a model, several in order, or several by weight."),
        KeyMeaning(
            "routing.aliases.NAME[].model", "A model's name at the backends, or another alias.", usual: "required"),
        KeyMeaning("routing.aliases.NAME[].backend", "At this backend only, by its name.", usual: "at any"),
        KeyMeaning("routing.aliases.NAME[].weight", "How often it is the first, among the others."),
        KeyMeaning(
            "routing.fallbacks", "A model or an alias = models and aliases to try when no backend can serve it."),
        KeyMeaning("quality", "What counts against a backend."),
        KeyMeaning(
            "quality.error_rate_exclude",
            "A backend at which so many of a model's attempts failed in five minutes is asked for it only where no other can be.",
            usual: "it is not looked at"),
    ]

    private static let queue: [KeyMeaning] = [
        KeyMeaning("queue", "Requests that find every place taken wait ([routing.md](../routing.md))."),
        KeyMeaning("queue.enabled", "Off: they are answered with 503 at once."),
        KeyMeaning("queue.max_size", "Requests that may wait; one client may have half of them."),
        KeyMeaning("queue.max_wait_seconds", "How long one waits."),
        KeyMeaning("queue.max_concurrent", "Requests under way at once, all backends together.", usual: "no limit"),
        KeyMeaning("queue.wait_for_restart", "Wait also while a model's only backends are not healthy."),
        KeyMeaning("queue.models", "Requests under way at once by model; all that fit one pattern share its number."),
    ]

    private static let shown: [KeyMeaning] = [
        KeyMeaning("dashboard", "The page ([dashboard.md](../dashboard.md))."),
        KeyMeaning(
            "dashboard.public",
            "What it shows needs no sign-in, where there is an operator's key; what it changes does."),
        KeyMeaning(
            "dashboard.show_content", "Operators may watch the text of requests under way; it is never kept."),
    ]

    private static let kept: [KeyMeaning] = [
        KeyMeaning("history", "Requests that have ended ([history.md](../history.md))."),
        KeyMeaning("history.capacity", "Requests in memory."),
        KeyMeaning(
            "history.database", "File that keeps them over restarts; empty: nothing is kept.",
            usual: "in the state directory"),
        KeyMeaning("history.keep_days", "How long the file keeps a request; 0: for ever."),
        KeyMeaning("history.keep_bytes", "How large the file may be."),
        KeyMeaning(
            "captures", "Bodies of requests and answers, to look for a fault ([captures.md](../captures.md))."),
        KeyMeaning("captures.enabled", "Keep them."),
        KeyMeaning("captures.keys", "Of clients with these keys alone, by name or pattern.", usual: "of all"),
        KeyMeaning("captures.models", "For these models alone, by name or pattern.", usual: "for all"),
        KeyMeaning("captures.errors_only", "Only of requests that fail."),
        KeyMeaning("captures.max_body_bytes", "Of each body; the rest is cut."),
        KeyMeaning("captures.max_count", "How many are kept."),
        KeyMeaning("captures.keep_days", "How long one is kept; 0: as long as there is room."),
        KeyMeaning("captures.keep_bytes", "How large the file may be."),
        KeyMeaning(
            "captures.redact",
            "What of a body is not kept: names with dots, like `messages.*.content` or `**.password`.",
            usual: "nothing is left out"),
        KeyMeaning(
            "captures.key_env",
            "Variable with 64 hexadecimal digits (`openssl rand -hex 32`) with which they are encrypted.",
            usual: "they are not"),
        KeyMeaning("captures.database", "The file.", usual: "in the state directory"),
    ]

    private static let told: [KeyMeaning] = [
        KeyMeaning("logging", "The log ([logging.md](../logging.md))."),
        KeyMeaning("logging.level", "The least that is told."),
        KeyMeaning("logging.format", "Lines for people or for programs."),
        KeyMeaning("logging.requests", "Which requests have a line each when they end."),
        KeyMeaning("logging.levels", "Components that have a level of their own."),
        KeyMeaning(
            "logging.levels.gateway", "Its start and end, its configuration, what it runs out of.", usual: level),
        KeyMeaning("logging.levels.backends", "Servers that come, go, degrade and recover.", usual: level),
        KeyMeaning("logging.levels.requests", "One line for each request.", usual: level),
        KeyMeaning(
            "logging.levels.routing", "Why a request went where it went, and what was tried again.", usual: level),
        KeyMeaning("logging.levels.adapters", "The files, and what those that run say.", usual: level),
        KeyMeaning("logging.levels.connections", "Of clients, and to servers.", usual: level),
        KeyMeaning("logging.levels.operators", "What operators had done, and who was refused.", usual: level),
        KeyMeaning("logging.levels.history", "The file that keeps what has ended.", usual: level),
        KeyMeaning("logging.levels.tracing", "Spans for a collector.", usual: level),
        KeyMeaning("tracing", "Traces for a collector of OpenTelemetry's ([tracing.md](../tracing.md))."),
        KeyMeaning(
            "tracing.otlp",
            "Where it takes OTLP over HTTP, like `http://127.0.0.1:4318`; without `/v1/traces`; empty: nothing is traced.",
            usual: "nothing is traced"),
        KeyMeaning(
            "tracing.sample_ratio",
            "Share of the traces that begin here; a caller that traces decides for itself."),
        KeyMeaning("tracing.service_name", "`service.name` of the spans."),
    ]

    private static let level = "`logging.level`"

    private static let keys: [KeyMeaning] = [
        KeyMeaning(
            "keys",
            "One table for each key of clients and operators; `nexus keys` keeps its own in `keys.toml`. With any, every client "
                + "needs one ([access.md](../access.md))."),
        KeyMeaning("keys[].name", "What lists and records call it.", usual: "required"),
        KeyMeaning(
            "keys[].hash", "`sha256:` and the hash of the key: `printf %s \"$KEY\" | sha256sum`.", usual: "required"),
        KeyMeaning("keys[].role", "What it is for: using models, or running the gateway, too."),
        KeyMeaning("keys[].max_priority", "What it asks for above that is taken for that."),
        KeyMeaning(
            "keys[].expires", "The last day, `2027-12-31`, or an instant, `2027-12-31T12:00:00Z`.", usual: "never"),
        KeyMeaning("keys[].models", "Models that it may use, by name or pattern.", usual: "all"),
        KeyMeaning("keys[].backends", "Backends that it may use, by name or pattern.", usual: "all"),
        KeyMeaning("keys[].requests_per_minute", "Requests in a minute.", usual: "no limit"),
        KeyMeaning("keys[].requests_per_day", "Requests in a day.", usual: "no limit"),
        KeyMeaning(
            "keys[].tokens_per_minute", "Tokens of prompts and answers together, in a minute.", usual: "no limit"),
        KeyMeaning("keys[].tokens_per_day", "The same in a day.", usual: "no limit"),
        KeyMeaning("keys[].max_concurrent", "Requests under way at once.", usual: "no limit"),
    ]

    private static let backends: [KeyMeaning] = [
        KeyMeaning(
            "backends",
            "One table for each server. Without any, servers at the default addresses of this machine are looked for."),
        KeyMeaning("backends[].name", "What lists, records and headers call it; printable ASCII.", usual: "required"),
        KeyMeaning(
            "backends[].type", "An adapter's type, or a kind of server that one knows (`nexus adapters list`).",
            usual: "required"),
        KeyMeaning("backends[].url", "`http(s)://host[:port][/path]`.", usual: "required"),
        KeyMeaning("backends[].priority", "Lower wins."),
        KeyMeaning(
            "backends[].api_key_env",
            "The environment variable that holds the API key, or several: the next is used when one is refused; at most 64.",
            usual: "no key"),
        KeyMeaning("backends[].max_concurrent", "Requests at it at once.", usual: "no limit"),
        KeyMeaning("backends[].enabled", "Off: it is drained, and takes no requests."),
        KeyMeaning(
            "backends[].secret_options",
            "Options whose values are hidden wherever the server repeats them, besides those that the adapter names and variables "
                + "of options named `*_env`; `login.pin` is pin within login."),
        KeyMeaning("backends[].timeouts", "The keys of `[timeouts]`, where this backend's are to be others."),
        KeyMeaning("backends[].timeouts.connect_seconds", "As in `[timeouts]`.", usual: "what `[timeouts]` says"),
        KeyMeaning("backends[].timeouts.first_byte_seconds", "As in `[timeouts]`.", usual: "what `[timeouts]` says"),
        KeyMeaning("backends[].timeouts.gap_seconds", "As in `[timeouts]`.", usual: "what `[timeouts]` says"),
        KeyMeaning("backends[].timeouts.total_seconds", "As in `[timeouts]`.", usual: "what `[timeouts]` says"),
        KeyMeaning(
            "backends[].timeouts.queue_seconds",
            "For a place; of the backends that may serve a request the longest counts.",
            usual: "`queue.max_wait_seconds`"),
        KeyMeaning("backends[].timeouts.models", "The same keys for some models at this backend."),
        KeyMeaning("backends[].timeouts.models.NAME.connect_seconds", "As above.", usual: "this backend's"),
        KeyMeaning("backends[].timeouts.models.NAME.first_byte_seconds", "As above.", usual: "this backend's"),
        KeyMeaning("backends[].timeouts.models.NAME.gap_seconds", "As above.", usual: "this backend's"),
        KeyMeaning("backends[].timeouts.models.NAME.total_seconds", "As above.", usual: "this backend's"),
        KeyMeaning("backends[].timeouts.models.NAME.queue_seconds", "As above.", usual: "this backend's"),
        KeyMeaning(
            "backends[].options",
            "What the adapter takes ([openai-compatible.md](../openai-compatible.md), [ollama.md](../ollama.md)); checked against its schema."
        ),
    ]
}
