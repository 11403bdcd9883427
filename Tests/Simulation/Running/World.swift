import Core
import Logging
import NIOCore
import NIOSSL
import OpenAICompat
import Upstream

@testable import AdapterHost
@testable import Gateway

/// The gateway in a simulation, put together of its real parts, with scripted servers behind it and scripted clients before it.
final class World {
    let loop: VirtualLoop
    let planted: PlantedFault?
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
    private let work: SlowWork
    private var mostMemory: Int
    let registry: Registry
    private let meddler: Meddler
    private let image: AdapterImage
    let lots: QueueLots
    private let seeds: (fleet: UInt64, audience: UInt64)
    private(set) lazy var fleet = Fleet(self, image: image, registry: registry, seed: seeds.fleet)
    private(set) lazy var orders = Orders(self, seed: ~seeds.fleet)
    private(set) lazy var audience = Audience(self, loop: loop, oracle: oracle, trace: trace, seed: seeds.audience)
    /// The backends of its start are being made.
    private(set) var isBeginning = true
    private(set) var clientChannels: [(channel: VirtualChannel, client: Client)] = []
    private(set) var clients: [Client] = []
    private var random: SeededRandom
    private var configuration: Configuration
    /// Virtual nanoseconds during which clients come and faults strike.
    let span: UInt64
    private var statuses: [String: BackendStatus] = [:]
    private let troubles = TroubleRules()

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
        network = VirtualNetwork(loop, seed: random.next(), manner: manner, chaos, trace)
        span = UInt64.random(in: 4...24, using: &random) * 1_000_000_000
        configuration = Self.configuration(&random, seed: seed, hasFaults: hasFaults)
        lots = QueueLots(seed: seed, hasFaults: hasFaults, isNarrow: planted?.isOfTheQueue == true)
        configuration.queue = lots.queue()
        lots.names(&configuration.routing)
        if chaos.strikes(.littleMemory, tries: 5) {
            configuration.server.maxMemoryBytes = Int.random(in: 6 * 1024...400 * 1024, using: &random)
        }
        mostMemory = configuration.server.maxMemoryBytes ?? 0
        if planted == .manyTrials || planted == .unboundRetries { Self.failEasily(&configuration) }
        configuration.routing.hedge = Self.hedges(seed: seed) || planted?.isOfHedging == true
        if planted?.isOfHedging == true { configuration.routing.maxRetries = 2 }
        bounds = Bounds(configuration)
        if planted == .manyTrials { configuration.breaker.halfOpenRequests = 1000 }
        if planted == .unboundRetries { configuration.routing.retryBudgetMinimum = 1000 }

