import Core
import Glibc
import JSON

/// Reads a configuration from a TOML text. Every key is documented at its field in `Configuration`.
public enum ConfigurationReader {
    /// Backends of one gateway.
    static let backendLimit = BackendOverlay.Limits.backends

    /// What may be set of a backend while the gateway runs, too.
    static let priorities = 0...1000
    static let concurrencies = 1...100_000

    /// - Parameters:
    ///   - text: the file.
    ///   - source: its name for messages.
    /// - Throws: everything that is wrong, at once.
    public static func read(_ text: String, source: String) throws(ConfigurationError) -> Configuration {
        let document: TOMLDocument
        do throws(ConfigurationProblem) {
            document = try TOMLDocument(text)
        } catch {
            throw ConfigurationError(source: source, problems: [error])
        }
        let problems = ProblemList(lines: document.lines)
        let configuration = read(document.root, problems)
        guard problems.problems.isEmpty else {
            var error = ConfigurationError(source: source, problems: problems.problems)
            error.wantsJSON = configuration.logging.format == .json
            throw error
        }
        return configuration
    }

    /// - Parameter problems: gets what is wrong.
    static func read(_ document: JSONObject, _ problems: ProblemList) -> Configuration {
        var configuration = Configuration()
        var root = Section(document, path: "", problems: problems)
        var olderTotal: Duration??
        root.section("server") { section in
            server(&section, &configuration.server)
            section.bool("allow_unauthenticated", into: &configuration.access.allowsUnauthenticated)
            olderTotal = self.olderTotal(&section)
        }
        root.section("timeouts") { section in
            TimeoutReader.common(&section, &configuration.timeouts)
            configuration.modelTimeouts = TimeoutReader.models(&section)
            if olderTotal != nil, section.has("total_seconds") {
                problems.add(
                    "server.request_timeout_seconds",
                    "is the older name of timeouts.total_seconds; give only one of the two")
            }
        }
        if let olderTotal { configuration.timeouts.total = olderTotal }
        root.section("upstream") { upstream(&$0, &configuration.upstream) }
        root.section("adapters") { section in
            section.strings("directories", limit: TextLimits.path, into: &configuration.adapters.directories)
            section.bool("watch", into: &configuration.adapters.watch)
            section.integer("quarantine_after", 0...100, into: &configuration.adapters.quarantineAfter)
            let allowed = section.names(
                "allow", of: "the SHA-256 of the file, or an array of several, by the file's name")
            // One that is there and empty allows nothing.
            if section.has("allow") { configuration.adapters.allow = AllowListReader.list(allowed, in: section) }
        }
        root.section("health_check") { healthCheck(&$0, &configuration.healthCheck) }
        root.section("breaker") { breaker(&$0, &configuration.breaker) }
        root.section("routing") { routing(&$0, &configuration.routing) }
        root.section("quality") { section in
            section.share("error_rate_exclude", into: &configuration.routing.errorRateExclude)
        }
        root.section("queue") { queue(&$0, &configuration.queue) }
        root.sections("backends") { section, _ in
            if let backend = backend(&section, under: configuration) { configuration.backends.append(backend) }
        }
        root.sections("keys") { section, _ in
            if let key = KeyReader.key(&section) { configuration.access.keys.append(key) }
        }
        root.section("dashboard") { section in
            section.bool("public", into: &configuration.access.isDashboardPublic)
            section.bool("show_content", into: &configuration.dashboard.showContent)
        }
        root.section("history") { section in
            section.integer("capacity", 1...100_000, into: &configuration.history.capacity)
            configuration.history.database = section.maybeEmptyString("database", limit: TextLimits.path)
            section.integer("keep_days", 0...36_500, into: &configuration.history.keepDays)
            section.integer("keep_bytes", 16_777_216...1_099_511_627_776, into: &configuration.history.keepBytes)
        }
        root.section("captures") { CaptureRulesReader.read(&$0, &configuration.captures) }
        root.section("logging") { section in
            section.choice("level", into: &configuration.logging.level)
            section.choice("format", into: &configuration.logging.format)
            section.choice("requests", into: &configuration.logging.requests)
            section.section("levels") { levels in
                for component in Configuration.Logging.Component.allCases {
                    var level = configuration.logging.level
                    levels.choice(component.rawValue, into: &level)
                    if levels.has(component.rawValue) { configuration.logging.levels[component] = level }
                }
            }
        }
        root.section("tracing") { tracing(&$0, &configuration.tracing) }
        root.finish()
        if configuration.backends.count > backendLimit {
            problems.add("backends", "there are \(configuration.backends.count); at most \(backendLimit) are possible")
        }
        checkNames(configuration.backends, problems)
        KeyReader.check(configuration.access.keys, problems)
        AliasReader.check(configuration, problems)
        configuration.access.isRequired = !configuration.access.keys.isEmpty
        return configuration
    }

