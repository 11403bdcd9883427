/// A family of metrics: its name, what `/metrics` says of it, and docs/metrics.md, which a test holds to this.
struct MetricFamily: Sendable, Equatable {
    enum Kind: String, Sendable { case counter, gauge, histogram }

    let name: String
    let kind: Kind
    /// "" where it counts what its name says.
    let unit: String
    /// In the order in which they are written; of a histogram without `le`.
    let labels: [String]
    let help: String

    private init(_ kind: Kind, _ name: String, _ help: String, _ labels: [String], _ unit: String) {
        self.kind = kind
        self.name = name
        self.labels = labels
        self.unit = unit
        self.help = help
    }

    private static func counter(
        _ name: String, _ help: String, _ labels: [String] = [], unit: String = ""
    ) -> MetricFamily { MetricFamily(.counter, name, help, labels, unit) }

    private static func gauge(
        _ name: String, _ help: String, _ labels: [String] = [], unit: String = ""
    ) -> MetricFamily { MetricFamily(.gauge, name, help, labels, unit) }

    private static func histogram(
        _ name: String, _ help: String, _ labels: [String] = [], unit: String = ""
    ) -> MetricFamily { MetricFamily(.histogram, name, help, labels, unit) }

    private static let ofBackend = ["backend", "type"]
    private static let ofWindow = ["backend", "model", "window"]
    private static let ofGenAI = ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"]

    // MARK: The gateway

    static let buildInfo = gauge("nexus_build_info", "1; the version is in the label.", ["version"])
    static let uptime = gauge("nexus_uptime_seconds", "Seconds since the gateway started.", unit: "seconds")
    static let ready = gauge("nexus_ready", "1 if GET /readyz answers 200.")
    static let requests = counter("nexus_requests_total", "Exchanges that ended, by outcome.", ["status"])
    static let responses = counter(
        "nexus_responses_total",
        "Exchanges of this run that ended, by the client's API and the status it got; rare ones by their class.",
        ["api", "code"])
    static let trouble = gauge(
        "nexus_trouble", "What is wrong now, by kind: as many as GET /v1/trouble lists.", ["kind"])
    static let retries = counter(
        "nexus_retries_total", "Attempts at another backend after a failure, or beside a late one.")
    static let retriesRefused = counter("nexus_retries_refused_total", "Retries that the budget did not allow.")
    static let hedges = counter("nexus_hedges_total", "Second attempts for answers that were late.")
    static let hedgesWon = counter("nexus_hedges_won_total", "Those of them that began to answer first.")
    static let memory = gauge("nexus_memory_bytes", "Memory that requests and answers take.", unit: "bytes")
    static let memoryLimit = gauge("nexus_memory_limit_bytes", "Memory that they may take.", unit: "bytes")
    static let memoryRefused = counter("nexus_memory_refused_total", "What was refused for want of memory.")
    static let upstreamConnections = gauge("nexus_upstream_connections", "Connections to backends that are open.")
    static let updatesSkipped = counter(
        "nexus_websocket_updates_skipped_total", "Updates that slow subscribers did not get one by one.")
    static let logDropped = counter(
        "nexus_log_lines_dropped_total", "Lines of the log that its reader was too slow for.")
    static let reload = gauge(
        "nexus_config_last_reload_successful",
        "Whether the last reload of the configuration was applied; nothing before the first.")
    static let misuse = counter(
        "nexus_adapter_misuse_total", "What adapters did that the ABI forbids, and that was ignored, by kind.", ["kind"]
    )
    static let stalls = counter(
        "nexus_adapter_stalls_total", "Calls of adapters that held up an event loop for over 100 ms.")
    static let lateCalls = counter(
        "nexus_adapter_late_calls_total", "Callbacks of adapters after their backend had gone.")

    // MARK: Backends