        let broadcaster = Broadcaster()
        let updates = updates
        let registry = Registry(
            failureThreshold: configuration.healthCheck.failureThreshold,
            recoveryThreshold: configuration.healthCheck.recoveryThreshold, breaker: configuration.breaker,
            broadcaster: broadcaster,
            onSnapshot: { _ in updates.send() })
        self.registry = registry
        work = SlowWork(loop, chaos, oracle, trace, seed: random.next())
        let pool = work.pool
        state = GatewayState(
            settings: LiveSettings(configuration),
            logs: .silent, registry: registry,
            broadcaster: broadcaster, historyCapacity: 10_000, work: pool,
            clock: { [loop] in loop.now.uptimeNanoseconds })
        services = LoopServices(loop: loop, memory: state.memory, connector: network, blocking: pool) {
            try Certificates.client.get()
        }
        services.bindToThread(isShared: false)
        let loopState = LoopState(
            index: 0, eventLoop: loop, shared: state,
            quota: ClientQuota(DescriptorLimits(limit: 65536), loops: 1),
            random: SeededRandom(seed: random.next()))
        loopState.startSweep()
        gateway = GatewayView(loop: loopState, state: state)
        let bound = NIOLoopBound(loopState, eventLoop: loop)
        updates.join(loopState)
        monitor = HealthMonitor(state: state, loops: [bound], configuration.healthCheck)
        // Of misuse that is meant no line is written.
        Misuse.logger.withLock { $0 = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() } }
        meddler = Meddler(chaos, oracle, loop, planted: planted)
        AdapterClock.replace { Clock.monotonicNanoseconds() / 1_000_000 }
        // Made anew for each run, as an adapter remembers much of its server.
        image = try AdapterImage(linked: "OpenAICompat") { Meddler.entry($0, $1) }
        seeds = (random.next(), random.next())
        oracle.world = self
        expectFirstTokens(seed: seed)
        oracle.names.take(planted == .falseName ? Configuration.Routing() : configuration.routing)
        book.onArrival = { [oracle] ask, model in oracle.names.check(ask, model: model) }
        try fleet.begin()
        isBeginning = false
        // The first ones come when the servers have been probed.
        let first: UInt64 = hasFaults ? 200_000_000 : 5_000_000_000
        planClients(first: first)
        planCrowd(first: first)
        audience.plan(span: span, first: first)
        planOperator()
        if planted != nil { loop.after(span * 3 / 4) { [self] in sabotage() } }
        if planted == .lostWakeUp || planted == .forgottenWaiter { sabotageQueue() }
    }

    let hasFaults: Bool

    // MARK: Hedging

    /// Whether a second backend may be asked, as the oracle has it.
    var mayHedge: Bool { planted != .forbiddenHedge && configuration.routing.hedge }

    /// In a third of the runs; with numbers of its own, so that the same seeds go on finding what they once found.
    private static func hedges(seed: UInt64) -> Bool {
        var random = SeededRandom(seed: seed &+ 0x5EED)
        return Int.random(in: 0..<3, using: &random) == 0
    }

    /// As if each model had answered for a while: a run is too short for the gateway to find out what is late.
    private func expectFirstTokens(seed: UInt64) {
        guard configuration.routing.hedge else { return }
        var random = SeededRandom(seed: seed &+ 0x1A7E)
        for model in ["m0", "m1", "m2"] {
            let late = planted?.isOfHedging == true ? 0 : UInt64.random(in: 0...2_000_000_000, using: &random)
            for _ in 0..<FirstTokenTimes.minimum { state.hedges.note(late, of: FirstTokenTimes.Key(model: model)) }
        }
    }

    private static func configuration(_ random: inout SeededRandom, seed: UInt64, hasFaults: Bool) -> Configuration {
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
        guard hasFaults else { return configuration }
        // With numbers of its own, so that the same seeds go on finding what they once found.
        var random = SeededRandom(seed: ~seed)
        configuration.routing.retryBudgetPercent = [0, 20, 100].randomElement(using: &random) ?? 20
        configuration.routing.retryBudgetMinimum = [1, 20, 20].randomElement(using: &random) ?? 20
        configuration.breaker.enabled = Int.random(in: 0..<8, using: &random) > 0
        configuration.breaker.minimumRequests = Int.random(in: 1...6, using: &random)
        configuration.breaker.failureRatePercent = [10, 50, 100].randomElement(using: &random) ?? 50
        configuration.breaker.window = .seconds([2, 10, 30].randomElement(using: &random) ?? 30)
        configuration.breaker.open = .seconds(Int.random(in: 1...3, using: &random))
        configuration.breaker.maxOpen = .seconds(10)
        configuration.breaker.halfOpenRequests = Int.random(in: 1...3, using: &random)
        return configuration
    }

    /// What the gateway may do at the most, as the oracle has it.
    struct Bounds {
        let trials: Int
        let retryPercent: Int
        let retryMinimum: Int

        init(_ configuration: Configuration) {
            trials = configuration.breaker.halfOpenRequests
            retryPercent = configuration.routing.retryBudgetPercent
            retryMinimum = configuration.routing.retryBudgetMinimum
        }
    }

    private(set) var bounds: Bounds

    /// The queue as the oracle has it; another one than the gateway's where that is the planted fault.
    func believed(_ queue: Configuration.Queue) -> Configuration.Queue {
        var queue = queue
        switch planted {
        case .tooManyPlaces: queue.maxConcurrent = queue.maxConcurrent.map { max(1, $0 - 2) }
        case .longQueue: queue.maxSize = 1
        case .longWait: queue.maxWait = .seconds(1)
        default: break
        }
        return queue
    }

    /// So that breakers open soon, and there is hardly a retry.
    private static func failEasily(_ configuration: inout Configuration) {
        configuration.breaker.enabled = true
        configuration.breaker.minimumRequests = 1
        configuration.breaker.failureRatePercent = 1
        configuration.breaker.open = .seconds(1)
        configuration.breaker.maxOpen = .seconds(1)
        configuration.breaker.halfOpenRequests = 1
        configuration.routing.maxRetries = 2
        configuration.routing.retryBudgetPercent = 0
        configuration.routing.retryBudgetMinimum = 0
    }

    // MARK: Servers

    var timeouts: Configuration.Timeouts { configuration.timeouts }
    var failureThreshold: Int { configuration.healthCheck.failureThreshold }

    /// A new server, which listens.
    func server(name: String, port: Int, models: [String], tells: String, seed: UInt64) -> ModelServer {
        let server = ModelServer(
            name: name, port: port, models: models, tells: tells, chaos: chaos, loop: loop, trace: trace, asks: book,
            rares: oracle.rares, seed: seed)
        network.listen(host: server.host, port: port, server)
        return server
    }

    /// Does something that must not fail.
    func attempt(_ what: String, _ action: () throws -> Void) {
        trace.note("operator: \(what)")
        do { try action() } catch { oracle.violation("the operator cannot \(what): \(error)") }
    }

    /// Bytes of memory that may be taken now: a lower limit takes nothing away from those that have it.
    func memoryBound() -> Int {
        let (limit, used) = (state.memory.limit, state.memory.used)
        mostMemory = max(limit, min(mostMemory, used))
        return mostMemory
    }

    // MARK: Clients

    private func planClients(first: UInt64) {
        for number in 0..<Int.random(in: 1...10, using: &random) {
            loop.after(UInt64.random(in: first...max(first, span - 1_000_000_000), using: &random)) { [self] in
                openClient(number)
            }
        }
    }

    /// Clients that come together, each with little to ask.
    private func planCrowd(first: UInt64) {
        let start = lots.instant(from: first, to: max(first, span * 3 / 4))
        for index in 0..<lots.crowd() {
            loop.after(start + lots.instant(from: 0, to: 1_000_000_000)) { [self] in
                let asks = (0..<lots.count(1...2)).map { _ in lots.small(book) }
                open(100 + index, asks: asks, isPipelining: false)
            }
        }
    }

    private func openClient(_ number: Int) {
        open(
            number, asks: (0..<Int.random(in: 1...5, using: &random)).map { _ in lots.decorate(ask(), in: book) },
            isPipelining: Int.random(in: 0..<5, using: &random) == 0)
    }

    private func open(_ number: Int, asks: @autoclosure () -> [Ask], isPipelining: @autoclosure () -> Bool) {
        guard !oracle.isDraining else { return oracle.sometimes(.connectionRefusedWhileDraining) }
        let (near, far) = network.pair()
        let channel = network.client(far)
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
            number, asks: asks(), isPipelining: isPipelining(), habit: habit(),
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
        // Those that take nothing are what uses memory up.
        let isTight = state.memory.limit < 1024 * 1024 && Int.random(in: 0..<2, using: &random) == 0
        if chaos.strikes(.readNothing) || isTight { return .readsNothing(delay) }
        return .patient
    }

    private func ask() -> Ask {
        let kinds: [Ask.Kind] = [
            .chat, .chat, .chat, .stream, .stream, .stream, .stream, .messages, .messagesStream, .ollama, .ollamaStream,
            .models, .health, .page, .unknownModel, .unknownPath,
            .brokenBody,
        ]
        let kind = kinds.randomElement(using: &random) ?? .chat
        let model =
            kind == .unknownModel ? "nobody-has-it" : ["m0", "m0", "m0", "alias"].randomElement(using: &random) ?? "m0"
        var size = [3, 40, 40, 40, 400, 400, 400, 8000].randomElement(using: &random) ?? 40
        let isTight = state.memory.limit < 1024 * 1024 && Int.random(in: 0..<2, using: &random) == 0
        // Beyond what a whole answer is held back for; a stream of it fills a client that reads nothing.
        if kind == .chat || kind == .stream, Int.random(in: 0..<10, using: &random) == 0 || isTight { size = 60_000 }
        // What is so large is looked at on another thread.
        let isOftenLarge = chaos.isOn(.slowWork) || state.memory.limit < 2 * 1024 * 1024
        let padding =
            Int.random(in: 0..<(isOftenLarge ? 10 : 80), using: &random) == 0
            ? [20_000, 100_000, 300_000].randomElement(using: &random) ?? 0 : 0
        // Half of a whole answer that is so long is more than is held back: it can break off.
        let fewest = kind == .chat && size == 60_000 ? 10 : 1
        let (pieces, isChunked) = (
            Int.random(in: fewest...12, using: &random), Int.random(in: 0..<4, using: &random) == 0
        )
        let wantsContinue = Int.random(in: 0..<8, using: &random) == 0
        return book.add {
            Ask(
                number: $0, kind: kind, model: model, pieces: pieces, size: size, isChunked: isChunked,
                wantsContinue: wantsContinue, padding: padding)
        }
    }

    // MARK: The operator

    private func planOperator() {
        func sometime(_ fault: Fault, tries: Int = 1, _ action: @escaping () -> Void) {
            guard chaos.strikes(fault, tries: tries) else { return }
            loop.after(UInt64.random(in: span / 4...span, using: &random)) { [self] in
                trace.note("operator: \(fault.rawValue)")
                action()
            }
        }
        sometime(.reload) { [self] in reload() }
        sometime(.drainBackend) { [self] in
            if let last = registry.snapshot.backends.last { registry.drain(id: last.identity.id) }
        }
        sometime(.changeLimits, tries: 3) { [self] in
            configuration.queue = lots.queue()
            applySettings()
        }
        sometime(.changeNames, tries: 3) { [self] in
            lots.names(&configuration.routing)
            oracle.names.take(configuration.routing)
            applySettings()
        }
        for fault in Fault.ofTheFleet {
            sometime(fault, tries: 3) { [self] in attempt("\(fault)") { try fleet.change(fault) } }
        }
        sometime(.setClock, tries: 3) { [self] in loop.setWall(by: Int64.random(in: -100_000...100_000, using: &random))
        }
        let limit = UInt64.random(in: 1...40, using: &random) * 1_000_000_000
        sometime(.shutDown) { [self] in shutDown(within: limit) }
        guard chaos.strikes(.commands, tries: 4) else { return }
        for _ in 0..<lots.count(1...8) {
            loop.after(lots.instant(from: span / 8, to: span)) { [self] in attempt("command") { try orders.give() } }
        }
    }

    /// Does beside the gateway what it should not do.
    private func sabotage() {
        guard let planted, let first = fleet.standings.first else { return }
        let counters = first.counters
        switch planted {
        case .lostPlace: stolen = counters.begin(limit: nil)
        case .lostSharedPlace: stolenPlaces = gateway.takePlaces(model: "m0")
        case .wrongBlame: counters.ended(.failure)
        case .wrongOpening:
            for _ in 0..<2 where counters.told(.unreachable, trial: nil, now: loop.now.uptimeNanoseconds) {
                registry.breakerChanged(of: first.id, now: Clock.preciseWallSeconds())
            }
        case .wrongHealth:
            for _ in 0..<failureThreshold {
                registry.record(HealthReport(outcome: .unhealthy), of: first.id, now: Clock.preciseWallSeconds())
            }
        case .secondRecord:
            if let entry = gateway.records(after: 0).last { gateway.repeatRecord(entry) }
        default: break
        }
    }

    /// As soon as somebody waits.
    private func sabotageQueue() {
        loop.after(10_000_000) { [self] in
            guard let waiting = oracle.queue.waiting.first else { return sabotageQueue() }
            guard planted == .lostWakeUp else { return waiting.forget() }
            waiting.loseWakeUps()
            oracle.queue.overlookOne()
        }
    }

    private func reload() {
        configuration.routing.strategy =
            Configuration.Routing.Strategy.allCases.randomElement(using: &random) ?? .smart
        configuration.routing.maxRetries = Int.random(in: 0...2, using: &random)
        applySettings()
    }

    private func applySettings() {
        state.settings = LiveSettings(configuration)
        updates.send()
    }

    private var stolenPlaces: SharedPlaces?
    private var isEmpty = false
    private var stolen: Lease?

    /// As the process does it: what is under way ends, and after a while is ended.
    func shutDown(within limit: UInt64) {
        guard !oracle.isDraining else { return }
        oracle.isDraining = true
        if gateway.underWayCount > 0 { oracle.sometimes(.drainedWithExchanges) }
        audience.beginDraining()
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
        go(until: span, stepLimit) { true }
        guard oracle.violation == nil else { return }
        recover()
        let end = span + restSeconds * 1_000_000_000
        go(until: end, stepLimit) { !isAtRest }
        // Probes under way, the rest of answers and former instances end by themselves. The next probes begin meanwhile.
        go(until: loop.elapsed + 20_000_000_000, stepLimit) { isBusy }
        if oracle.violation == nil { oracle.checkRest() }
        guard oracle.violation == nil, !audience.members.isEmpty || gateway.sessionCount > 0 else { return }
        checkAudience(stepLimit)
    }

    private func recover() {
        trace.note("faults stop")
        chaos.isOver = true
        configuration.server.maxMemoryBytes = 256 * 1024 * 1024
        state.settings = LiveSettings(configuration)
        for server in fleet.servers { server.recover() }
        for client in clients { client.recover() }
        audience.recover()
    }

    /// Goes on for as long as it must.
    private func go(until end: UInt64, _ stepLimit: UInt64, while goesOn: () -> Bool) {
        while oracle.violation == nil, goesOn(), loop.step(until: end) {
            oracle.look()
            watchStatuses()
            troubles.look(self)
            guard loop.steps < stepLimit else { return oracle.violation("no end after \(stepLimit) steps") }
        }
    }

    /// Subscribers are told all there is, and then go.
    private func checkAudience(_ stepLimit: UInt64) {
        var missing: String?
        for _ in 0..<150 {
            let soon = loop.elapsed + 200_000_000
            go(until: soon, stepLimit) { true }
            missing = audience.missing
            if missing == nil { break }
        }
        if let missing { oracle.violation("30 s after all came to rest \(missing)") }
        audience.dismiss()
        let limit = loop.elapsed + (Audience.silentSeconds + 5) * 1_000_000_000
        go(until: limit, stepLimit) { !audience.members.isEmpty || gateway.sessionCount > 0 }
        if oracle.violation == nil { audience.checkRest() }
    }

    private var isAtRest: Bool {
        loop.elapsed > span && book.unsettled.isEmpty && clientChannels.isEmpty && clients.allSatisfy { !$0.isWaiting }
    }

    private var isBusy: Bool {
        !services.callsUnderWay.isEmpty || work.isUnderWay || !fleet.retiring.isEmpty
            || fleet.standings.contains { $0.taskCount > 0 }
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
            let standing = fleet.standings.last { $0.id == id }
            if backend.status == .degraded { oracle.sometimes(.becameDegraded) }
            if backend.lastError?.hasPrefix("The server answered neither") == true { oracle.sometimes(.wentSilent) }
            if before == .degraded, backend.status == .healthy { oracle.sometimes(.servesAgain) }
            // Its probes are as they were.
            if before.serves, backend.status.serves { continue }
            // Nor are they other than before when it takes requests again.
            if chaos.isOn(.commands), before == .draining || backend.status == .draining { continue }
            if backend.status == .unhealthy {
                oracle.sometimes(.becameUnhealthy)
                if let standing { oracle.becameUnhealthy(standing, before: before) }
            } else if let standing {
                standing.blameWhenWell = standing.blame
            }
            if backend.status == .healthy, before == .unhealthy { oracle.sometimes(.becameHealthy) }
        }
    }

    /// Takes it apart again, so that the thread is free for another one.
    func end() {
        for (channel, _) in clientChannels { channel.close(promise: nil) }
        audience.end()
        configuration.healthCheck.enabled = false
        monitor.schedule(configuration.healthCheck)
        gateway.stop()
        // Once more after what is due at once: a probe may just be beginning.
        for _ in 0..<2 {
            let soon = loop.elapsed + 100_000_000
            while loop.step(until: soon) {}
            for driver in fleet.drivers { driver.closeConnections(on: loop) }
            let end = loop.elapsed + 60_000_000_000
            while isBusy || fleet.drivers.contains(where: { !$0.isIdle }), loop.step(until: end) {}
        }
        fleet.end()
        services.unbindFromThread()
        meddler.end()
        loop.finish()
        updates.end()
    }
}
