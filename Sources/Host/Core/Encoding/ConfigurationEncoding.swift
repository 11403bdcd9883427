import JSON

/// The configuration that is in force, as JSON with the names of its file, without secrets. Durations are seconds; null is "none".
public struct ConfigurationEncoding {
    private var json = JSONWriter(capacity: 8192)
    /// Whether a variable of the environment is set.
    private let isSet: (String) -> Bool
    /// The options of a backend as they may be shown.
    private let options: (Configuration.Backend) -> [UInt8]?

    public static func json(
        _ configuration: Configuration, isSet: @escaping (String) -> Bool,
        options: @escaping (Configuration.Backend) -> [UInt8]?
    ) -> [UInt8] {
        var encoding = ConfigurationEncoding(isSet: isSet, options: options)
        encoding.write(configuration)
        return encoding.json.bytes
    }

    private init(isSet: @escaping (String) -> Bool, options: @escaping (Configuration.Backend) -> [UInt8]?) {
        self.isSet = isSet
        self.options = options
    }

    private mutating func write(_ configuration: Configuration) {
        json.beginObject()
        server(configuration.server, configuration.access)
        section("timeouts") {
            $0.times(configuration.timeouts)
            $0.models(configuration.modelTimeouts)
        }
        section("upstream") { $0.text("ca_file", configuration.upstream.caFile) }
        section("adapters") {
            $0.texts("directories", configuration.adapters.directories)
            $0.flag("watch", configuration.adapters.watch)
            $0.count("quarantine_after", configuration.adapters.quarantineAfter)
            $0.allow(configuration.adapters.allow)
        }
        health(configuration)
        routing(configuration.routing)
        section("queue") {
            $0.flag("enabled", configuration.queue.enabled)
            $0.count("max_size", configuration.queue.maxSize)
            $0.seconds("max_wait_seconds", configuration.queue.maxWait)
            $0.count("max_concurrent", configuration.queue.maxConcurrent)
            $0.flag("wait_for_restart", configuration.queue.waitForRestart)
            $0.section("models") { each in
                for (name, limit) in configuration.queue.models.sorted(by: { $0.key < $1.key }) {
                    each.count(name, limit)
                }
            }
        }
        section("dashboard") {
            $0.flag("public", configuration.access.isDashboardPublic)
            $0.flag("show_content", configuration.dashboard.showContent)
        }
        section("history") {
            $0.count("capacity", configuration.history.capacity)
            $0.text("database", configuration.history.database)
            $0.count("keep_days", configuration.history.keepDays)
            $0.count("keep_bytes", configuration.history.keepBytes)
        }
        section("captures") { section in
            let captures = configuration.captures
            section.flag("enabled", captures.enabled)
            section.texts("keys", captures.keys)
            section.texts("models", captures.models)
            section.flag("errors_only", captures.errorsOnly)
            section.count("max_body_bytes", captures.maxBodyBytes)
            section.count("max_count", captures.maxCount)
            section.count("keep_days", captures.keepDays)
            section.count("keep_bytes", captures.keepBytes)
            section.texts("redact", captures.redact.map(\.text))
            section.text("key_env", captures.keyEnv.map { EnvironmentName.shown($0) })
            section.text("database", captures.database)
        }
        section("logging") {
            $0.text("level", configuration.logging.level.rawValue)
            $0.text("format", configuration.logging.format.rawValue)
            $0.text("requests", configuration.logging.requests.rawValue)
            $0.section("levels") { each in
                for (component, level) in configuration.logging.levels.sorted(by: { $0.key.rawValue < $1.key.rawValue })
                {
                    each.text(component.rawValue, level.rawValue)
                }
            }
        }
        section("tracing") {
            $0.text("otlp", configuration.tracing.otlp?.description)
            $0.json.key("sample_ratio")
            $0.json.number(configuration.tracing.sampleRatio)
            $0.text("service_name", configuration.tracing.serviceName)
        }
        json.key("backends")
        json.beginArray()
        for backend in configuration.backends { write(backend) }
        json.endArray()
        // Without their hashes, which say nothing to anybody but who has the keys.
        json.key("keys")
        json.beginArray()
        for key in configuration.access.keys { KeyEncoding.writeRule(key, to: &json) }
        json.endArray()
        json.endObject()
    }

