import AdapterHost
import Core

/// `GET /metrics` in the Prometheus text format 0.0.4. Labels are names of backends and of models that a backend has or
/// had, of which the figures keep so many: no name that a client makes up becomes one.
enum Metrics {
    static func text(_ state: GatewayState) -> [UInt8] {
        var page = MetricsPage()
        let totals = state.figures.totals
        page.family("nexus_uptime_seconds", "gauge", "Seconds since the gateway started.")
        page.sample("nexus_uptime_seconds", [], Double(state.uptimeSeconds))
        page.family("nexus_requests_total", "counter", "Exchanges that ended, by outcome.")
        page.sample("nexus_requests_total", [("status", "success")], Double(totals.success))
        page.sample("nexus_requests_total", [("status", "error")], Double(totals.errors))

        let backends = state.registry.snapshot.backends
        page.family("nexus_backend_up", "gauge", "1 if the backend's probes are well.")
        for backend in backends { page.sample("nexus_backend_up", label(backend), backend.status.serves ? 1 : 0) }
        addBreakers(state, backends, to: &page)
        addTrouble(state, to: &page)
        page.family("nexus_backend_in_flight", "gauge", "Attempts under way at the backend.")
        for backend in backends {
            page.sample("nexus_backend_in_flight", label(backend), Double(backend.counters.inFlight))
        }
        page.family("nexus_backend_attempts_total", "counter", "Attempts started at the backend.")
        for backend in backends {
            page.sample("nexus_backend_attempts_total", label(backend), Double(backend.counters.total))
        }
        page.family("nexus_backend_failures_total", "counter", "Attempts that failed by the backend's fault.")
        for backend in backends {
            page.sample("nexus_backend_failures_total", label(backend), Double(backend.counters.failures))
        }
        page.family("nexus_backend_latency_milliseconds", "gauge", "Mean duration of successful attempts.")
        for backend in backends {
            page.sample(
                "nexus_backend_latency_milliseconds", label(backend), backend.counters.averageLatencyMilliseconds)
        }
        addTokens(state, to: &page)
        addQuality(state.busiestPairs.pairs, to: &page)
        addQueue(state.admission.figures, to: &page)
        page.family(
            "nexus_websocket_updates_skipped_total", "counter", "Updates that slow subscribers did not get one by one.")
        page.sample(
            "nexus_websocket_updates_skipped_total", [],
            Double(state.broadcaster.skipped.load(ordering: .relaxed)))
        page.family("nexus_log_lines_dropped_total", "counter", "Lines of the log that its reader was too slow for.")
        page.sample("nexus_log_lines_dropped_total", [], Double(GatewayLog.writer.dropped))
        page.family("nexus_memory_bytes", "gauge", "Memory that requests and answers take.")
        page.sample("nexus_memory_bytes", [], Double(state.memory.used))
        page.family("nexus_memory_refused_total", "counter", "What was refused for want of memory.")
        page.sample("nexus_memory_refused_total", [], Double(state.memory.refused))
        page.family(
            "nexus_adapter_misuse_total", "counter",
            "What adapters did that the ABI forbids, and that was ignored, by kind.")
        for (kind, count) in AdapterFigures.misuse {
            page.sample("nexus_adapter_misuse_total", [("kind", kind)], Double(count))
        }
        page.family(
            "nexus_adapter_stalls_total", "counter", "Calls of adapters that held up an event loop for over 100 ms.")
        page.sample("nexus_adapter_stalls_total", [], Double(LoopWatchdog.stalls))
        if let reload = state.lastReload {
            page.family(
                "nexus_config_last_reload_successful", "gauge",
                "Whether the last reload of the configuration was applied.")
            page.sample("nexus_config_last_reload_successful", [], reload.problem == nil ? 1 : 0)
        }
        page.family("nexus_adapter_late_calls_total", "counter", "Callbacks of adapters after their backend had gone.")
        page.sample("nexus_adapter_late_calls_total", [], Double(AdapterFigures.lateCalls))
        return page.bytes
    }

