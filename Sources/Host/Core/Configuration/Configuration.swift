/// Everything that an operator can set, checked. The defaults are those of a missing file. How it is read from a
/// file, the environment and flags is the business of the module Config.
public struct Configuration: Sendable, Equatable {
    public var server = Server()
    public var timeouts = Timeouts()
    /// Those of models, at any backend, in the order in which they count.
    public var modelTimeouts: [ModelTimeouts] = []
    public var upstream = Upstream()
    public var adapters = Adapters()
    public var healthCheck = HealthCheck()
    public var breaker = Breaker()
    public var routing = Routing()
    public var queue = Queue()
    public var backends: [Backend] = []
    public var access = Access()
    public var history = History()
    public var captures = Captures()
    public var dashboard = Dashboard()
    public var logging = Logging()
    public var tracing = Tracing()
    /// Nothing names a backend: ask the adapters for addresses where servers listen by default.
    public var discover = false
    /// Where changes of backends are kept that are made at runtime; nil: there is no place for them.
    public var stateFile: String?

    public init() {}

    /// What operators are shown.
    public struct Dashboard: Sendable, Equatable {
        /// Operators may watch the text of requests under way.
        public var showContent = false

        public init() {}
    }

    public struct Server: Sendable, Equatable {
        /// Address to listen on.
        public var host = "127.0.0.1"
        /// 0...65535; 0 takes any free port.
        public var port = 8000
        /// After how long the client of a stream that has not begun gets a comment, so that nothing between takes the
        /// connection for dead; 1 s to 1 h, 0: never.
        public var streamKeepAlive = Duration.seconds(15)
        /// Bytes of a request's body; 1 KiB to 1 GiB.
        public var maxBodyBytes = 32 * 1024 * 1024
        /// How long running exchanges may go on after SIGTERM; 0 s to 1 h.
        public var shutdownTimeout = Duration.seconds(30)
        /// How long after SIGTERM connections are still accepted while `/readyz` says that the gateway is not ready; 0 s to 10 min.
        public var shutdownDelay = Duration.zero
        /// Paths of PEM files; both or none.
        public var tlsCertificate: String?
        public var tlsKey: String?
        /// Path of a PEM file with authorities: who shows a certificate of theirs is an operator; nil: none is asked for.
        public var tlsClientCA: String?
        /// Origins besides the gateway's own whose pages may use it, e.g. "https://ops.example"; "*" allows all.
        public var allowedOrigins: [String] = []
        /// Names under which browsers may reach the gateway, besides addresses, loopback names and names without a dot;
        /// "*.example.org" names all below one, "*" all.
        public var hostnames: [String] = []
        /// Bytes of requests and answers that may be in memory at once, all connections together; 64 MiB to 1 TiB,
        /// nil: a quarter of the machine's memory.
        public var maxMemoryBytes: Int?
        /// Connections that one client may have open, by its IPv4 address or IPv6 network (/64); up to 1,000,000, 0: as many as
        /// there are; nil: half of them for other machines, all for this one.
        public var maxConnectionsPerAddress: Int?

        public init() {}
    }

    /// How long things may take at backends; nil: any time. Each up to 24 h. Those of a backend override the gateway's.
    public struct Timeouts: Sendable, Hashable {
        /// Until a connection is there, TCP and TLS together.
        public var connect: Duration? = .seconds(5)
        /// From the request to the first byte of the answer's body. A comment of a stream counts.
        public var firstByte: Duration?
        /// Between two pieces of an answer.
        public var gap: Duration? = .seconds(120)
        /// From arrival of a request to the end of its answer; a stream that gives pieces is not cut by it.
        public var total: Duration?
        /// For a place; 1 s to 1 h, nil: `Queue.maxWait`. Of the backends that may serve a request the longest counts.
        public var queue: Duration?

        public init() {}
    }

    /// Connections to backends.
    public struct Upstream: Sendable, Equatable {
        /// Path of a PEM file with authorities to trust besides the system's; nil: the system's alone.
        public var caFile: String?

        public init() {}
    }

    public struct Adapters: Sendable, Equatable {
        /// Where adapters are looked for; empty: beside the executable, then the system's directories.
        public var directories: [String] = []
        /// Follow changes of the directories while running.
        public var watch = true
        /// Which files may be loaded; nil: all that are in the directories.
        public var allow: AdapterAllowList?
        /// Runs in a row that must have ended by a crash in an adapter until it is left out; 0...100, 0: never.
        public var quarantineAfter = 3
        /// Where crashes are kept between runs; nil: there is no place for them.
        public var quarantineFolder: String?

        public init() {}
    }

    public struct HealthCheck: Sendable, Equatable {
        /// Off: each backend is probed once, at the start.
        public var enabled = true
        /// Between two rounds of probes; 1 s to 24 h.
        public var interval = Duration.seconds(30)
        /// Between two probes of a backend that is not healthy, if that is shorter than `interval`; 1 s to 24 h.
        public var retryInterval = Duration.seconds(2)
        /// For one probe; 1 s to 10 min.
        public var timeout = Duration.seconds(5)
        /// Failures in a row that make a healthy backend unhealthy; 1...100.
        public var failureThreshold = 3
        /// Successes in a row that make an unhealthy backend healthy; 1...100.
        public var recoveryThreshold = 2

        public init() {}
    }

