import AdapterHost
import Core
import Logging
import NIOCore
import NIOSSL
import Upstream

/// The gateway on one event loop that its owner drives: without sockets, without threads and with nothing drawn by lot, so that a
/// run does the same every time. Everything happens on the thread of the loop.
package final class OneLoopGateway {
    private let state: GatewayState
    private let services: LoopServices
    private let loop: LoopState
    private var drivers: [AdapterBackend] = []

    /// - Parameters:
    ///   - connector: makes the connections to servers, on `loop`.
    ///   - seed: decides what would be drawn by lot.
    package init(
        _ configuration: Configuration, loop eventLoop: any EventLoop, connector: any UpstreamConnector, seed: UInt64
    ) {
        let broadcaster = Broadcaster()
        state = GatewayState(
            settings: LiveSettings(configuration),
            logs: .silent,
            registry: Registry(failureThreshold: 1, recoveryThreshold: 1, broadcaster: broadcaster) { _ in },
            broadcaster: broadcaster, historyCapacity: configuration.history.capacity,
            clock: { eventLoop.now.uptimeNanoseconds })
        services = LoopServices(loop: eventLoop, memory: state.memory, connector: connector) {
            try NIOSSLContext(configuration: .makeClientConfiguration())
        }
        services.bindToThread(isShared: false)
        loop = LoopState(
            index: 0, eventLoop: eventLoop, shared: state,
            quota: ClientQuota(DescriptorLimits(limit: 4096), loops: 1),
            random: SeededRandom(seed: seed))
        loop.startSweep()
    }

    /// Adds a backend of `image` at a host without TLS and probes it; it takes requests once its server has answered.
    package func add(_ name: String, image: AdapterImage, host: String, port: Int) throws {
        let identity = BackendIdentity(
            id: name, name: name, url: "http://\(host):\(port)", backendType: image.type, priority: 1,
            maxConcurrent: nil)
        let driver = try AdapterBackend(
            identity: identity, image: image,
            target: UpstreamTarget(host: host, port: port, isTLS: false, basePath: ""), apiKeys: [], options: "{}",
            registry: state.registry, logger: state.logs.adapters)
        _ = state.registry.add(identity, driver: driver)
        drivers.append(driver)
        driver.probe(on: loop.eventLoop, timeout: .seconds(5)) {}
    }

    /// Takes over what probes have reported.
    package func refresh() { loop.refresh() }

    /// The handler of a new client's connection.
    package func connection() -> any ChannelHandler { ClientConnection(loop: loop) }

    /// Requests that have a record, settled ones and others.
    package var recorded: UInt64 { state.figures.totals.total }

    /// Ends everything, so that the thread is free for another one.
    package func end() {
        loop.stop()
        for driver in drivers {
            driver.closeConnections(on: loop.eventLoop)
            _ = driver.endNow(services: services)
        }
        services.unbindFromThread()
    }
}
