import Core
import Foundation
import Testing

@testable import Config

private func read(_ text: String) throws(ConfigurationError) -> Configuration {
    try ConfigurationReader.read(text, source: "test.toml")
}

private func problems(_ text: String) -> [ConfigurationProblem] {
    do throws(ConfigurationError) {
        _ = try read(text)
        return []
    } catch {
        return error.problems
    }
}

@Suite struct ConfigurationReaderTests {
    @Test func aListOfAllowedAdaptersIsReadAndOneThatIsEmptyIsOne() throws {
        let (one, two) = (String(repeating: "a", count: 64), String(repeating: "B", count: 64))
        let list = try read("[adapters.allow]\n\"x.so\" = \"\(one)\"\n\"y.so\" = [\"\(one)\", \"sha256:\(two)\"]")
            .adapters.allow

        #expect(list?.files.mapValues { $0.map(\.text) } == ["x.so": [one], "y.so": [one, two.lowercased()]])
        #expect(try read("[adapters]\nallow = {}").adapters.allow == AdapterAllowList())
        #expect(try read("[adapters]").adapters.allow == nil)
        #expect(try read("[adapters]\nquarantine_after = 0").adapters.quarantineAfter == 0)
    }

    @Test func whatTheAdapterIsToldInTheWrongPlaceIsSentToTheRightOne() {
        let backend = "[[backends]]\nname = \"a\"\ntype = \"openai\"\nurl = \"http://a\"\n"

        #expect(problems(backend + "models = [\"m\"]").first?.message.contains("goes into options") == true)
        #expect(problems(backend + "priorty = 1").first?.message.contains("goes into options") == false)
        #expect(problems("[queue]\nmodels = 1").first?.message.contains("goes into options") == false)
    }