    /// When a backend whose requests fail is left alone, as long as another can serve.
    public struct Breaker: Sendable, Equatable {
        public var enabled = true
        /// Share of the attempts in a window that must have failed; 1...100.
        public var failureRatePercent = 50
        /// Attempts in a window below which nothing is concluded; 1...100,000.
        public var minimumRequests = 10
        /// 1 s to 1 h.
        public var window = Duration.seconds(30)
        /// How long it is left alone at first; each time that follows soon lasts twice as long. 1 s to 1 h.
        public var open = Duration.seconds(5)
        /// How long at the most; at least `open`. 1 s to 24 h.
        public var maxOpen = Duration.seconds(300)
        /// Requests that then try it; all of them must go well. 1...1000.
        public var halfOpenRequests = 3

        public init() {}
    }

    public struct Routing: Sendable, Equatable {
        public enum Strategy: String, Sendable, CaseIterable {
            case smart
            case roundRobin = "round_robin"
            case leastLoaded = "least_loaded"
            case priorityOnly = "priority_only"
            case random
        }

        /// How much each part of the smart strategy's score counts; 0...1000. See docs/routing.md for what it counts.
        public struct Weights: Sendable, Equatable {
            public var priority = 50
            public var load = 30
            public var latency = 20
            public var loaded = 25
            public var failures = 30
            public var errors = 30

            public init() {}
        }

        public var strategy = Strategy.smart
        public var weights = Weights()
        /// Other backends tried after a failure; 0...10.
        public var maxRetries = 2
        /// Retries of all requests together, as a share of the requests of the last ten seconds; 0...100.
        public var retryBudgetPercent = 20
        /// Retries within ten seconds that the budget always allows; 0...100,000.
        public var retryBudgetMinimum = 20
        /// A second backend is asked when an answer is late (`FirstTokenTimes`).
        public var hedge = false
        /// The share of attempts with a model at a backend that failed in the last five minutes, from which on the backend is asked
        /// for it only where no other can be; above 0, at most 1; nil: it is not looked at. It is `quality.error_rate_exclude`.
        public var errorRateExclude: Double?
        /// A client's name for a model = what it stands for.
        public var aliases: [String: ModelAlias] = [:]
        /// A model or an alias = models and aliases to try when no backend can serve it.
        public var fallbacks: [String: [String]] = [:]

        public init() {}
    }

    public struct Queue: Sendable, Equatable {
        public var enabled = true
        /// 0...100,000.
        public var maxSize = 100
        /// 1 s to 1 h.
        public var maxWait = Duration.seconds(30)
        /// Exchanges under way at once, all backends together; nil: no limit.
        public var maxConcurrent: Int?
        /// The same by the name of a model, or a pattern with `*`; models that share a pattern share its places.
        public var models: [String: Int] = [:]
        /// Wait also where a model's only backends are not healthy.
        public var waitForRestart = false

        public init() {}
    }

    public struct Backend: Sendable, Equatable {
        public var name: String
        /// An adapter's type, once it is known which one is meant.
        public var type: String
        /// What the operator has written as the type, where that is another word for it: the name of a kind of server.
        public var writtenType: String?
        public var url: BackendURL
        /// Lower wins; 0...1000.
        public var priority = 50
        /// Names of the environment variables that hold the API keys; the adapter goes to the next key when the server
        /// refuses one or has enough of it.
        public var apiKeyEnv: [String] = []
        /// API keys of one backend; the ABI's NEXUS_LIMIT_KEYS.
        public static let keyLimit = 64
        /// Exchanges at once; nil: no limit.
        public var maxConcurrent: Int?
        /// False: it is drained, and takes nothing new.
        public var isEnabled = true
        /// How the gateway came to know it, as in `DiscoverySource`.
        public var source = DiscoverySource.configured
        /// The gateway's, with what the backend overrides.
        public var timeouts = Timeouts()
        /// Those of models at it, in the order in which they count; the gateway's come behind its own.
        public var modelTimeouts: [ModelTimeouts] = []
        /// A JSON object for the adapter.
        public var options = "{}"
        /// Options that are secret, besides those that the adapter's schema marks: `a.b` is b within a.
        public var secretOptions: [String] = []

        public init(name: String, type: String, url: BackendURL) {
            self.name = name
            self.type = type
            self.url = url
        }
    }

    /// Who may do what.
    public struct Access: Sendable, Equatable {
        /// Those of the configuration and those of the keys file; no two have one name or one hash.
        public var keys: [KeyRule] = []
        /// Who shows no key is refused. So where keys are configured, and where there is a keys file, also one without a key: what
        /// was taken from the last one must not open the gateway to everybody.
        public var isRequired = false
        /// Where keys are kept that `nexus keys` has made; nil: there is no place for them.
        public var keysFile: String?
        /// That file, if somebody has named it and it is not there.
        public var missingKeysFile: String?
        /// Everybody may use the models who reaches the gateway, on other addresses than loopback, too.
        public var allowsUnauthenticated = false
        /// What the page shows needs no sign-in; what it changes does.
        public var isDashboardPublic = false

        public init() {}
    }

    public struct History: Sendable, Equatable {
        /// Exchanges that are remembered; 1...100,000.
        public var capacity = 100
        /// Path of the file that keeps what memory does not; nil: the usual place, empty: none.
        public var database: String?
        /// Days for which an exchange is kept in the file; 0...36,500, 0: for ever.
        public var keepDays = 90
        /// Bytes that the file may have; 16 MiB to 1 TiB.
        public var keepBytes = 1024 * 1024 * 1024

        public init() {}
    }

    /// Traces of requests for a collector of OpenTelemetry's.
    public struct Tracing: Sendable, Equatable {
        /// Where it takes OTLP over HTTP, without `/v1/traces` and without TLS; nil: nothing is traced.
        public var otlp: BackendURL?
        /// Share of the traces that begin here which are recorded; 0...1. Where a caller traces, it decides.
        public var sampleRatio = 1.0
        /// `service.name`.
        public var serviceName = "nexus"

        public init() {}
    }
}
