import Core
import Logging
import NIOCore
import NIOSSL
import OpenAICompat
import PluginAPI
import Upstream

@testable import AdapterHost
@testable import Gateway

/// The gateway in a simulation, put together of its real parts, with scripted servers behind it and scripted clients before it.
final class World {
    let loop: VirtualLoop
    private let planted: PlantedFault?
    let network: VirtualNetwork
    let state: GatewayState
    let services: LoopServices
    let gateway: GatewayView
    let monitor: HealthMonitor
    let oracle: Oracle
    let book = AskBook()
    let trace: Trace
    let chaos: Chaos
    private let updates = LoopUpdates()
    private let registry: Registry
    private(set) var backends: [(driver: AdapterBackend, counters: BackendCounters, server: ModelServer)] = []
    private(set) var clientChannels: [(channel: VirtualChannel, client: Client)] = []
    private(set) var clients: [Client] = []
    private var random: SeededRandom
    private var configuration: Configuration
    /// Virtual nanoseconds during which clients come and faults strike.
    let span: UInt64
    private var statuses: [String: BackendStatus] = [:]

    /// Virtual seconds after the last fault within which everything is at rest.
    let restSeconds: UInt64 = 300

    /// - Parameters:
    ///   - faults: that may strike; none: everything must go well.
    ///   - planted: what the gateway does wrong.
    init(seed: UInt64, faults: [Fault], planted: PlantedFault?, prints: Bool) throws {
        self.planted = planted
        loop = VirtualLoop(confusesClocks: planted == .durationOfWallClock)
        random = SeededRandom(seed: seed)
        chaos = Chaos(seed: random.next(), faults: faults)
        trace = Trace(loop, print: prints)
        oracle = Oracle(loop, book, trace)
        hasFaults = !faults.isEmpty
        let manner: FlowManner? = Int.random(in: 0..<4, using: &random) == 0 ? FlowManner() : nil
        network = VirtualNetwork(loop, seed: random.next(), manner: manner)
        span = UInt64.random(in: 4...24, using: &random) * 1_000_000_000
        configuration = Self.configuration(&random, hasFaults: hasFaults)

        let broadcaster = Broadcaster()
        let updates = updates
        let registry = Registry(
            failureThreshold: configuration.healthCheck.failureThreshold,
            recoveryThreshold: configuration.healthCheck.recoveryThreshold, broadcaster: broadcaster,
            onSnapshot: { _ in updates.send() })
        self.registry = registry
        let work = Self.work(loop, seed: random.next(), oracle)
        state = GatewayState(
            settings: LiveSettings(configuration),
            logger: Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }, registry: registry,
            broadcaster: broadcaster, historyCapacity: 10_000, work: work)
        services = LoopServices(loop: loop, memory: state.memory, connector: network, blocking: work) {
            try NIOSSLContext(configuration: .makeClientConfiguration())
        }
        services.bindToThread(isShared: false)
        let loopState = LoopState(
            index: 0, eventLoop: loop, shared: state,
            quota: ClientQuota(DescriptorLimits(limit: 65536), loops: 1), closesHalf: true,
            random: SeededRandom(seed: random.next()))
        loopState.startSweep()
        gateway = GatewayView(loop: loopState, state: state)
        let bound = NIOLoopBound(loopState, eventLoop: loop)
        updates.set([bound])
        monitor = HealthMonitor(state: state, loops: [bound], configuration.healthCheck)
        oracle.world = self
        try makeBackends()
        planClients()
        planOperator()
        if planted != nil { loop.after(span * 3 / 4) { [self] in sabotage() } }
    }

    let hasFaults: Bool

    private static func configuration(_ random: inout SeededRandom, hasFaults: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.server.maxMemoryBytes = 256 * 1024 * 1024
        configuration.timeouts.total =
            hasFaults ? [nil, .seconds(15), .seconds(60)].randomElement(using: &random) ?? nil : nil
        configuration.timeouts.firstByte =
            hasFaults ? [nil, .seconds(8), .seconds(20)].randomElement(using: &random) ?? nil : nil
        configuration.timeouts.gap = .seconds([5, 20, 120].randomElement(using: &random) ?? 120)
        configuration.timeouts.connect = .seconds([2, 5].randomElement(using: &random) ?? 5)
        configuration.server.streamKeepAlive = .seconds([0, 1, 2, 15].randomElement(using: &random) ?? 1)
        configuration.healthCheck.interval = .seconds([2, 10, 30].randomElement(using: &random) ?? 10)
        configuration.healthCheck.retryInterval = .seconds(2)
        configuration.healthCheck.timeout = .seconds([1, 5].randomElement(using: &random) ?? 5)
        configuration.healthCheck.failureThreshold = Int.random(in: 1...3, using: &random)
        configuration.healthCheck.recoveryThreshold = Int.random(in: 1...2, using: &random)
        configuration.routing.strategy =
            Configuration.Routing.Strategy.allCases.randomElement(using: &random) ?? .smart
        configuration.routing.maxRetries = Int.random(in: 0...2, using: &random)
        configuration.routing.aliases = ["alias": "m0"]
        return configuration
    }

    /// What would be done on other threads is done later on this one.
    private static func work(_ loop: VirtualLoop, seed: UInt64, _ oracle: Oracle) -> WorkPool {
        final class Box: @unchecked Sendable {
            var random: SeededRandom
            let oracle: Oracle
            init(_ seed: UInt64, _ oracle: Oracle) {
                random = SeededRandom(seed: seed)
                self.oracle = oracle
            }
        }
        let box = Box(seed, oracle)
        return WorkPool(bytes: 512 * 1024 * 1024) { work in
            box.oracle.sometimes(.workedElsewhere)
            loop.after(UInt64.random(in: 1_000...30_000_000, using: &box.random), work)
        }
    }

    // MARK: Servers

    private func makeBackends() throws {
        AdapterClock.replace { Clock.monotonicNanoseconds() / 1_000_000 }
        // Made anew for each run, as an adapter remembers much of its server.
        let image = try AdapterImage(linked: "OpenAICompat") { adapterEntry($0, $1) }
        for index in 0..<Int.random(in: 1...3, using: &random) {
            let models = ["m0"] + (1..<3).filter { _ in Bool.random(using: &random) }.map { "m\($0)" }
            let server = ModelServer(
                name: "b\(index)", port: 9000 + index, models: models, chaos: chaos, loop: loop, trace: trace,
                asks: book,
                rares: oracle.rares, seed: random.next())
            network.listen(host: server.host, port: server.port, server)
            let limit =
                hasFaults && Int.random(in: 0..<3, using: &random) == 0 ? Int.random(in: 1...4, using: &random) : nil
            let identity = BackendIdentity(
                id: server.name, name: server.name, url: "http://\(server.host):\(server.port)",
                backendType: image.type, priority: Int.random(in: 0...2, using: &random), maxConcurrent: limit,
                timeouts: configuration.timeouts)
            let driver = try AdapterBackend(
                identity: identity, image: image,
                target: UpstreamTarget(host: server.host, port: server.port, isTLS: false, basePath: ""),
                apiKeys: [planted == .toldKey ? "another" : "\(Secret.key)"], options: "{}", registry: registry,
                logger: state.logger)
            _ = registry.add(identity, driver: driver)
            guard let counters = registry.snapshot.backends.last?.counters else { continue }
            backends.append((driver, counters, server))
            monitor.probe(driver)
        }
    }

    // MARK: Clients

    private func planClients() {
        // The first ones come when the servers have been probed.
        let first: UInt64 = hasFaults ? 200_000_000 : 5_000_000_000
        for number in 0..<Int.random(in: 1...10, using: &random) {
            loop.after(UInt64.random(in: first...max(first, span - 1_000_000_000), using: &random)) { [self] in
                openClient(number)
            }
        }
    }

    private func openClient(_ number: Int) {
        guard !oracle.isDraining else { return oracle.sometimes(.connectionRefusedWhileDraining) }
        let (near, far) = network.pair()
        let channel = network.channel(far, allowsHalfClosure: true)
        channel.closeFuture.assumeIsolated().whenComplete { [weak self, weak channel] _ in
            if let channel, channel.fills > 0 { self?.oracle.sometimes(.clientWasFull) }
            self?.clientChannels.removeAll { $0.channel === channel }
        }
        do {
            if let planted { try channel.pipeline.syncOperations.addHandler(Saboteur(planted)) }
            try channel.pipeline.syncOperations.addHandler(gateway.connection())
        } catch {
            oracle.violation("a connection cannot be set up: \(error)")
        }
        let client = Client(
            number, asks: (0..<Int.random(in: 1...5, using: &random)).map { _ in ask() },
            isPipelining: Int.random(in: 0..<5, using: &random) == 0, habit: habit(),
            sendsSlowly: chaos.strikes(.sendSlowly), pace: chaos.strikes(.readSlowly) ? pace() : nil,
            pause: UInt64.random(in: 0...2_000_000_000, using: &random), wire: Wire(loop, near), loop: loop, book: book,
            oracle: oracle, trace: trace)
        client.endIsLost = planted == .unnoticedEnd
        clients.append(client)
        clientChannels.append((channel, client))
        channel.becomeActive()
        client.start()
    }

    private func pace() -> (Int, UInt64) {
        (Int.random(in: 100...4000, using: &random), UInt64.random(in: 10_000_000...400_000_000, using: &random))
    }

    private func habit() -> Client.Habit {
        let delay = UInt64.random(in: 0...5_000_000_000, using: &random)
        if chaos.strikes(.vanish) { return .vanishes(after: delay, orderly: false) }
        if chaos.strikes(.vanishOrderly) { return .vanishes(after: delay, orderly: true) }
        if chaos.strikes(.halfClose) { return .halfCloses }
        if chaos.strikes(.sendHalf) { return .sendsHalf }
        if chaos.strikes(.readNothing) { return .readsNothing(delay) }
        return .patient
    }

    private func ask() -> Ask {
        let kinds: [Ask.Kind] = [
            .chat, .chat, .chat, .stream, .stream, .stream, .stream, .messages, .messagesStream, .ollama, .ollamaStream,
            .models, .health, .unknownModel, .unknownPath,
            .brokenBody,
        ]
        let kind = kinds.randomElement(using: &random) ?? .chat
        let model =
            kind == .unknownModel ? "nobody-has-it" : ["m0", "m0", "m0", "alias"].randomElement(using: &random) ?? "m0"
        var size = [3, 40, 40, 40, 400, 400, 400, 8000].randomElement(using: &random) ?? 40
        // Beyond what a whole answer is held back for; a stream of it fills a client that reads nothing.
        if kind == .chat || kind == .stream, Int.random(in: 0..<16, using: &random) == 0 { size = 60_000 }
        let padding = Int.random(in: 0..<80, using: &random) == 0 ? 300_000 : 0
        let (pieces, isChunked) = (Int.random(in: 1...12, using: &random), Int.random(in: 0..<4, using: &random) == 0)
        let wantsContinue = Int.random(in: 0..<8, using: &random) == 0
        return book.add {
            Ask(
                number: $0, kind: kind, model: model, pieces: pieces, size: size, isChunked: isChunked,
                wantsContinue: wantsContinue, padding: padding)
        }
    }

    // MARK: The operator

    private func planOperator() {
        func sometime(_ fault: Fault, _ action: @escaping () -> Void) {
            guard chaos.strikes(fault) else { return }
            loop.after(UInt64.random(in: span / 4...span, using: &random)) { [self] in
                trace.note("operator: \(fault.rawValue)")
                action()
            }
        }
        sometime(.reload) { [self] in reload() }
        sometime(.drainBackend) { [self] in if let last = backends.last { registry.drain(id: last.driver.identity.id) }
        }
        sometime(.setClock) { [self] in loop.setWall(by: Int64.random(in: -100_000...100_000, using: &random)) }
        let limit = UInt64.random(in: 1...40, using: &random) * 1_000_000_000
        sometime(.shutDown) { [self] in shutDown(within: limit) }
    }

    /// Does beside the gateway what it should not do.
    private func sabotage() {
        guard let planted, let counters = backends.first?.counters else { return }
        switch planted {
        case .lostPlace: stolen = counters.begin(limit: nil)
        case .wrongBlame: counters.ended(.failure)
        case .secondRecord:
            if let entry = gateway.records(after: 0).last { gateway.repeatRecord(entry) }
        default: break
        }
    }

    private func reload() {
        configuration.routing.strategy =
            Configuration.Routing.Strategy.allCases.randomElement(using: &random) ?? .smart
        configuration.routing.maxRetries = Int.random(in: 0...2, using: &random)
        state.settings = LiveSettings(configuration)
        updates.send()
    }

    private var isEmpty = false
    private var stolen: Lease?

    /// As the process does it: what is under way ends, and after a while is ended.
    func shutDown(within limit: UInt64) {
        guard !oracle.isDraining else { return }
        oracle.isDraining = true
        if gateway.underWayCount > 0 { oracle.sometimes(.drainedWithExchanges) }
        gateway.beginDraining { [self] in
            isEmpty = true
            trace.note("the gateway is empty")
        }
        loop.after(limit) { [self] in
            guard !isEmpty else { return }
            trace.note("the gateway waits no longer")
            oracle.sometimes(.stoppedWithExchanges)
            oracle.isStopped = true
            gateway.stop()
            loop.after(1_000_000_000) { [self] in
                if !isEmpty { oracle.violation("the gateway has connections a second after its end") }
            }
        }
    }

    // MARK: Running

    /// Runs until everything is at rest.
    func run(stepLimit: UInt64) {
        while oracle.violation == nil, loop.step(until: span) {
            oracle.look()
            watchStatuses()
            guard loop.steps < stepLimit else { return oracle.violation("no end after \(stepLimit) steps") }
        }
        guard oracle.violation == nil else { return }
        trace.note("faults stop")
        chaos.isOver = true
        for (_, _, server) in backends { server.recover() }
        for client in clients { client.recover() }
        let end = span + restSeconds * 1_000_000_000
        while oracle.violation == nil, !isAtRest, loop.step(until: end) {
            oracle.look()
            guard loop.steps < stepLimit else { return oracle.violation("no end after \(stepLimit) steps") }
        }
        // Probes under way, and the rest of answers, end by themselves. The next probes begin meanwhile.
        let limit = loop.elapsed + 20_000_000_000
        while oracle.violation == nil, isBusy, loop.step(until: limit) { oracle.look() }
        if oracle.violation == nil { oracle.checkRest() }
    }

    private var isAtRest: Bool {
        loop.elapsed > span && book.unsettled.isEmpty && clientChannels.isEmpty && clients.allSatisfy { !$0.isWaiting }
    }

    private var isBusy: Bool {
        !services.callsUnderWay.isEmpty || backends.contains { $0.driver.taskCount > 0 }
    }

    private func watchStatuses() {
        for backend in gateway.backends {
            let id = backend.identity.id
            guard let before = statuses[id], before != backend.status else {
                statuses[id] = backend.status
                continue
            }
            statuses[id] = backend.status
            trace.note("\(id) is \(backend.status.rawValue) now: \(backend.lastError ?? "")")
            if backend.status == .unhealthy { oracle.sometimes(.becameUnhealthy) }
            if backend.status == .healthy, before == .unhealthy { oracle.sometimes(.becameHealthy) }
        }
    }

    /// Takes it apart again, so that the thread is free for another one.
    func end() {
        for (channel, _) in clientChannels { channel.close(promise: nil) }
        configuration.healthCheck.enabled = false
        monitor.schedule(configuration.healthCheck)
        gateway.stop()
        // Once more after what is due at once: a probe may just be beginning.
        for _ in 0..<2 {
            let soon = loop.elapsed + 100_000_000
            while loop.step(until: soon) {}
            for (driver, _, _) in backends { driver.closeConnections(on: loop) }
            let end = loop.elapsed + 60_000_000_000
            while isBusy, loop.step(until: end) {}
        }
        for (driver, _, _) in backends where !driver.endNow(services: services) {
            oracle.violation("\(driver.identity.name) does not end")
        }
        for (driver, _, server) in backends {
            registry.remove(id: driver.identity.id)
            server.end()
        }
        services.unbindFromThread()
        loop.finish()
        // The registry has it, and it has the gateway, and that the registry.
        updates.set([])
    }
}