    @Test func componentsOfTheLogHaveLevelsOfTheirOwn() throws {
        let logging = try read(
            "[logging]\nlevel = \"warning\"\nrequests = \"errors\"\n[logging.levels]\nrouting = \"debug\""
        ).logging

        #expect(
            logging.requests == .errors && logging.level(of: .routing) == .debug
                && logging.level(of: .gateway) == .warning)
        let wrong = problems("[logging.levels]\nroutin = \"debug\"\nbackends = \"loud\"")
        #expect(wrong.map(\.key) == ["logging.levels.backends", "logging.levels.routin"])
        #expect(wrong[1].message.contains("did you mean \"routing\"?") && wrong.map(\.line) == [3, 2])
    }

    @Test func aFileThatWantsJSONHasItsProblemsToldAsJSON() {
        #expect { try read("[logging]\nformat = \"json\"\nlevel = 1") } throws: {
            ($0 as? ConfigurationError)?.wantsJSON == true
        }
        #expect { try read("[logging]\nlevel = 1") } throws: { ($0 as? ConfigurationError)?.wantsJSON == false }
    }

    @Test func anEmptyFileGivesTheDefaults() throws {
        #expect(try read("") == Configuration())
    }

    @Test func theFileOfConfigInitGivesTheDefaults() throws {
        #expect(try read(DefaultFile.text) == Configuration())
    }

    @Test func everyKeyIsRead() throws {
        let configuration = try read(
            """
            [server]
            host = "0.0.0.0"
            port = 9
            max_body_bytes = 2048
            shutdown_timeout_seconds = 0
            shutdown_delay_seconds = 2.5
            tls_certificate = "c"
            tls_key = "k"
            tls_client_ca = "o"
            allowed_origins = ["https://a"]
            [timeouts]
            connect_seconds = 0.5
            first_byte_seconds = 30
            gap_seconds = 0
            total_seconds = 1.5
            [adapters]
            directories = ["/x"]
            watch = false
            [health_check]
            enabled = false
            interval_seconds = 2
            timeout_seconds = 1
            failure_threshold = 1
            recovery_threshold = 4
            [breaker]
            enabled = false
            failure_rate_percent = 70
            minimum_requests = 4
            window_seconds = 12
            open_seconds = 2.5
            max_open_seconds = 60
            half_open_requests = 2
            [routing]
            strategy = "least_loaded"
            max_retries = 0
            retry_budget_percent = 35
            retry_budget_minimum = 7
            hedge = true
            [routing.weights]
            priority = 1
            load = 2
            latency = 3
            [routing.aliases]
            "gpt-4o" = "llama3:8b"
            [routing.fallbacks]
            "a" = ["b", "c"]
            [queue]
            enabled = false
            max_size = 1
            max_wait_seconds = 2
            [[backends]]
            name = "one"
            type = "openai"
            url = "https://h:1/base/"
            priority = 3
            api_key_env = "KEY"
            max_concurrent = 4
            [backends.timeouts]
            connect_seconds = 9
            total_seconds = 0
            [backends.options]
            flavor = "vllm"
            [history]
            capacity = 7
            [captures]
            enabled = true
            keys = ["app*"]
            models = "llama*"
            errors_only = true
            max_body_bytes = 2048
            max_count = 9
            keep_days = 3
            keep_bytes = 2000000
            redact = ["messages.*.content"]
            key_env = "NEXUS_CAPTURES_KEY"
            database = "/x/captures.db"
            [logging]
            level = "debug"
            format = "json"
            [tracing]
            otlp = "http://collector:4318/base/"
            sample_ratio = 0.25
            service_name = "gateway-1"
            """)

        #expect(
            configuration.timeouts.connect == .milliseconds(500) && configuration.timeouts.firstByte == .seconds(30))
        #expect(configuration.timeouts.gap == nil && configuration.timeouts.total == .milliseconds(1500))
        #expect(configuration.server.tlsClientCA == "o")
        #expect(configuration.server.tlsKey == "k" && configuration.server.allowedOrigins == ["https://a"])
        #expect(configuration.adapters.directories == ["/x"] && !configuration.adapters.watch)
        #expect(configuration.healthCheck.recoveryThreshold == 4 && !configuration.healthCheck.enabled)
        let breaker = configuration.breaker
        #expect(!breaker.enabled && breaker.failureRatePercent == 70 && breaker.minimumRequests == 4)
        #expect(
            breaker.window == .seconds(12) && breaker.open == .milliseconds(2500) && breaker.maxOpen == .seconds(60))
        #expect(breaker.halfOpenRequests == 2)
        #expect(configuration.routing.retryBudgetPercent == 35 && configuration.routing.retryBudgetMinimum == 7)
        #expect(configuration.routing.hedge && !Configuration.Routing().hedge)
        #expect(configuration.routing.strategy == .leastLoaded && configuration.routing.weights.latency == 3)
        #expect(configuration.routing.aliases == ["gpt-4o": "llama3:8b"])
        #expect(configuration.routing.fallbacks == ["a": ["b", "c"]])
        #expect(configuration.queue.maxSize == 1 && configuration.history.capacity == 7)
        var captures = Configuration.Captures()
        captures.enabled = true
        (captures.keys, captures.models, captures.errorsOnly) = (["app*"], ["llama*"], true)
        (captures.maxBodyBytes, captures.maxCount, captures.keepDays, captures.keepBytes) = (2048, 9, 3, 2_000_000)
        captures.redact = [RedactionRule("messages.*.content")].compactMap { $0 }
        (captures.keyEnv, captures.database) = ("NEXUS_CAPTURES_KEY", "/x/captures.db")
        #expect(configuration.captures == captures)
        #expect(configuration.logging.level == .debug && configuration.logging.format == .json)
        #expect(configuration.server.shutdownDelay == .milliseconds(2500))
        #expect(configuration.tracing.otlp?.description == "http://collector:4318/base")
        #expect(configuration.tracing.sampleRatio == 0.25 && configuration.tracing.serviceName == "gateway-1")
        let backend = try #require(configuration.backends.first)
        #expect(backend.url.description == "https://h:1/base" && backend.priority == 3)
        #expect(backend.timeouts.connect == .seconds(9) && backend.timeouts.total == nil)
        #expect(backend.timeouts.firstByte == .seconds(30) && backend.timeouts.gap == nil)
        #expect(backend.apiKeyEnv == ["KEY"] && backend.maxConcurrent == 4 && backend.options == #"{"flavor":"vllm"}"#)
    }

    @Test func withoutTimeoutsConnectingAndPausesAreBoundedAndNothingElse() throws {
        let timeouts = try read("").timeouts

        #expect(timeouts.connect == .seconds(5) && timeouts.gap == .seconds(120))
        #expect(timeouts.firstByte == nil && timeouts.total == nil)
    }

    @Test func theOlderNameOfTheTotalIsStillRead() throws {
        let configuration = try read(
            "[server]\nrequest_timeout_seconds = 20\n[[backends]]\nname = \"a\"\ntype = \"t\"\nurl = \"http://h\"")

        #expect(configuration.timeouts.total == .seconds(20))
        #expect(configuration.backends.first?.timeouts.total == .seconds(20))
        #expect(try read("[server]\nrequest_timeout_seconds = 0").timeouts.total == nil)
    }

    @Test func bothNamesOfTheTotalAreOneTooMany() {
        let found = problems("[server]\nrequest_timeout_seconds = 20\n[timeouts]\ntotal_seconds = 20")

        #expect(found.map(\.key) == ["server.request_timeout_seconds"] && found.first?.line == 2)
        #expect(found.first?.message.contains("older name of timeouts.total_seconds") == true)
    }

    @Test func theLeastTimeIsNotNone() throws {
        #expect(try read("[timeouts]\ngap_seconds = 0.0001").timeouts.gap == .milliseconds(1))
    }

    @Test func anUnknownKeyIsNamedWithItsLineAndWhatWasMeant() {
        let found = problems("[server]\nhost = \"a\"\nprot = 1\n")

        #expect(found.count == 1)
        #expect(found.first?.key == "server.prot" && found.first?.line == 3)
        #expect(found.first?.message.contains("did you mean \"port\"?") == true)
    }

    @Test(arguments: [
        ("[server]\nport = 65536", "server.port", "0 to 65535"),
        ("[server]\nport = \"80\"", "server.port", "whole number"),
        ("[health_check]\ninterval_seconds = 0", "health_check.interval_seconds", "1 to 86400"),
        ("[breaker]\nfailure_rate_percent = 0", "breaker.failure_rate_percent", "1 to 100"),
        ("[breaker]\nopen_seconds = 60\nmax_open_seconds = 10", "breaker.max_open_seconds", "must not be less"),
        ("[breaker]\nopen_seconds = 600", "breaker.open_seconds", "must not be less"),
        ("[routing]\nretry_budget_percent = 101", "routing.retry_budget_percent", "0 to 100"),
        ("[timeouts]\nconnect_seconds = -1", "timeouts.connect_seconds", "0 to 86400"),
        ("[timeouts]\ngap_seconds = nan", "timeouts.gap_seconds", "0 to 86400"),
        ("[server]\nrequest_timeout_seconds = 86401", "server.request_timeout_seconds", "0 to 86400"),
        ("[routing]\nstrategy = \"best\"", "routing.strategy", "\"smart\""),
        ("[logging]\nlevel = \"loud\"", "logging.level", "\"info\""),
        ("[tracing]\notlp = \"https://c:4318\"", "tracing.otlp", "plain http alone"),
        ("[tracing]\notlp = \"c:4318\"", "tracing.otlp", "must start with http://"),
        ("[tracing]\notlp = \"http://c:4318/v1/traces\"", "tracing.otlp", "without /v1/traces"),
        ("[tracing]\nsample_ratio = 1.5", "tracing.sample_ratio", "from 0 to 1"),
        ("[tracing]\nservice_name = \"\"", "tracing.service_name", "non-empty"),
        ("[server]\nshutdown_delay_seconds = 601", "server.shutdown_delay_seconds", "0 to 600"),
        ("[adapters]\nwatch = 1", "adapters.watch", "true or false"),
        ("[adapters]\nquarantine_after = 101", "adapters.quarantine_after", "0 to 100"),
        ("[adapters]\nallow = true", "adapters.allow", "must be a table"),
        ("[adapters.allow]\n\"x.so\" = \"12\"", "adapters.allow.x.so", "64 hexadecimal digits"),
        ("[adapters.allow]\n\"x.so\" = []", "adapters.allow.x.so", "nexus adapter hash"),
        (
            "[adapters.allow]\n\"/a/x.so\" = \"\(String(repeating: "a", count: 64))\"", "adapters.allow./a/x.so",
            "without its directory"
        ),
        ("[adapters]\ndirectories = \"x\"", "adapters.directories", "array"),
        ("[upstream]\nca_file = \"/nowhere/ca.pem\"", "upstream.ca_file", "cannot be read: No such file"),
        ("[upstream]\nca_file = \"/dev/null\"", "upstream.ca_file", "no certificate"),
        ("[server]\ntls_key = \"k\"", "server.tls_key", "together"),
        ("[server]\ntls_client_ca = \"o\"", "server.tls_client_ca", "over TLS alone"),
        ("server = 1", "server", "[server]"), ("[backends]\nname = \"a\"", "backends", "[[backends]]"),
        ("[routing.aliases]\na = \"b\"\nb = \"a\"", "routing.aliases.a", #""a" -> "b" -> "a""#),
        ("[routing.aliases]\na = \"a\"", "routing.aliases.a", "leads back to itself"),
        (
            "[routing.aliases]\na = [\"x\", \"b\"]\nb = \"c\"\nc = \"d\"\nd = \"m\"", "routing.aliases.a",
            #"more than 3 aliases: "a" -> "b" -> "c" -> "d""#
        ),
        (
            "[routing.fallbacks]\na = [\"b\"]\nb = [\"c\"]\nc = [\"a\"]", "routing.fallbacks.a",
            #""a" -> "b" -> "c" -> "a""#
        ),
        ("[routing.aliases]\na = \"m\"\n[routing.fallbacks]\nm = [\"a\"]", "routing.aliases.a", #""a" -> "m" -> "a""#),
        ("[routing.aliases]\na = []", "routing.aliases.a", "must be the name"),
        ("[routing.aliases]\na = [\"x\", {model = \"y\"}]", "routing.aliases.a", "not both"),
        ("[routing.aliases]\na = [{weight = 2}]", "routing.aliases.a[0].model", "missing"),
        ("[routing.aliases]\na = [{model = \"x\", weight = 0}]", "routing.aliases.a[0].weight", "1 to 1000000"),
        ("[routing.aliases]\na = [{model = \"x\", wieght = 1}]", "routing.aliases.a[0].wieght", "did you mean"),
        ("[routing.aliases]\na = [{model = \"x\", backend = \"y\"}]", "routing.aliases.a", "none of [[backends]]"),
        ("[routing.fallbacks]\na = [\"a\"]", "routing.fallbacks.a", "itself"),
    ]) func aBadValueIsNamedWithWhatIsAllowed(_ text: String, _ key: String, _ allowed: String) {
        let problem = problems(text).first { $0.key == key }
        #expect(problem?.message.contains(allowed) == true, "\(problems(text))")
        #expect(problem?.line != nil)
    }

    @Test func aFileOfAuthoritiesIsNamedByItsPath() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("nexus-\(UUID().uuidString).pem")
        try Data("-----BEGIN CERTIFICATE-----\n".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }

        #expect(try read("[upstream]\nca_file = \"\(file.path)\"").upstream.caFile == file.path)
    }

    @Test func backendsAreCheckedOneByOne() {
        let found = problems(
            """
            [[backends]]
            name = "a"
            type = "openai"
            url = "http://x"

            [[backends]]
            name = "a"
            url = "ftp://y"
            [backends.options]
            z = 1
            """)

        #expect(found.map(\.key).sorted() == ["backends[1].type", "backends[1].url"])
        #expect(found.first { $0.key == "backends[1].url" }?.line == 8)
    }

    private static func text(_ key: String, _ value: String) -> String {
        let members = ["name": "\"a\"", "type": "\"openai\"", "url": "\"http://x\""].merging([key: value]) { $1 }
        return "[[backends]]\n" + members.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)\n" }.joined()
    }

    private static let limited: [(key: String, text: @Sendable (String) -> String, limit: Int)] = [
        ("backends[0].name", { text("name", "\"\($0)\"") }, 256),
        ("backends[0].type", { text("type", "\"\($0)\"") }, 256),
        ("backends[0].url", { text("url", "\"http://\($0)\"") }, 2048),
        ("backends[0].api_key_env", { text("api_key_env", "[\"\($0)\"]") }, 256),
        ("backends[0].secret_options", { text("secret_options", "[\"\($0)\"]") }, 1024),
        ("server.host", { "[server]\nhost = \"\($0)\"" }, 512),
        ("server.hostnames", { "[server]\nhostnames = [\"\($0)\"]" }, 512),
        ("server.allowed_origins", { "[server]\nallowed_origins = [\"\($0)\"]" }, 512),
        ("server.tls_key", { "[server]\ntls_certificate = \"c\"\ntls_key = \"\($0)\"" }, 4096),
        ("server.tls_certificate", { "[server]\ntls_key = \"k\"\ntls_certificate = \"\($0)\"" }, 4096),
        ("upstream.ca_file", { "[upstream]\nca_file = \"\($0)\"" }, 4096),
        ("adapters.directories", { "[adapters]\ndirectories = [\"\($0)\"]" }, 4096),
    ]

    @Test(arguments: 0..<limited.count) func noTextIsLongerThanItsLimit(_ index: Int) {
        let (key, text, limit) = Self.limited[index]
        let found = problems(text(String(repeating: "a", count: 900_000)))
        #expect(found.map(\.key) == [key] && found.first?.message == "is longer than \(limit) bytes")
    }

    @Test func aNameMayHaveAsManyBytesAsItsLimit() throws {
        let name = String(repeating: "a", count: 256)
        #expect(try read(Self.text("name", "\"\(name)\"")).backends.first?.name == name)
        let model = String(repeating: "m", count: 1024)
        #expect(
            try read("[routing.aliases]\na = \"\(model)\"").routing.aliases["a"]
                == ModelAlias([ModelAlias.Target(model)]))
        #expect(problems("[routing.aliases]\na = \"\(model)m\"").map(\.key) == ["routing.aliases.a"])
        #expect(problems("[routing.fallbacks]\na = [\"\(model)m\"]").map(\.key) == ["routing.fallbacks.a"])
    }

    @Test(arguments: ["hostnames", "allowed_origins"]) func noListIsLongerThanItsLimit(_ key: String) {
        func text(_ count: Int) -> String {
            "[server]\n\(key) = [" + Array(repeating: "\"a\"", count: count).joined(separator: ",") + "]"
        }
        #expect(problems(text(1000)).isEmpty)
        #expect(problems(text(1001)).map(\.message) == ["has more than 1000 entries"])
    }

    @Test func whatIsToldOfAValueIsCut() {
        let long = String(repeating: "a", count: 400)
        let host = problems("[server]\nhostnames = [\"\(long)\"]").first
        #expect(host?.message.contains("\"\(String(repeating: "a", count: 200))…\" is no host name") == true)
        let key = String(repeating: "k", count: 900)
        let unknown = problems("[\(key)]\n\(key) = 1\n[server]\n\(key) = 1").map(\.description)
        #expect(unknown.count == 2 && unknown.allSatisfy { $0.utf8.count < 1400 && $0.contains("kk…") })
    }

    @Test func aPipeIsNoFileOfAuthorities() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("nexus-\(UUID().uuidString)").path
        #expect(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        #expect(problems("[upstream]\nca_file = \"\(path)\"").first?.message.hasSuffix("it is no regular file") == true)
    }

    @Test func namesOfBackendsDiffer() {
        let text = (0..<2).map { _ in "[[backends]]\nname = \"a\"\ntype = \"t\"\nurl = \"http://x\"\n" }.joined()
        #expect(problems(text).map(\.key) == ["backends[1].name"])
    }

    @Test func whatMayBeASecretIsNotRepeated() {
        let found = problems(
            """
            [[backends]]
            name = "a"
            type = "openai"
            url = "https://user:pass-word-1@host"
            api_key_env = ["GOOD", "sk-pass-word-2"]
            [[backends]]
            name = "b"
            type = "openai"
            url = "https://host/?key=pass-word-3"
            """)

        #expect(found.map(\.key) == ["backends[0].url", "backends[0].api_key_env", "backends[1].url"])
        #expect(found.first?.message.contains("it must not hold a user or password; use api_key_env") == true)
        #expect(!"\(found)".contains("pass-word"))
        #expect(!"\(problems("a = 123456789012345678901234567890"))".contains("4567890"))
    }

    @Test func optionsAreMarkedAsSecretByTheirPlace() throws {
        let start = "[[backends]]\nname = \"a\"\ntype = \"t\"\nurl = \"http://x\"\n"
        let options = "[backends.options.login]\npin = 1\n\"a.b\" = {c = 2}\n"
        let marked = try read(start + "secret_options = [\"login.pin\", \"login.a.b.c\"]\n" + options)

        #expect(marked.backends.first?.secretOptions == ["login.pin", "login.a.b.c"])
        let found = problems(start + "secret_options = [\"login.pim\", \"pin\"]\n" + options)
        #expect(found.map(\.key) == ["backends[0].secret_options", "backends[0].secret_options"])
    }

    @Test func numbersThatJSONDoesNotHaveAreNone() {
        #expect(
            problems("[server]\nstream_keep_alive_seconds = inf").map(\.key) == ["server.stream_keep_alive_seconds"])
        #expect(problems("[server]\nstream_keep_alive_seconds = nan").count == 1)
    }

    @Test func ofVeryManyProblemsTheFirstAreTold() {
        let found = problems((0..<20_000).map { "k\($0) = 1\n" }.joined())
        #expect(found.count == 101 && found.last?.message == "19900 more problems")
    }

    @Test func aLineEndOfTwoCharactersCountsOnce() {
        #expect(problems("[server]\r\nhost = \"a\"\r\nprot = 1\r\n").first?.line == 3)
    }

    @Test func allProblemsAreToldAtOnce() {
        #expect(problems("[server]\nport = -1\nhots = \"a\"\n[queue]\nmax_size = -1").count == 3)
    }

    @Test func textThatIsNotTOMLIsToldWithItsLine() {
        let found = problems("[server]\nport = = 1\n")
        #expect(found.count == 1 && found.first?.line == 2)
    }
}

