import AdapterHost
import Core
import Dispatch
import Glibc
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Service
import Shims
import Store
import Synchronization

/// Starts all parts in order, and ends them in the opposite order.
final class GatewayProcess: Sendable {
    private let configuration: Configuration
    private let reload: ConfigurationReload
    private let logs: Logs
    private let sockets: ListenSockets
    private let service: ServiceLink
    private var logger: Logger { logs.gateway }
    private let group: MultiThreadedEventLoopGroup
    private struct Running {
        var state: GatewayState
        var loops: [NIOLoopBound<LoopState>]
        var listeners: [any Channel]
        var reconfigurer: Reconfigurer
        var watchdog: LoopWatchdog
    }
    private let running = Mutex<Running?>(nil)
    /// What holds resources outside the process, from before it runs.
    private let begun = Mutex<GatewayState?>(nil)
    /// How long adapters may take to end their instances when the gateway ends.
    private static let destroyLimit = Duration.seconds(5)
    /// How long clients of the run before wait for the first probes of this one.
    private static let firstLook = Duration.seconds(3)
    /// Turns of the loops until a connection that was accepted has its place: there and back, and there again.
    private static let turnsToAPlace = 3
    /// What the end may take beyond what it waits for, on a busy machine.
    private static let endMargin = Duration.seconds(10)
    /// Milliseconds for which the start waits for the history's file, and the end for what is still to be written.
    private static let storePatience = 1000
    /// Instances that are destroyed at once at the end.
    private static let endsAtOnce = 16

    /// - Parameters:
    ///   - sockets: on which clients are served.
    ///   - service: is told how the gateway is.
    init(
        configuration: Configuration, sockets: ListenSockets, service: ServiceLink,
        reload: @escaping ConfigurationReload, logs: Logs
    ) {
        self.configuration = configuration
        self.sockets = sockets
        self.service = service
        self.reload = reload
        self.logs = logs
        let loops = min(Int(nexus_available_processors()), LoopServices.maximumLoops)
        group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
    }

    // MARK: Start