    private mutating func server(_ server: Configuration.Server, _ access: Configuration.Access) {
        section("server") {
            $0.text("host", server.host)
            $0.count("port", server.port)
            $0.seconds("stream_keep_alive_seconds", server.streamKeepAlive)
            $0.count("max_body_bytes", server.maxBodyBytes)
            $0.seconds("shutdown_timeout_seconds", server.shutdownTimeout)
            $0.seconds("shutdown_delay_seconds", server.shutdownDelay)
            $0.text("tls_certificate", server.tlsCertificate)
            $0.text("tls_key", server.tlsKey)
            $0.text("tls_client_ca", server.tlsClientCA)
            $0.texts("allowed_origins", server.allowedOrigins)
            $0.texts("hostnames", server.hostnames)
            $0.flag("allow_unauthenticated", access.allowsUnauthenticated)
            $0.count("max_memory_bytes", server.maxMemoryBytes)
            $0.count("max_connections_per_address", server.maxConnectionsPerAddress)
        }
    }

    private mutating func allow(_ list: AdapterAllowList?) {
        guard let list else {
            json.key("allow")
            return json.null()
        }
        section("allow") { each in
            for (name, hashes) in list.files.sorted(by: { $0.key < $1.key }) { each.texts(name, hashes.map(\.text)) }
        }
    }

    private mutating func health(_ configuration: Configuration) {
        let (health, breaker) = (configuration.healthCheck, configuration.breaker)
        section("health_check") {
            $0.flag("enabled", health.enabled)
            $0.seconds("interval_seconds", health.interval)
            $0.seconds("retry_seconds", health.retryInterval)
            $0.seconds("timeout_seconds", health.timeout)
            $0.count("failure_threshold", health.failureThreshold)
            $0.count("recovery_threshold", health.recoveryThreshold)
        }
        section("breaker") {
            $0.flag("enabled", breaker.enabled)
            $0.count("failure_rate_percent", breaker.failureRatePercent)
            $0.count("minimum_requests", breaker.minimumRequests)
            $0.seconds("window_seconds", breaker.window)
            $0.seconds("open_seconds", breaker.open)
            $0.seconds("max_open_seconds", breaker.maxOpen)
            $0.count("half_open_requests", breaker.halfOpenRequests)
        }
    }

    private mutating func routing(_ routing: Configuration.Routing) {
        section("routing") {
            $0.text("strategy", routing.strategy.rawValue)
            $0.count("max_retries", routing.maxRetries)
            $0.count("retry_budget_percent", routing.retryBudgetPercent)
            $0.count("retry_budget_minimum", routing.retryBudgetMinimum)
            $0.flag("hedge", routing.hedge)
            $0.section("weights") {
                $0.count("priority", routing.weights.priority)
                $0.count("load", routing.weights.load)
                $0.count("latency", routing.weights.latency)
                $0.count("loaded", routing.weights.loaded)
                $0.count("failures", routing.weights.failures)
                $0.count("errors", routing.weights.errors)
            }
            $0.section("aliases") { each in
                for (name, alias) in routing.aliases.sorted(by: { $0.key < $1.key }) { each.alias(name, alias) }
            }
            $0.section("fallbacks") { each in
                for (name, models) in routing.fallbacks.sorted(by: { $0.key < $1.key }) { each.texts(name, models) }
            }
        }
        section("quality") {
            $0.json.key("error_rate_exclude")
            if let rate = routing.errorRateExclude { $0.json.number(rate) } else { $0.json.null() }
        }
    }