    static let backendUp = gauge("nexus_backend_up", "1 if the backend's probes are well.", ofBackend)
    static let backendDegraded = gauge(
        "nexus_backend_degraded",
        "1 if the backend's probes are well and its requests fail: its breaker is not closed.", ofBackend)
    static let breakerOpenings = counter(
        "nexus_backend_breaker_openings_total", "Times the backend's breaker has opened.", ofBackend)
    static let flaps = counter(
        "nexus_backend_flaps_total", "Times that the backend was well and ceased to be.", ofBackend)
    static let flapsLastHour = gauge(
        "nexus_backend_flaps_last_hour", "The same within the last hour, 100 at most.", ofBackend)
    static let inFlight = gauge("nexus_backend_in_flight", "Attempts under way at the backend.", ofBackend)
    static let attempts = counter("nexus_backend_attempts_total", "Attempts started at the backend.", ofBackend)
    static let failures = counter(
        "nexus_backend_failures_total", "Attempts that failed by the backend's fault.", ofBackend)
    static let latency = gauge(
        "nexus_backend_latency_milliseconds", "Mean duration of successful attempts.", ofBackend, unit: "milliseconds")
    static let engineSlots = gauge(
        "nexus_backend_engine_slots", "Requests that the server works on at once, as far as it tells.", ofBackend)
    static let engineRunning = gauge(
        "nexus_backend_engine_running",
        "Requests that the server worked on when it last told, those of other clients included.", ofBackend)
    static let engineWaiting = gauge(
        "nexus_backend_engine_waiting", "Requests that waited at the server then.", ofBackend)
    static let engineCache = gauge(
        "nexus_backend_engine_cache_use_ratio",
        "Share of the server's memory for contexts that was in use then, 0 to 1.", ofBackend, unit: "ratio")
    static let backendTokens = counter(
        "nexus_backend_tokens_total", "Tokens of exchanges that ended at the backend.", ["backend", "kind"],
        unit: "tokens")
    static let generation = counter(
        "nexus_backend_generation_seconds_total",
        "Seconds in which answers were generated; with the completion tokens it gives their speed.", ["backend"],
        unit: "seconds")
    static let firstToken = histogram(
        "nexus_time_to_first_token_seconds", "From a request to the first token of its answer.", ["backend"],
        unit: "seconds")
    static let duration = histogram(
        "nexus_request_duration_seconds", "From a request to the end of its answer.", ["backend"], unit: "seconds")

    // MARK: Models

    static let modelTokens = counter(
        "nexus_model_tokens_total", "Tokens of exchanges that asked for the model.", ["model", "kind"], unit: "tokens")
    static let qualityAttempts = gauge(
        "nexus_quality_attempts", "Attempts that ended within the window, well or by the backend's fault.", ofWindow)
    static let qualityErrors = gauge(
        "nexus_quality_error_rate", "Share of these that failed, 0 to 1.", ofWindow, unit: "ratio")
    static let qualityFirstToken = gauge(
        "nexus_quality_ttft_seconds", "Mean time from an attempt to its first token.", ofWindow, unit: "seconds")
    static let qualitySpeed = gauge(
        "nexus_quality_tokens_per_second", "Mean speed of the answers.", ofWindow, unit: "tokens per second")

    // MARK: Waiting and keys

    static let queueLength = gauge("nexus_queue_length", "Requests that wait for a place.")
    static let queueEnded = counter(
        "nexus_queue_ended_total", "Requests that waited for a place, by how that ended.", ["how"])
    static let queueWait = counter(
        "nexus_queue_wait_seconds_total", "Seconds that the served ones waited.", unit: "seconds")
    static let queueRefused = counter(
        "nexus_queue_refused_total", "Requests that were not allowed to wait, by reason.", ["reason"])
    static let keyRequests = counter("nexus_key_requests_total", "Requests by a key that were let in.", ["key"])
    static let keyRefused = counter(
        "nexus_key_refused_total", "Requests by a key that were over one of its limits.", ["key"])
    static let keyActive = gauge("nexus_key_active", "Requests by a key that are under way.", ["key"])
    static let keyTokens = counter(
        "nexus_key_tokens_total", "Tokens by a key, as far as servers tell.", ["key", "kind"], unit: "tokens")
    static let accessRefused = counter(
        "nexus_access_refused_total", "Requests without the right key, by reason.", ["reason"])