    private static func tracing(_ section: inout Section, _ tracing: inout Configuration.Tracing) {
        section.ratio("sample_ratio", into: &tracing.sampleRatio)
        section.string("service_name", limit: TextLimits.name, into: &tracing.serviceName)
        guard let text = section.maybeEmptyString("otlp", limit: TextLimits.url), !text.isEmpty else { return }
        do throws(BackendURL.Malformed) {
            let url = try BackendURL(text)
            if url.isTLS {
                section.problem(
                    "otlp",
                    "is https, and spans are sent over plain http alone; name a collector on this machine or in this network, like "
                        + "http://127.0.0.1:4318, which may pass them on over https")
            } else if url.path.hasSuffix("/v1/traces") {
                section.problem("otlp", "must be without /v1/traces, which is added")
            } else {
                tracing.otlp = url
            }
        } catch {
            section.problem("otlp", "\(shown(text)) is no address of a collector: \(error)")
        }
    }

    private static func server(_ section: inout Section, _ server: inout Configuration.Server) {
        section.string("host", limit: TextLimits.host, into: &server.host)
        section.integer("port", 0...65535, into: &server.port)
        section.seconds("stream_keep_alive_seconds", 0...3600, into: &server.streamKeepAlive)
        section.integer("max_body_bytes", 1024...1_073_741_824, into: &server.maxBodyBytes)
        section.seconds("shutdown_timeout_seconds", 0...3600, into: &server.shutdownTimeout)
        section.seconds("shutdown_delay_seconds", 0...600, into: &server.shutdownDelay)
        server.tlsCertificate = section.optionalString("tls_certificate", limit: TextLimits.path)
        server.tlsKey = section.optionalString("tls_key", limit: TextLimits.path)
        if section.has("tls_certificate") != section.has("tls_key") {
            section.problem(
                section.has("tls_certificate") ? "tls_certificate" : "tls_key",
                "tls_certificate and tls_key must be given together")
        }
        server.tlsClientCA = section.optionalString("tls_client_ca", limit: TextLimits.path)
        if section.has("tls_client_ca"), !section.has("tls_certificate") {
            section.problem(
                "tls_client_ca", "certificates are shown over TLS alone: give tls_certificate and tls_key, too")
        }
        section.strings("allowed_origins", limit: TextLimits.host, into: &server.allowedOrigins)
        section.strings("hostnames", limit: TextLimits.host, into: &server.hostnames)
        for name in server.hostnames where !HostName.isPattern(name) {
            section.problem(
                "hostnames",
                "\(ConfigurationProblem.quoted(name)) is no host name; write it without scheme and port, like "
                    + "\"nexus.example.org\""
            )
        }
        server.maxMemoryBytes = section.optionalInteger("max_memory_bytes", 67_108_864...1_099_511_627_776)
        server.maxConnectionsPerAddress = section.optionalInteger("max_connections_per_address", 0...1_000_000)
    }

    /// What `server.request_timeout_seconds` says; nil: it is not there.
    private static func olderTotal(_ section: inout Section) -> Duration?? {
        var total: Duration?
        section.limit("request_timeout_seconds", 0...86400, tellsUsual: false, into: &total)
        return section.has("request_timeout_seconds") ? .some(total) : nil
    }

    private static func upstream(_ section: inout Section, _ upstream: inout Configuration.Upstream) {
        guard let path = section.optionalString("ca_file", limit: TextLimits.path) else { return }
        upstream.caFile = path
        let shown = ConfigurationProblem.quoted(path)
        let bytes: [UInt8]
        do throws(FileBytes.Failure) {
            bytes = try FileBytes.read(path, limit: 16 * 1024 * 1024)
        } catch {
            return section.problem("ca_file", "\(shown) cannot be read: \(error)")
        }
        if !String(decoding: bytes, as: UTF8.self).contains("-----BEGIN CERTIFICATE-----") {
            section.problem("ca_file", "\(shown) holds no certificate; it must be a PEM file")
        }
    }

