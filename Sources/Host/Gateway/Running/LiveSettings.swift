import Core
import NIOCore

/// The part of the configuration that each request needs and that can change while the gateway runs. Each loop has a copy.
struct LiveSettings: Sendable {
    let routing: Configuration.Routing
    let aliases: ModelAliases
    let timeouts: Configuration.Timeouts
    let modelTimeouts: [Configuration.ModelTimeouts]
    let maximumBody: Int
    let maximumAttempts: Int
    /// A second backend is asked when an answer is late.
    let hedges: Bool
    let border: BrowserBorder
    /// Bytes of requests and answers in memory, all connections together.
    let maximumMemory: Int
    let addressLimit: AddressLimit
    /// After how long without a sign a stream's client gets a comment; nil: never.
    let keepAlive: TimeAmount?
    let queue: Configuration.Queue
    /// Operators may watch the text of exchanges.
    let showsContent: Bool
    /// Which bodies are kept; nil: none.
    let captures: Configuration.Captures?
    let keyring: Keyring
    /// What the page shows needs no sign-in.
    let isDashboardPublic: Bool
    /// Which requests are traced; nil: none.
    let sampling: TraceSampling?
    /// Where spans are sent; nil: nowhere.
    let tracing: Configuration.Tracing?

    /// - Parameter keys: those before, whose usage goes on.
    init(_ configuration: Configuration, keys: Keyring? = nil) {
        let access = configuration.access
        let keyring = Keyring(access.keys, isRequired: access.isRequired, before: keys)
        self.keyring = keys.flatMap { $0.isSame(as: keyring) ? $0 : nil } ?? keyring
        captures = configuration.captures.enabled ? configuration.captures : nil
        isDashboardPublic = access.isDashboardPublic
        tracing = configuration.tracing.otlp == nil ? nil : configuration.tracing
        sampling = tracing.map { TraceSampling(ratio: $0.sampleRatio) }
        routing = configuration.routing
        aliases = ModelAliases(routing.aliases, fallbacks: routing.fallbacks)
        timeouts = configuration.timeouts
        modelTimeouts = configuration.modelTimeouts
        queue = configuration.queue
        showsContent = configuration.dashboard.showContent
        maximumBody = configuration.server.maxBodyBytes
        maximumAttempts = 1 + configuration.routing.maxRetries
        hedges = configuration.routing.hedge
        border = BrowserBorder(
            hostnames: configuration.server.hostnames + [configuration.server.host],
            allowedOrigins: configuration.server.allowedOrigins)
        maximumMemory = configuration.server.maxMemoryBytes ?? MachineMemory.share
        addressLimit = AddressLimit(configured: configuration.server.maxConnectionsPerAddress)
        let seconds = configuration.server.streamKeepAlive
        keepAlive = seconds == .zero ? nil : TimeAmount(seconds)
    }
}