    /// Breakers and retries.
    private static func addBreakers(
        _ state: GatewayState, _ backends: [BackendSnapshot], to page: inout MetricsPage
    ) {
        page.family(
            "nexus_backend_degraded", "gauge",
            "1 if the backend's probes are well and its requests fail: its breaker is not closed.")
        for backend in backends {
            page.sample("nexus_backend_degraded", label(backend), backend.status == .degraded ? 1 : 0)
        }
        page.family("nexus_backend_breaker_openings_total", "counter", "Times the backend's breaker has opened.")
        for backend in backends {
            page.sample(
                "nexus_backend_breaker_openings_total", label(backend), Double(backend.counters.breaker.openings))
        }
        let budget = state.retries.value
        page.family(
            "nexus_retries_total", "counter", "Attempts at another backend after a failure, or beside a late one.")
        page.sample("nexus_retries_total", [], Double(budget.granted))
        page.family("nexus_retries_refused_total", "counter", "Retries that the budget did not allow.")
        page.sample("nexus_retries_refused_total", [], Double(budget.refused))
        page.family("nexus_hedges_total", "counter", "Second attempts for answers that were late.")
        page.sample("nexus_hedges_total", [], Double(state.hedges.begun))
        page.family("nexus_hedges_won_total", "counter", "Those of them that began to answer first.")
        page.sample("nexus_hedges_won_total", [], Double(state.hedges.wins))
    }

    /// What is wrong, and which backends come and go.
    private static func addTrouble(_ state: GatewayState, to page: inout MetricsPage) {
        let kinds = Dictionary(grouping: state.trouble.items, by: \.kind)
        page.family("nexus_trouble", "gauge", "What is wrong now, by kind: as many as GET /v1/trouble lists.")
        for kind in Trouble.Kind.allCases {
            page.sample("nexus_trouble", [("kind", kind.rawValue)], Double(kinds[kind]?.count ?? 0))
        }
        let now = Clock.monotonicNanoseconds()
        let flaps = state.registry.conditions.map { condition in
            (
                [("backend", condition.identity.name), ("type", condition.identity.backendType)], condition.past.flaps
            )
        }
        page.family("nexus_backend_flaps_total", "counter", "Times that the backend was well and ceased to be.")
        for (label, count) in flaps { page.sample("nexus_backend_flaps_total", label, Double(count.total)) }
        page.family("nexus_backend_flaps_last_hour", "gauge", "The same within the last hour, 100 at most.")
        for (label, count) in flaps {
            page.sample("nexus_backend_flaps_last_hour", label, Double(count.recent(now: now).count))
        }
    }

    /// How well attempts went over some windows, by backend and model.
    private static func addQuality(_ pairs: [QualityFigures.Pair], to page: inout MetricsPage) {
        func samples(_ name: String, _ value: (QualitySums) -> Double?) {
            for pair in pairs {
                for (window, sums) in zip(QualityWindows.names, pair.sums) {
                    guard let value = value(sums) else { continue }
                    page.sample(
                        name, [("backend", pair.backend), ("model", pair.model), ("window", window)], value)
                }
            }
        }
        page.family(
            "nexus_quality_attempts", "gauge", "Attempts that ended within the window, well or by the backend's fault.")
        samples("nexus_quality_attempts") { Double($0.attempts) }
        page.family("nexus_quality_error_rate", "gauge", "Share of these that failed, 0 to 1.")
        samples("nexus_quality_error_rate") { $0.attempts > 0 ? $0.errorRate : nil }
        page.family("nexus_quality_ttft_seconds", "gauge", "Mean time from an attempt to its first token.")
        samples("nexus_quality_ttft_seconds") { $0.timeToFirstTokenMilliseconds.map { $0 / 1000 } }
        page.family("nexus_quality_tokens_per_second", "gauge", "Mean speed of the answers.")
        samples("nexus_quality_tokens_per_second") { $0.tokensPerSecond }
    }

