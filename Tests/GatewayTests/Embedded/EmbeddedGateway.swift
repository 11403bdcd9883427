import AdapterHost
import Core
import Logging
import NIOCore
import NIOEmbedded
import NIOSSL

@testable import Gateway

/// A gateway on one event loop with virtual time, whose clients are embedded channels and whose backends the test drives.
final class EmbeddedGateway {
    let eventLoop = EmbeddedEventLoop()
    let state: GatewayState
    let loop: LoopState
    private let timeouts: Configuration.Timeouts
    private let modelTimeouts: [Configuration.ModelTimeouts]

    init(work: WorkPool = .gateway, _ change: (inout Configuration) -> Void = { _ in }) {
        var configuration = Configuration()
        configuration.routing.strategy = .priorityOnly
        change(&configuration)
        timeouts = configuration.timeouts
        modelTimeouts = configuration.modelTimeouts
        let broadcaster = Broadcaster()
        let registry = Registry(
            failureThreshold: 1, recoveryThreshold: 1, breaker: configuration.breaker, broadcaster: broadcaster
        ) { _ in }
        state = GatewayState(
            settings: LiveSettings(configuration), logs: .silent,
            registry: registry, broadcaster: broadcaster, historyCapacity: 100, work: work)
        loop = LoopState(
            index: 0, eventLoop: eventLoop, shared: state,
            quota: ClientQuota(DescriptorLimits(limit: 4096), loops: 1),
            longestRetryPause: .zero)
        loop.startSweep()
    }

    /// Adds a healthy backend with the model "m".
    @discardableResult func add(
        _ name: String = "one", priority: Int = 1, limit: Int? = nil, kinds: [RequestKind] = [],
        model: Model = Model(id: "m")
    ) -> ScriptedDriver {
        let driver = ScriptedDriver(kinds: kinds)
        let identity = BackendIdentity(
            id: name, name: name, url: "", backendType: "t", priority: priority, maxConcurrent: limit,
            timeouts: timeouts, modelTimeouts: modelTimeouts)
        _ = state.registry.add(identity, driver: driver)
        state.registry.record([model], of: name)
        state.registry.record(HealthReport(outcome: .healthy), of: name, now: 1)
        loop.refresh()
        return driver
    }

    func client() throws -> EmbeddedClient { try EmbeddedClient(self) }

    /// A client over TLS whose handshake is still to come.
    func handshakingClient() throws -> EmbeddedClient {
        let context = try NIOSSLContext(configuration: .makeClientConfiguration())
        return try EmbeddedClient(self, tls: ListenerTLS.Terms(context: context, authorities: nil))
    }

    /// Lets time pass, in steps in which everything that is due happens.
    func advance(_ time: TimeAmount) { eventLoop.advanceTime(by: time) }

    var history: [HistoryEntry] { state.history.entries }

    /// Attempts under way at a backend.
    func inFlight(_ name: String = "one") -> Int {
        state.registry.snapshot.backends.first { $0.identity.id == name }?.counters.inFlight ?? -1
    }
}

/// A client of the gateway, without a socket.
final class EmbeddedClient {
    let channel: EmbeddedChannel
    private let gateway: EmbeddedGateway

    init(_ gateway: EmbeddedGateway, tls: ListenerTLS.Terms? = nil) throws {
        self.gateway = gateway
        channel = EmbeddedChannel(loop: gateway.eventLoop)
        channel.allowOptionsWhenClosed = true
        // First, as with a listener: a connection knows from the start who is there.
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try channel.pipeline.syncOperations.addHandler(ClientConnection(loop: gateway.loop, tls: tls))
    }

    func send(_ text: String) throws { try send(bytes: Array(text.utf8)) }

    func send(bytes: [UInt8]) throws {
        try channel.writeInbound(ByteBuffer(bytes: bytes))
        gateway.eventLoop.run()
    }

    /// Sends a request for a model.
    func ask(
        _ body: String = #"{"model":"m"}"#, path: String = "/v1/chat/completions", fields: String = ""
    ) throws {
        try send(
            "POST \(path) HTTP/1.1\r\nhost: localhost\r\n\(fields)content-length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    func get(_ path: String) throws { try send("GET \(path) HTTP/1.1\r\nhost: localhost\r\n\r\n") }

    /// What has come since the last call.
    func take() throws -> String { String(decoding: try takeBytes(), as: UTF8.self) }

    /// The same, as bytes.
    func takeBytes() throws -> [UInt8] {
        gateway.eventLoop.run()
        var all: [UInt8] = []
        while let bytes = try channel.readOutbound(as: ByteBuffer.self) { all += bytes.readableBytesView }
        return all
    }

    /// The status of the one answer that has come.
    func status() throws -> Int? {
        let text = try take()
        return text.hasPrefix("HTTP/1.1 ") ? Int(text.dropFirst(9).prefix(3)) : nil
    }

    /// Goes away without a word.
    func leave() throws { _ = try channel.finish(acceptAlreadyClosed: true) }

    /// Ends its sending side.
    func shutDownOutput() {
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        gateway.eventLoop.run()
    }

    var isOpen: Bool { channel.isActive }

    /// Takes what comes, or does not.
    func setTaking(_ taking: Bool) {
        channel.isWritable = taking
        channel.pipeline.fireChannelWritabilityChanged()
        gateway.eventLoop.run()
    }
}