    private static func healthCheck(_ section: inout Section, _ check: inout Configuration.HealthCheck) {
        section.bool("enabled", into: &check.enabled)
        section.seconds("interval_seconds", 1...86400, into: &check.interval)
        section.seconds("retry_seconds", 1...86400, into: &check.retryInterval)
        section.seconds("timeout_seconds", 1...600, into: &check.timeout)
        section.integer("failure_threshold", 1...100, into: &check.failureThreshold)
        section.integer("recovery_threshold", 1...100, into: &check.recoveryThreshold)
    }

    private static func breaker(_ section: inout Section, _ breaker: inout Configuration.Breaker) {
        section.bool("enabled", into: &breaker.enabled)
        section.integer("failure_rate_percent", 1...100, into: &breaker.failureRatePercent)
        section.integer("minimum_requests", 1...100_000, into: &breaker.minimumRequests)
        section.seconds("window_seconds", 1...3600, into: &breaker.window)
        section.seconds("open_seconds", 1...3600, into: &breaker.open)
        section.seconds("max_open_seconds", 1...86400, into: &breaker.maxOpen)
        section.integer("half_open_requests", 1...1000, into: &breaker.halfOpenRequests)
        if breaker.maxOpen < breaker.open {
            section.problem(
                section.has("max_open_seconds") ? "max_open_seconds" : "open_seconds",
                "max_open_seconds must not be less than open_seconds")
        }
    }

    private static func routing(_ section: inout Section, _ routing: inout Configuration.Routing) {
        section.choice("strategy", into: &routing.strategy)
        section.integer("max_retries", 0...10, into: &routing.maxRetries)
        section.integer("retry_budget_percent", 0...100, into: &routing.retryBudgetPercent)
        section.integer("retry_budget_minimum", 0...100_000, into: &routing.retryBudgetMinimum)
        section.bool("hedge", into: &routing.hedge)
        section.section("weights") { weights in
            weights.integer("priority", 0...1000, into: &routing.weights.priority)
            weights.integer("load", 0...1000, into: &routing.weights.load)
            weights.integer("latency", 0...1000, into: &routing.weights.latency)
            weights.integer("loaded", 0...1000, into: &routing.weights.loaded)
            weights.integer("failures", 0...1000, into: &routing.weights.failures)
            weights.integer("errors", 0...1000, into: &routing.weights.errors)
        }
        let aliases = section.names(
            "aliases", of: "a model's name, an array of names, or an array of tables with the keys below",
            sample: .array([.object(JSONObject())]))
        for (name, value) in aliases.members {
            routing.aliases[name] = AliasReader.alias(value, name, in: &section)
        }
        for (name, value) in section.names("fallbacks", of: "an array of names of models").members {
            routing.fallbacks[name] = AliasReader.fallbacks(value, name, in: &section)
        }
    }

    private static func queue(_ section: inout Section, _ queue: inout Configuration.Queue) {
        section.bool("enabled", into: &queue.enabled)
        section.integer("max_size", 0...100_000, into: &queue.maxSize)
        section.seconds("max_wait_seconds", QueueLimits.wait, into: &queue.maxWait)
        queue.maxConcurrent = section.optionalInteger("max_concurrent", 1...100_000)
        section.bool("wait_for_restart", into: &queue.waitForRestart)
        let models = section.names(
            "models", of: "a whole number from 1 to 100000, by the name of a model or a pattern with `*`")
        for (name, value) in models.members {
            if let limit = value.int, (1...100_000).contains(limit), isModel(name) {
                queue.models[name] = Int(limit)
            } else {
                section.problem(
                    "models.\(name)",
                    "must be a whole number from 1 to 100000, under the name of a model or a pattern with *")
            }
        }
        if queue.models.count > TextLimits.entries {
            section.problem("models", "there are \(queue.models.count); at most \(TextLimits.entries) are possible")
        }
    }

    private static func isModel(_ text: String) -> Bool { (1...TextLimits.model).contains(text.utf8.count) }