    // MARK: The history's file, tracing, the process

    static let storeUp = gauge("nexus_history_store_up", "1 if the history's file is written.")
    static let storeWaiting = gauge("nexus_history_store_waiting", "Exchanges that wait to be written to it.")
    static let storeLost = gauge(
        "nexus_history_store_lost", "Exchanges that found no room there since it cannot be written; 0 when it can.")
    static let captures = counter(
        "nexus_captures_total", "Requests whose bodies were to be kept, and were kept or lost.", ["result"])
    static let tracingUp = gauge(
        "nexus_tracing_up", "1 if the collector has taken the last spans; nothing where none is configured.")
    static let tracingExported = counter("nexus_tracing_spans_exported_total", "Spans that the collector has taken.")
    static let tracingDropped = counter("nexus_tracing_spans_dropped_total", "Spans that were dropped.")
    static let tracingWaiting = gauge("nexus_tracing_exchanges_waiting", "Exchanges whose spans wait to be sent.")
    static let processMemory = gauge(
        "process_resident_memory_bytes", "Memory of the process, as the system counts it.", unit: "bytes")
    static let processTime = counter("process_cpu_seconds_total", "Processor time of the process.", unit: "seconds")
    static let processStart = gauge(
        "process_start_time_seconds", "When the gateway started, since 1970.", unit: "seconds")
    static let processFiles = gauge("process_open_fds", "Descriptors that are open.")
    static let processFileLimit = gauge("process_max_fds", "Descriptors that may be open.")

    // MARK: In the words of OpenTelemetry's conventions for generative AI

    static let genAIDuration = histogram(
        "gen_ai_server_request_duration_seconds",
        "From a request to the end of its answer; error_type is empty where that is well.", ofGenAI + ["error_type"],
        unit: "seconds")
    static let genAIFirstToken = histogram(
        "gen_ai_server_time_to_first_token_seconds", "From a request to the first token of its answer.", ofGenAI,
        unit: "seconds")
    static let genAITokenTime = histogram(
        "gen_ai_server_time_per_output_token_seconds", "Between two tokens of an answer.", ofGenAI, unit: "seconds")
    static let genAITokens = histogram(
        "gen_ai_client_token_usage", "Tokens of a request (input) and of its answer (output), as far as servers tell.",
        ofGenAI + ["gen_ai_token_type"], unit: "tokens")

    /// In the order of `/metrics`, which has each of them once, also those of which there is nothing to tell.
    static let all: [MetricFamily] = [
        buildInfo, uptime, ready, requests, responses, trouble, backendUp, backendDegraded, breakerOpenings, flaps,
        flapsLastHour, inFlight, attempts, failures, latency, engineSlots, engineRunning, engineWaiting, engineCache,
        backendTokens, generation, firstToken, duration, modelTokens, qualityAttempts, qualityErrors, qualityFirstToken,
        qualitySpeed, retries, retriesRefused, hedges, hedgesWon, queueLength, queueEnded, queueWait, queueRefused,
        keyRequests, keyRefused, keyActive, keyTokens, accessRefused, memory, memoryLimit, memoryRefused,
        upstreamConnections, updatesSkipped, logDropped, reload, misuse, stalls, lateCalls, storeUp, storeWaiting,
        storeLost, captures, tracingUp, tracingExported, tracingDropped, tracingWaiting, processMemory, processTime,
        processStart,
        processFiles, processFileLimit, genAIDuration, genAIFirstToken, genAITokenTime, genAITokens,
    ]

    /// The rows of docs/metrics.md.
    static var table: String {
        all.reduce("| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n") { table, family in
            let labels = family.labels.map { "`\($0)`" }.joined(separator: ", ")
            let cells = ["`\(family.name)`", family.kind.rawValue, family.unit, labels, family.help]
            return table + "| \(cells.joined(separator: " | ")) |\n"
        }
    }
}