@Suite struct ConfigurationLoaderTests {
    @Test func filesAreLookedForInTheFolderOfTheUserAndOfTheSystem() throws {
        #expect(
            ConfigurationLoader.places(["HOME": "/h"]) == [
                "nexus.toml", "/h/.config/nexus/nexus.toml", "/etc/nexus/nexus.toml",
            ])
        #expect(ConfigurationLoader.places(["HOME": "/h", "XDG_CONFIG_HOME": "/x"])[1] == "/x/nexus/nexus.toml")
        #expect(ConfigurationLoader.places(["XDG_CONFIG_HOME": "relative"]) == ["nexus.toml", "/etc/nexus/nexus.toml"])
        #expect(ConfigurationLoader.path(named: "a", ["NEXUS_CONFIG": "b"]) == "a")
        #expect(ConfigurationLoader.path(named: nil, ["NEXUS_CONFIG": "b"]) == "b")
    }

    @Test func theFirstFileThatIsThereCounts() throws {
        let folder = NSTemporaryDirectory() + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder + "/nexus", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try "[server]\nport = 4321\n".write(toFile: folder + "/nexus/nexus.toml", atomically: true, encoding: .utf8)
        let environment = ["XDG_CONFIG_HOME": folder, "NEXUS_CONFIG": ""]
        let loaded = try ConfigurationLoader.load(ConfigurationLoader.Flags(), environment: environment)
        #expect(loaded.path == folder + "/nexus/nexus.toml" && loaded.configuration.server.port == 4321)
    }

    @Test func flagsGoOverTheEnvironment() throws {
        var flags = ConfigurationLoader.Flags()
        flags.port = 1
        flags.adapterDirectories = ["/flag"]
        let loaded = try ConfigurationLoader.load(
            flags,
            environment: [
                "NEXUS_PORT": "2", "NEXUS_HOST": "h", "NEXUS_ADAPTERS_DIR": "/a:/b", "NEXUS_LOG_LEVEL": "error",
            ])

        #expect(loaded.configuration.server.port == 1 && loaded.configuration.server.host == "h")
        #expect(loaded.configuration.adapters.directories == ["/flag"])
        #expect(loaded.configuration.logging.level == .error)
        #expect(loaded.configuration.discover)
    }

    @Test func aBadVariableIsNamed() {
        #expect {
            try ConfigurationLoader.load(ConfigurationLoader.Flags(), environment: ["NEXUS_PORT": "x"])
        } throws: { "\($0)".contains("NEXUS_PORT") }
    }

    private func file(_ text: String?) throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("nexus-\(UUID().uuidString).toml").path
        try text?.write(toFile: path, atomically: false, encoding: .utf8)
        return path
    }

    @Test func aFileThatWasThereMustBeThereAgain() throws {
        let path = try file("[server]\nport = 7\n")
        let before = ConfigurationLoader.Loaded(configuration: Configuration(), path: path)
        let again = try ConfigurationLoader.load(ConfigurationLoader.Flags(), environment: [:], before: before)
        #expect(again.configuration.server.port == 7 && again.path == path)

        try FileManager.default.removeItem(atPath: path)
        #expect {
            try ConfigurationLoader.load(ConfigurationLoader.Flags(), environment: [:], before: before)
        } throws: { "\($0)".contains("cannot be read: No such file") }
    }

    @Test func aSourceReadsTheFileOnceItIsAtRest() async throws {
        let path = try file("")
        defer { try? FileManager.default.removeItem(atPath: path) }
        var flags = ConfigurationLoader.Flags()
        flags.config = path
        let source = ConfigurationSource(flags) { [:] }
        #expect(try source.load().backends.isEmpty)

        async let later = source.loadAtRest()
        try "[server]\nport = 7\n".write(toFile: path, atomically: false, encoding: .utf8)
        #expect(try await later.server.port == 7)
    }

    @Test func aFileThatIsTooLargeIsNotRead() throws {
        let path = try file(String(repeating: "# comment\n", count: 200_000))
        defer { try? FileManager.default.removeItem(atPath: path) }
        var flags = ConfigurationLoader.Flags()
        flags.config = path
        #expect { try ConfigurationLoader.load(flags, environment: [:]) } throws: { "\($0)".contains("too large") }
    }

    @Test func directoriesThatAreNotThereAreKeptAndEachIsThereOnce() {
        #expect(AdapterDirectories.distinct(["/usr/lib", "/usr/./lib", "/nowhere/a"]) == ["/usr/lib", "/nowhere/a"])
        #expect(AdapterDirectories.standard.suffix(1) == ["/usr/lib/nexus/adapters"])
    }

    @Test func adaptersMayLieBesideTheProgramButNotAmongTheProgramsOfASystem() {
        #expect(AdapterDirectories.candidates(executable: "/home/a/nexus/nexus").first == "/home/a/nexus")
        for folder in ["/usr/bin", "/usr/local/bin", "/bin", "/home/a/.local/bin"] {
            let found = AdapterDirectories.candidates(executable: "\(folder)/nexus")
            #expect(!found.contains(folder))
            #expect(found.first == "\(folder.dropLast("/bin".count))/lib/nexus/adapters")
        }
        #expect(AdapterDirectories.candidates(executable: nil).last == "/usr/lib/nexus/adapters")
    }

    @Test func aNamedFileMustBeThere() {
        var flags = ConfigurationLoader.Flags()
        flags.config = "/nowhere/nexus.toml"
        #expect { try ConfigurationLoader.load(flags, environment: [:]) } throws: { "\($0)".contains("cannot be read") }
    }
}

@Suite struct BackendURLTests {
    @Test(arguments: [
        ("http://a", "a", 80, ""), ("HTTPS://A.b", "a.b", 443, ""), ("http://a:8080/", "a", 8080, ""),
        ("http://[::1]:1/v1/", "::1", 1, "/v1"), ("http://10.0.0.1:65535/x/y", "10.0.0.1", 65535, "/x/y"),
    ]) func anAddressIsTakenApart(_ text: String, _ host: String, _ port: Int, _ path: String) throws {
        let url = try BackendURL(text)
        #expect(url.host == host && url.port == port && url.path == path)
        #expect(try BackendURL(url.description) == url)
    }

    @Test(arguments: [
        "", "a", "ftp://a", "http://", "http://a:0", "http://a:65536", "http://a:b", "http://u:p@a", "http://a?x",
        "http://a#x", "http://a b", "http://[::1", "http://[zz]", "http://a/\n", "http://ü",
    ]) func whatIsNoAddressIsRefused(_ text: String) {
        #expect(throws: BackendURL.Malformed.self) { try BackendURL(text) }
    }
}