    /// Reads one backend that stands alone.
    /// - Parameters:
    ///   - specification: with the keys of `[[backends]]`.
    ///   - common: has the gateway's limits of time, of which a backend may override some.
    ///   - source: where it comes from, for messages.
    /// - Throws: everything that is wrong, at once.
    public static func backend(
        _ specification: JSONObject, under common: Configuration, source: String
    ) throws(ConfigurationError) -> Configuration.Backend {
        let problems = ProblemList(lines: nil)
        var section = Section(specification, path: "", problems: problems)
        let backend = backend(&section, under: common)
        section.finish()
        if let backend { checkName(backend.name, "name", problems) }
        guard let backend, problems.problems.isEmpty else {
            throw ConfigurationError(source: source, problems: problems.problems)
        }
        return backend
    }

    /// - Parameter common: has the gateway's limits of time, of which a backend may override some.
    static func backend(_ section: inout Section, under common: Configuration) -> Configuration.Backend? {
        let name = section.optionalString("name", limit: TextLimits.name)
        let type = section.optionalString("type", limit: TextLimits.name)
        let text = section.optionalString("url", limit: TextLimits.url)
        var url: BackendURL?
        if let text {
            do throws(BackendURL.Malformed) {
                url = try BackendURL(text)
            } catch {
                section.problem("url", "\(shown(text)) is no address of a server: \(error)")
            }
        }
        for key in ["name", "type", "url"] where !section.has(key) {
            section.problem(key, "is missing; every backend needs name, type and url")
        }
        var priority = 50
        section.integer("priority", priorities, into: &priority)
        let keyVariables = section.oneOrMoreStrings("api_key_env", limit: TextLimits.name)
        if keyVariables.count > Configuration.Backend.keyLimit {
            section.problem("api_key_env", "must name at most \(Configuration.Backend.keyLimit) variables")
        }
        if !keyVariables.allSatisfy(isVariableName) {
            // Not what stands there: it may well be the key.
            section.problem("api_key_env", "must hold names of environment variables, not the keys themselves")
        }
        let limit = section.optionalInteger("max_concurrent", concurrencies)
        var isEnabled = true
        section.bool("enabled", into: &isEnabled)
        var (timeouts, modelTimeouts) = (common.timeouts, common.modelTimeouts)
        section.section("timeouts") { section in
            timeouts = timeouts.changed(by: TimeoutReader.changes(&section))
            let own = TimeoutReader.models(&section)
            // Those that have none of their own share the same list, and can be seen to.
            if !own.isEmpty { modelTimeouts = own + modelTimeouts }
        }
        let options = section.names("options", of: "what the adapter takes, by name")
        var secretOptions: [String] = []
        section.strings("secret_options", limit: TextLimits.option, into: &secretOptions)
        for path in secretOptions where SecretOptions.values(at: path, of: options).isEmpty {
            section.problem("secret_options", "\(ConfigurationProblem.quoted(path)) is none of this backend's options")
        }
        guard let name, let type, let url else { return nil }
        var backend = Configuration.Backend(name: name, type: type, url: url)
        backend.priority = priority
        backend.apiKeyEnv = keyVariables
        backend.maxConcurrent = limit
        backend.isEnabled = isEnabled
        backend.timeouts = timeouts
        backend.modelTimeouts = modelTimeouts
        backend.secretOptions = secretOptions
        backend.options = String(decoding: JSONValue.object(options).bytes, as: UTF8.self)
        return backend
    }

    /// For messages: without what could be a password or a key in it.
    private static func shown(_ url: String) -> String {
        let isSafe = url.utf8.count <= 200 && !url.utf8.contains { "@?#".utf8.contains($0) }
        return isSafe ? "\"\(url)\"" : "this"
    }

    /// POSIX, Base Definitions, section 8.1, and small letters.
    static func isVariableName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F
        }
    }

    private static func checkNames(_ backends: [Configuration.Backend], _ problems: ProblemList) {
        var seen: Set<String> = []
        for (index, backend) in backends.enumerated() {
            if !seen.insert(backend.name).inserted {
                problems.add(
                    "backends[\(index)].name",
                    "\(ConfigurationProblem.quoted(backend.name)) is taken by another backend; names must differ")
            }
            checkName(backend.name, "backends[\(index)].name", problems)
        }
    }

    static func checkName(_ name: String, _ key: String, _ problems: ProblemList) {
        if name == HistoryEntry.noBackend || name.utf8.contains(where: { $0 < 0x20 || $0 >= 0x7F }) {
            problems.add(key, "must be printable ASCII and not \"\(HistoryEntry.noBackend)\"")
        }
    }
}