    /// The address that clients use.
    func start() async throws -> String {
        let limits = DescriptorLimits(limit: Self.raiseFileLimit())
        let quota = ClientQuota(limits, loops: Array(group.makeIterator()).count)
        AdapterFigures.log(to: logs.adapters)
        let broadcaster = Broadcaster()
        let updates = LoopUpdates()
        let registry = Registry(
            failureThreshold: configuration.healthCheck.failureThreshold,
            recoveryThreshold: configuration.healthCheck.recoveryThreshold, breaker: configuration.breaker,
            broadcaster: broadcaster, onChange: { [logs] in BackendStory.tell($0, to: logs.backends) },
            onSnapshot: { _ in updates.send() })
        let state = GatewayState(
            settings: LiveSettings(configuration), logs: logs, registry: registry,
            broadcaster: broadcaster, historyCapacity: configuration.history.capacity,
            listener: try ListenerTLS(configuration.server), requestLog: GatewayLog.requests)
        // It opens its file while the rest begins.
        state.keepHistory(configuration.history)
        state.keepCaptures(configuration.captures)
        state.trace(state.settings.tracing)
        let tls = try TLSContexts(configuration.upstream)
        let (loops, activities) = try await makeLoops(state, tls, updates, quota: quota)
        let watchdog = LoopWatchdog(activities: activities, registry: registry, logger: logs.adapters)
        watchdog.start()
        service.watch(loops.map(\.eventLoop))

        MemoryUpkeep.start(state, on: loops[0].eventLoop)
        QualityWatch.start(state, on: loops[0].eventLoop)
        TroubleWatch.start(state, on: loops[0].eventLoop)
        LogUpkeep.start(on: loops[0].eventLoop)
        SeriesSampling.start(state, on: loops[0].eventLoop)
        CertificateFollowing.start(state, updates, on: loops[0].eventLoop)

        let monitor = HealthMonitor(state: state, loops: loops, configuration.healthCheck)
        let retirement = Retirement(updates: updates)
        let backends = RunningBackends(
            registry: registry, retirement: retirement, logs: logs, prepareTLS: { await tls.prepare() },
            probe: { driver in
                await withCheckedContinuation { continuation in monitor.probe(driver) { continuation.resume() } }
            },
            abandon: { driver, reason in
                for loop in loops {
                    try? await loop.eventLoop.submit { driver.abandon(on: loop.eventLoop, reason: reason) }.get()
                }
            })
        let port = SharedPort(configuration.server.port)
        let reconfigurer = Reconfigurer(
            configuration: configuration, shared: state, updates: updates, backends: backends, monitor: monitor,
            load: reload, tls: tls,
            trials: Trials(loop: loops[0], prepareTLS: { await tls.prepare() }), ownPort: port)
        state.quarantine.begin(configuration.adapters, logger: logs.adapters)
        // A start that fails further on was neither a crash nor a calm run.
        begun.withLock { $0 = state }
        await reconfigurer.begin()
        // Figures that begin with those of earlier runs never jump.
        state.store?.awaitOpening(milliseconds: Self.storePatience)
        let discovery = await lookBeforeServing(reconfigurer, backends, updates, port)
        let listeners = try await listen(loops, state.listener)
        port.value = listeners.first?.localAddress?.port ?? configuration.server.port
        running.withLock {
            $0 = Running(
                state: state, loops: loops, listeners: listeners, reconfigurer: reconfigurer, watchdog: watchdog)
        }
        if let discovery { await discovery.value } else { await reconfigurer.beginDiscovery() }
        state.onReload { [service] allowsEmpty in
            await service.reloading { await reconfigurer.reload(allowsEmpty: allowsEmpty) }
        }
        state.onCommand { await reconfigurer.run($0) }
        state.onRelease { await reconfigurer.release($0) }
        QuarantineWatch.start(state, on: loops[0].eventLoop)
        let address = address(of: listeners, port: port.value, isTLS: state.listener.terms != nil)
        service.ready(ServiceStatus.words(state, address: address))
        ServiceStatus.start(state, service, address: address, on: loops[0].eventLoop)
        return address
    }

    /// On a listener that was there before, clients of the run before may be waiting: they are not to hear that no backend is known yet.
    /// - Returns: the search for servers where none is configured, if it has begun.
    private func lookBeforeServing(
        _ reconfigurer: Reconfigurer, _ backends: RunningBackends, _ updates: LoopUpdates, _ port: SharedPort
    ) async -> Task<Void, Never>? {
        guard let known = sockets.knownPort else { return nil }
        port.value = known
        let discovery = Task { await reconfigurer.beginDiscovery() }
        await Patience.wait(atMost: Self.firstLook) {
            await discovery.value
            await backends.firstProbes()
            await updates.delivered()
        }
        return discovery
    }

    /// By its configured name, or where the service manager's socket is.
    private func address(of listeners: [any Channel], port: Int, isTLS: Bool) -> String {
        var host = configuration.server.host
        if !sockets.isOwn, let given = listeners.first?.localAddress?.ipAddress { host = given }
        let shown = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        return "\(isTLS ? "https" : "http")://\(shown):\(port)"
    }

    private func makeLoops(
        _ state: GatewayState, _ tls: TLSContexts, _ updates: LoopUpdates, quota: ClientQuota
    ) async throws -> ([NIOLoopBound<LoopState>], [LoopActivity]) {
        var loops: [NIOLoopBound<LoopState>] = []
        var activities: [LoopActivity] = []
        for (index, eventLoop) in group.makeIterator().enumerated() {
            let (loop, activity) = try await eventLoop.submit {
                let services = LoopServices(loop: eventLoop, memory: state.memory, tlsContext: tls.client)
                services.bindToThread()
                let loop = LoopState(index: index, eventLoop: eventLoop, shared: state, quota: quota)
                loop.startSweep()
                updates.join(loop)
                return (NIOLoopBound(loop, eventLoop: eventLoop), services.activity)
            }.get()
            loops.append(loop)
            activities.append(activity)
        }
        return (loops, activities)
    }

