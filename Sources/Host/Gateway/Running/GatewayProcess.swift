import Adapters
import Core
import Dispatch
import Glibc
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Shims
import Synchronization

/// Starts all parts in order, and ends them in the opposite order.
final class GatewayProcess: Sendable {
    private let configuration: Configuration
    private let logger: Logger
    private let group: MultiThreadedEventLoopGroup
    private struct Running {
        var state: GatewayState
        var loops: [NIOLoopBound<LoopState>]
        var listener: any Channel
        var monitor: HealthMonitor
    }
    private let running = Mutex<Running?>(nil)
    /// Pending connections the kernel keeps.
    private static let backlog: Int32 = 4096

    init(configuration: Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        let loops = min(Int(nexus_available_processors()), LoopServices.maximumLoops)
        group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
    }

    // MARK: Start

    /// The address that clients use.
    func start() async throws -> String {
        Self.raiseFileLimit()
        let adapters = AdapterLibrary.load(directories: configuration.adapters.directories)
        for image in adapters.images {
            logger.info(
                "adapter loaded",
                metadata: ["type": "\(image.type)", "version": "\(image.version)", "file": "\(image.path)"])
            for warning in image.warnings { logger.warning("\(image.path): \(warning)") }
        }
        for rejected in adapters.rejected {
            logger.error("adapter not loaded: \(rejected.path) \(rejected.problem)")
        }
        if !configuration.routing.fallbacks.isEmpty {
            logger.warning("routing.fallbacks has no effect in this version")
        }
        let broadcaster = Broadcaster()
        let targets = SnapshotTargets()
        let registry = Registry(
            failureThreshold: configuration.healthCheck.failureThreshold,
            recoveryThreshold: configuration.healthCheck.recoveryThreshold, broadcaster: broadcaster,
            onSnapshot: { _ in targets.refresh() })
        let state = GatewayState(
            configuration: configuration, logger: logger, registry: registry,
            journal: Journal(capacity: configuration.history.capacity, broadcaster: broadcaster),
            broadcaster: broadcaster, adapters: adapters)
        let factory = BackendFactory(registry: registry, adapters: adapters, logger: logger)
        for backend in configuration.backends { await factory.add(backend) }

        let loops = try await makeLoops(state)
        targets.set(loops)
        let listener = try await listen(loops)
        let port = listener.localAddress?.port ?? configuration.server.port
        let monitor = HealthMonitor(state: state, loops: loops)
        running.withLock { $0 = Running(state: state, loops: loops, listener: listener, monitor: monitor) }

        if configuration.discover {
            let found = await Discovery(adapters: adapters, loop: loops[0], ownPort: port, logger: logger).run()
            for backend in found { await factory.add(backend, source: "discovered") }
            if found.isEmpty {
                logger.warning(
                    "no backend is configured and no server answers at its default address; run 'nexus config init' and name one"
                )
            }
        }
        monitor.start()
        let scheme = configuration.server.tlsCertificate == nil ? "http" : "https"
        let host =
            configuration.server.host.utf8.contains(UInt8(ascii: ":"))
            ? "[\(configuration.server.host)]" : configuration.server.host
        return "\(scheme)://\(host):\(port)"
    }

    private func makeLoops(_ state: GatewayState) async throws -> [NIOLoopBound<LoopState>] {
        let tls = TLSContexts()
        var loops: [NIOLoopBound<LoopState>] = []
        for (index, eventLoop) in group.makeIterator().enumerated() {
            let loop = try await eventLoop.submit {
                let services = LoopServices(loop: eventLoop, tlsContext: tls.client)
                services.bindToThread()
                let loop = LoopState(index: index, eventLoop: eventLoop, shared: state, services: services)
                loop.startSweep()
                return NIOLoopBound(loop, eventLoop: eventLoop)
            }.get()
            loops.append(loop)
        }
        return loops
    }

    private func listen(_ loops: [NIOLoopBound<LoopState>]) async throws -> any Channel {
        let serverTLS = try TLSContexts.server(configuration.server)
        return try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let loop = loops.first(where: { $0.eventLoop === channel.eventLoop }) else { return }
                    if let serverTLS {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: serverTLS))
                    }
                    try channel.pipeline.syncOperations.addHandler(ClientConnection(loop: loop.value))
                }
            }
            .bind(host: configuration.server.host, port: configuration.server.port).get()
    }

    /// As many connections as the system lets this process have.
    private static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    // MARK: End

    /// Waits for the first signal, drains, and gives the exit status. A second signal forces the end.
    func run(until signals: AsyncStream<CInt>) async -> Int32 {
        var iterator = signals.makeAsyncIterator()
        _ = await iterator.next()
        logger.info("shutting down: waiting for running exchanges; a second signal ends at once")
        let seconds = configuration.server.shutdownTimeout
        let forced = await withTaskGroup(of: End.self) { tasks in
            tasks.addTask {
                await self.drain()
                return .drained
            }
            tasks.addTask {
                try? await Task.sleep(for: seconds)
                return .timedOut
            }
            tasks.addTask {
                for await _ in signals { return .forced }
                return .cancelled
            }
            let first = await tasks.next() ?? .drained
            tasks.cancelAll()
            if first != .drained { await self.stop() }
            return first == .forced
        }
        await destroyBackends()
        logger.info("stopped")
        return forced ? 1 : 0
    }

    private enum End { case drained, timedOut, forced, cancelled }

    private func drain() async {
        guard let running = running.withLock({ $0 }) else { return }
        running.state.actions.close()
        for loop in running.loops {
            try? await loop.eventLoop.submit { loop.value.beginDraining() }.get()
        }
        try? await running.listener.close()
        await withTaskGroup(of: Void.self) { tasks in
            for loop in running.loops {
                tasks.addTask {
                    await withCheckedContinuation { continuation in
                        loop.eventLoop.execute { loop.value.drain { continuation.resume() } }
                    }
                }
            }
        }
    }

    private func stop() async {
        guard let running = running.withLock({ $0 }) else { return }
        for loop in running.loops {
            try? await loop.eventLoop.submit { loop.value.stop() }.get()
        }
    }

    private func destroyBackends() async {
        guard let running = running.withLock({ $0 }) else { return }
        for backend in running.state.registry.snapshot.backends {
            guard let driver = backend.driver as? AdapterBackend else { continue }
            for loop in running.loops {
                try? await loop.eventLoop.submit { driver.closeConnections(services: loop.value.services) }.get()
            }
            await driver.end()
        }
    }
}

/// Who learns of a new snapshot: all loops, once they are there.
final class SnapshotTargets: Sendable {
    private let loops = Mutex<[NIOLoopBound<LoopState>]>([])

    func set(_ new: [NIOLoopBound<LoopState>]) {
        loops.withLock { $0 = new }
        refresh()
    }

    func refresh() {
        for loop in loops.withLock({ $0 }) {
            loop.eventLoop.execute { loop.value.refreshSnapshot() }
        }
    }
}
