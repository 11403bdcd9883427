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
    /// After how long without a sign a stream's client gets a comment; nil: never.
    let keepAlive: TimeAmount?
    let queue: Configuration.Queue

    init(_ configuration: Configuration) {
        routing = configuration.routing
        aliases = ModelAliases(routing.aliases, fallbacks: routing.fallbacks)
        timeouts = configuration.timeouts
        modelTimeouts = configuration.modelTimeouts
        queue = configuration.queue
        maximumBody = configuration.server.maxBodyBytes
        maximumAttempts = 1 + configuration.routing.maxRetries
        hedges = configuration.routing.hedge
        border = BrowserBorder(
            hostnames: configuration.server.hostnames + [configuration.server.host],
            allowedOrigins: configuration.server.allowedOrigins)
        maximumMemory = configuration.server.maxMemoryBytes ?? MachineMemory.share
        let seconds = configuration.server.streamKeepAlive
        keepAlive = seconds == .zero ? nil : TimeAmount(seconds)
    }
}