    private func listen(_ loops: [NIOLoopBound<LoopState>], _ tls: ListenerTLS) async throws -> [any Channel] {
        if !sockets.leaving.isEmpty { service.forget() }
        let descriptors = try sockets.open()
        if sockets.isOwn { descriptors.forEach(service.keep) }
        var listeners: [any Channel] = []
        for descriptor in descriptors { listeners.append(try await serve(descriptor, loops, tls)) }
        return listeners
    }

    private func serve(
        _ descriptor: CInt, _ loops: [NIOLoopBound<LoopState>], _ tls: ListenerTLS
    ) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelInitializer { channel in
                // NIO has just had it listen with a backlog of its own, which no option of the channel changes any more.
                _ = Glibc.listen(descriptor, ListenSockets.backlog)
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptPause())
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let loop = loops.first(where: { $0.eventLoop === channel.eventLoop }) else { return }
                    // What was there when it was accepted, whatever a reload says later.
                    let terms = tls.terms
                    // TLS ends both directions at once.
                    try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: terms == nil)
                    if let terms {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: terms.context))
                    }
                    try channel.pipeline.syncOperations.addHandler(ClientConnection(loop: loop.value, tls: terms))
                }
            }
            .withBoundSocket(descriptor).get()
    }

    /// As many descriptors as the system lets this process have; how many that are.
    private static func raiseFileLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        let isRaised = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        return Int(clamping: min(isRaised ? limit.rlim_max : before, 1 << 30))
    }

    // MARK: End

    /// Waits for a signal to end, drains, and gives the exit status. SIGHUP reloads the configuration; a second signal to end
    /// forces it.
    func run(until signals: AsyncStream<CInt>) async -> Int32 {
        for await signal in signals {
            guard signal == SIGHUP else { break }
            let state = running.withLock { $0?.state }
            // Beside this loop, so that a slow reload does not hold up the end.
            Task {
                guard let state, let outcome = await state.reload(allowsEmpty: false) else { return }
                AuditAnswers(state: state).append(
                    AuditRecord(
                        at: Clock.preciseWallSeconds(), client: "", command: "SIGHUP",
                        status: outcome.problem == nil ? 200 : 400, problem: outcome.problem))
            }
        }
        running.withLock { $0 }?.state.readiness.end()
        logger.info("shutting down: waiting for running exchanges; a second signal ends at once")
        let applied = running.withLock { $0 }?.state.configuration?.value
        let server = (applied ?? configuration).server
        let delay = server.shutdownDelay
        let seconds = delay + server.shutdownTimeout
        service.stopping(within: seconds + Self.destroyLimit + Self.endMargin)
        let forced = await withTaskGroup(of: End.self) { tasks in
            tasks.addTask {
                // So that whoever sends requests here has seen that they are to go elsewhere.
                if delay > .zero { try? await Task.sleep(for: delay) }
                await self.drain()
                return .drained
            }
            tasks.addTask {
                try? await Task.sleep(for: seconds)
                return .timedOut
            }
            tasks.addTask {
                for await signal in signals where signal != SIGHUP { return .forced }
                return .cancelled
            }
            let first = await tasks.next() ?? .drained
            tasks.cancelAll()
            if first != .drained { await self.stop() }
            return first == .forced
        }
        running.withLock { $0 }?.state.ledger.settle()
        running.withLock { $0 }?.state.store?.finish(milliseconds: Self.storePatience)
        running.withLock { $0 }?.state.captures.store?.finish(milliseconds: Self.storePatience)
        running.withLock { $0 }?.state.tracer.finish(milliseconds: Self.storePatience)
        await destroyBackends()
        if let state = running.withLock({ $0?.state }) {
            state.quarantine.end(used: forced ? nil : Set(state.library.images.compactMap(\.hash)))
        }
        logger.info("stopped")
        return forced ? 1 : 0
    }

    /// The start has failed.
    func abandon() { begun.withLock { $0 }?.quarantine.end(used: nil) }

    private enum End { case drained, timedOut, forced, cancelled }

    private func drain() async {
        guard let running = running.withLock({ $0 }) else { return }
        running.state.actions.close()
        running.state.commands.close()
        for loop in running.loops {
            try? await loop.eventLoop.submit { loop.value.beginDraining() }.get()
        }
        await close(running.listeners, accepting: running.loops)
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

    /// Accepts no more, and gives those that were accepted their places before the listeners are closed: NIO drops who is still on the way
    /// from the listener's loop to its own.
    private func close(_ listeners: [any Channel], accepting loops: [NIOLoopBound<LoopState>]) async {
        for listener in listeners { try? await listener.setOption(.autoRead, value: false).get() }
        for _ in 0..<Self.turnsToAPlace {
            for loop in loops { try? await loop.eventLoop.submit {}.get() }
            for listener in listeners { try? await listener.eventLoop.submit {}.get() }
        }
        for listener in listeners { try? await listener.close() }
    }

    private func stop() async {
        guard let running = running.withLock({ $0 }) else { return }
        // Where it is still open, so that nothing new comes behind what is ended here.
        for listener in running.listeners { try? await listener.close() }
        for loop in running.loops {
            try? await loop.eventLoop.submit { loop.value.stop() }.get()
        }
    }

    /// Ends all instances, and waits for that only so long: if one does not end, this does not return.
    private func destroyBackends() async {
        guard let running = running.withLock({ $0 }) else { return }
        running.reconfigurer.stop()
        let limit = Self.destroyLimit
        let left = await withTaskGroup(of: Bool.self) { tasks in
            tasks.addTask {
                // What a command has begun is done: none of its instances comes after this.
                await running.reconfigurer.settled()
                await self.end(running.state.registry.snapshot.backends.map(\.driver), on: running.loops)
                return false
            }
            tasks.addTask {
                try? await Task.sleep(for: limit)
                return true
            }
            let first = await tasks.next() ?? false
            // An instance that does not end is left alone: the process ends anyway.
            if first { self.giveUp() }
            tasks.cancelAll()
            return first
        }
        if !left { running.watchdog.stop() }
    }

    /// Ends all instances, with those that were removed, replaced or looked at a moment ago.
    private func end(_ drivers: [any BackendDriver], on loops: [NIOLoopBound<LoopState>]) async {
        for driver in drivers { driver.retire() }
        let leaving = EndingInstances.all
        for loop in loops {
            try? await loop.eventLoop.submit {
                for driver in drivers { driver.closeConnections(on: loop.eventLoop) }
                for backend in leaving { backend.closeConnections(on: loop.eventLoop) }
            }.get()
        }
        // Each is destroyed on a thread of its own: a few at a time, so that one that takes long does not hold up all.
        var rest = drivers.makeIterator()
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<Self.endsAtOnce {
                guard let driver = rest.next() else { break }
                tasks.addTask { await driver.end() }
            }
            while await tasks.next() != nil {
                if let driver = rest.next() { tasks.addTask { await driver.end() } }
            }
        }
        await EndingInstances.untilNone()
    }

    /// The status says that this was no orderly end: an adapter may have lost what it wanted to keep.
    private func giveUp() {
        logger.warning("an adapter does not end its instance; the gateway ends without it")
        GatewayLog.finish()
        exit(1)
    }
}

/// The port that the gateway listens on, known once it does.
final class SharedPort: Sendable {
    private let port: Atomic<Int>
    init(_ port: Int) { self.port = Atomic(port) }
    var value: Int {
        get { port.load(ordering: .relaxed) }
        set { port.store(newValue, ordering: .relaxed) }
    }
}