    private mutating func alias(_ name: String, _ alias: ModelAlias) {
        json.key(name)
        json.beginArray()
        for target in alias.targets {
            json.beginObject()
            text("model", target.model)
            if let backend = target.backend { text("backend", backend) }
            if alias.isWeighted { count("weight", target.weight) }
            json.endObject()
        }
        json.endArray()
    }

    private mutating func write(_ backend: Configuration.Backend) {
        json.beginObject()
        text("name", backend.name)
        text("type", backend.type)
        text("url", backend.url.description)
        count("priority", backend.priority)
        count("max_concurrent", backend.maxConcurrent)
        flag("enabled", backend.isEnabled)
        text("source", backend.source)
        json.key("api_key_env")
        json.beginArray()
        for name in backend.apiKeyEnv {
            json.beginObject()
            text("name", EnvironmentName.shown(name))
            flag("set", isSet(name))
            json.endObject()
        }
        json.endArray()
        section("timeouts") {
            $0.times(backend.timeouts)
            $0.models(backend.modelTimeouts)
        }
        json.key("options")
        if let options = options(backend) { json.raw(options) } else { json.null() }
        texts("secret_options", backend.secretOptions)
        json.endObject()
    }

    // MARK: Values

    private mutating func section(_ name: String, _ body: (inout ConfigurationEncoding) -> Void) {
        json.key(name)
        json.beginObject()
        body(&self)
        json.endObject()
    }

    private mutating func times(_ timeouts: Configuration.Timeouts) {
        seconds("connect_seconds", timeouts.connect)
        seconds("first_byte_seconds", timeouts.firstByte)
        seconds("gap_seconds", timeouts.gap)
        seconds("total_seconds", timeouts.total)
        seconds("queue_seconds", timeouts.queue)
    }

    private mutating func models(_ all: [Configuration.ModelTimeouts]) {
        section("models") { each in
            var written: Set<String> = []
            // Of two for one pattern the first counts.
            for timeouts in all where written.insert(timeouts.pattern).inserted {
                each.section(timeouts.pattern) {
                    if let time = timeouts.changes.connect { $0.seconds("connect_seconds", time) }
                    if let time = timeouts.changes.firstByte { $0.seconds("first_byte_seconds", time) }
                    if let time = timeouts.changes.gap { $0.seconds("gap_seconds", time) }
                    if let time = timeouts.changes.total { $0.seconds("total_seconds", time) }
                    if let time = timeouts.changes.queue { $0.seconds("queue_seconds", time) }
                }
            }
        }
    }

    private mutating func seconds(_ key: String, _ duration: Duration?) {
        json.key(key)
        guard let duration else { return json.null() }
        let (seconds, attoseconds) = duration.components
        json.number(Double(seconds) + (Double(attoseconds) / 1e15).rounded() / 1000)
    }

    private mutating func text(_ key: String, _ value: String?) {
        json.key(key)
        if let value { json.string(value) } else { json.null() }
    }

    private mutating func texts(_ key: String, _ values: [String]) {
        json.key(key)
        json.beginArray()
        for value in values { json.string(value) }
        json.endArray()
    }

    private mutating func count(_ key: String, _ value: Int?) {
        json.key(key)
        if let value { json.integer(value) } else { json.null() }
    }

    private mutating func flag(_ key: String, _ value: Bool) {
        json.key(key)
        json.bool(value)
    }
}

/// Names of variables that hold secrets.
public enum EnvironmentName {
    /// A name as variables have them, and nothing that may be the secret itself, put there by mistake.
    public static func shown(_ name: String) -> String {
        isPlain(name) ? name : "(not shown: it does not look like a variable's name)"
    }

    /// It looks like a variable's name.
    public static func isPlain(_ name: String) -> Bool {
        let isCapitals = name.utf8.allSatisfy {
            (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F
        }
        let isShort = name.utf8.count <= (name.utf8.contains(0x5F) ? 64 : 16)
        return isCapitals && isShort
    }
}