    /// Requests that waited for a place.
    private static func addQueue(_ figures: Admission.Figures, to page: inout MetricsPage) {
        page.family("nexus_queue_length", "gauge", "Requests that wait for a place.")
        page.sample("nexus_queue_length", [], Double(figures.waiting))
        page.family("nexus_queue_ended_total", "counter", "Requests that waited for a place, by how that ended.")
        page.sample("nexus_queue_ended_total", [("how", "served")], Double(figures.admitted))
        page.sample("nexus_queue_ended_total", [("how", "timeout")], Double(figures.timedOut))
        page.sample("nexus_queue_ended_total", [("how", "left")], Double(figures.left))
        page.family("nexus_queue_wait_seconds_total", "counter", "Seconds that the served ones waited.")
        page.sample("nexus_queue_wait_seconds_total", [], Double(figures.waitNanoseconds) / 1e9)
        page.family("nexus_queue_refused_total", "counter", "Requests that were not allowed to wait, by reason.")
        page.sample("nexus_queue_refused_total", [("reason", "share")], Double(figures.overShare))
        page.sample("nexus_queue_refused_total", [("reason", "full")], Double(figures.full))
    }

    /// Tokens and times of answers, by backend and by model.
    private static func addTokens(_ state: GatewayState, to page: inout MetricsPage) {
        let backends = state.figures.backends.sorted { $0.key < $1.key }
        page.family("nexus_backend_tokens_total", "counter", "Tokens of exchanges that ended at the backend.")
        for (name, figures) in backends { page.tokens("nexus_backend_tokens_total", ("backend", name), figures.tokens) }
        page.family(
            "nexus_backend_generation_seconds_total", "counter",
            "Seconds in which answers were generated; with the completion tokens it gives their speed.")
        for (name, figures) in backends {
            page.sample(
                "nexus_backend_generation_seconds_total", [("backend", name)], figures.tokens.generationSeconds)
        }
        page.family("nexus_model_tokens_total", "counter", "Tokens of exchanges that asked for the model.")
        for model in state.figures.models where model.tokens != TokenFigures() {
            page.tokens("nexus_model_tokens_total", ("model", model.name), model.tokens)
        }
        page.family(
            "nexus_time_to_first_token_seconds", "histogram", "From a request to the first token of its answer.")
        for (name, figures) in backends {
            page.histogram("nexus_time_to_first_token_seconds", ("backend", name), figures.firstTokens)
        }
        page.family("nexus_request_duration_seconds", "histogram", "From a request to the end of its answer.")
        for (name, figures) in backends {
            page.histogram("nexus_request_duration_seconds", ("backend", name), figures.durations)
        }
    }

    private static func label(_ backend: BackendSnapshot) -> [(String, String)] {
        [("backend", backend.identity.name), ("type", backend.identity.backendType)]
    }
}

/// Writes the text format.
struct MetricsPage {
    private(set) var bytes: [UInt8] = []

    mutating func family(_ name: String, _ type: String, _ help: String) {
        bytes += Array("# HELP \(name) \(help)\n# TYPE \(name) \(type)\n".utf8)
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Double) {
        var line = name
        if !labels.isEmpty {
            line += "{" + labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",") + "}"
        }
        bytes += Array("\(line) \(Self.number(value))\n".utf8)
    }

    private static func number(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value > 0 ? "+Inf" : "-Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    mutating func tokens(_ name: String, _ label: (String, String), _ tokens: TokenFigures) {
        sample(name, [label, ("kind", "prompt")], Double(tokens.prompt.value))
        sample(name, [label, ("kind", "completion")], Double(tokens.completion.value))
        sample(name, [label, ("kind", "cached")], Double(tokens.cached.value))
    }

    mutating func histogram(_ name: String, _ label: (String, String), _ histogram: Histogram) {
        var below = Tally()
        for (bound, count) in zip(Histogram.bounds, histogram.counts) {
            below += count.value
            sample(name + "_bucket", [label, ("le", "\(bound)")], Double(below.value))
        }
        sample(name + "_bucket", [label, ("le", "+Inf")], Double(histogram.count.value))
        sample(name + "_sum", [label], histogram.sum)
        sample(name + "_count", [label], Double(histogram.count.value))
    }

    /// Backslash, quote and line feed are escaped in label values.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
