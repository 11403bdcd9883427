import Core
import OpenAICompat
import PluginAPI
import Upstream

@testable import AdapterHost
@testable import Gateway

/// The backends of a run, and how a reload changes them: by the gateway's own plan (`BackendPlan`), and in the order in which
/// `RunningBackends` carries it out, which itself is not for one thread.
final class Fleet {
    /// One instance of the adapter, and the server that it was made for.
    final class Member {
        let driver: AdapterBackend
        let server: ModelServer
        init(_ driver: AdapterBackend, _ server: ModelServer) {
            self.driver = driver
            self.server = server
        }
    }

    /// One entry of the registry, with all that has stood behind it.
    final class Standing {
        let id: String
        let counters: BackendCounters
        /// That have not been destroyed.
        fileprivate(set) var members: [Member] = []
        fileprivate(set) var servers: [ModelServer] = []
        /// Exchanges that may be in flight.
        private var limit: Int
        private var bound: Int
        /// Of its servers, when it last became healthy or was new.
        var blameWhenWell = 0

        init(id: String, counters: BackendCounters, limit: Int?) {
            self.id = id
            self.counters = counters
            self.limit = limit ?? .max
            bound = self.limit
        }

        /// Faults of its servers.
        var blame: Int { servers.reduce(0) { $0 + $1.blame } }
        var taskCount: Int { members.reduce(0) { $0 + $1.driver.taskCount } }

        /// More may be in flight than are allowed now, if they were before.
        func setLimit(_ limit: Int?) {
            self.limit = limit ?? .max
            bound = max(bound, self.limit)
        }

        /// How many may be in flight now.
        func look() -> Int {
            if bound > limit { bound = max(limit, min(bound, counters.inFlight)) }
            return bound
        }
    }

    private struct Running {
        var definition: Configuration.Backend
        var member: Member
        var standing: Standing
    }

    private unowned let world: World
    private let image: AdapterImage
    private let registry: Registry
    private var running: [String: Running] = [:]
    /// What is described, and what commands have made of it.
    private(set) var state = Reconfigurer.State(configuration: Configuration())
    /// Instances on their way out, by the name of their backend.
    private var leaving: [String: [Member]] = [:]
    private var definitions: [Configuration.Backend] {
        get { state.configuration.backends }
        set { state.configuration.backends = newValue }
    }
    private(set) var standings: [Standing] = []
    /// Instances on their way out.
    private(set) var retiring: [Member] = []
    private(set) var servers: [ModelServer] = []
    /// Nothing of it has changed in this run.
    private(set) var isSteady = true
    private var random: SeededRandom

    init(_ world: World, image: AdapterImage, registry: Registry, seed: UInt64) {
        self.world = world
        self.image = image
        self.registry = registry
        random = SeededRandom(seed: seed)
    }

    /// Makes the backends with which the run begins.
    func begin() throws {
        state.configuration.timeouts = world.timeouts
        for _ in 0..<Int.random(in: 1...3, using: &random) { definitions.append(try definition(named: nil)) }
        try bring()
        isSteady = true
    }

    /// The adapter changes what streams ask for, and large requests on another thread.
    private static let asksForUsage = #"{"usage":"always"}"#

    // MARK: What is wanted

    /// A backend with a server of its own.
    func definition(named name: String?) throws -> Configuration.Backend {
        let index = servers.count
        let models = ["m0"] + (1..<3).filter { _ in Bool.random(using: &random) }.map { "m\($0)" }
        let server = world.server(
            name: "b\(index)", port: 9000 + index, models: models, tells: world.lots.tells(), seed: random.next())
        servers.append(server)
        var definition = Configuration.Backend(
            name: name ?? server.name, type: image.type,
            url: try BackendURL("\(server.scheme)://\(server.host):\(server.port)"))
        definition.priority = Int.random(in: 0...2, using: &random)
        definition.maxConcurrent =
            world.hasFaults && Int.random(in: 0..<3, using: &random) == 0 ? Int.random(in: 1...4, using: &random) : nil
        definition.timeouts = world.timeouts
        if definition.maxConcurrent == nil { definition.maxConcurrent = world.lots.backendLimit() }
        if Int.random(in: 0..<4, using: &random) == 0 { definition.options = Self.asksForUsage }
        return definition
    }

    /// Changes something that is drawn.
    func change(_ fault: Fault) throws {
        guard let place = definitions.indices.randomElement(using: &random) else { return }
        switch fault {
        case .replaceServer: definitions[place].url = try definition(named: nil).url
        case .renewInstance: definitions[place].options = definitions[place].options == "{}" ? Self.asksForUsage : "{}"
        case .relabelBackend:
            definitions[place].priority = Int.random(in: 0...2, using: &random)
            definitions[place].maxConcurrent = Bool.random(using: &random) ? Int.random(in: 1...3, using: &random) : nil
        case .addBackend: definitions.append(try definition(named: nil))
        case .removeBackend:
            let before = definitions.remove(at: place)
            // Under the same name comes another server, or the same one, while the one before may still be on its way out.
            let isSame = Bool.random(using: &random)
            world.loop.after(UInt64.random(in: 1_000_000...6_000_000_000, using: &random)) { [self] in
                world.attempt("bring back \(before.name)") {
                    var next = before
                    if !isSame { next.url = try definition(named: nil).url }
                    definitions.append(next)
                    try bring()
                }
            }
        default: return
        }
        try bring()
    }

    // MARK: Commands

    /// Does what a command says, as `Administration` does it.
    /// - Parameter atOnce: what this backend has under way ends if it goes.
    /// - Returns: the name of the backend.
    func apply(
        atOnce: String?, _ step: (inout Reconfigurer.State) throws -> (String, Bool)
    ) throws -> String {
        var next = state
        let (name, isChanged) = try step(&next)
        state = next
        if isChanged { try bring(atOnce: atOnce) } else if let atOnce { endNow(atOnce) }
        return name
    }

    func isRunning(_ name: String) -> Bool { running[name] != nil }
    func inFlight(_ name: String) -> Int { standings.last { $0.id == name }?.counters.inFlight ?? 0 }

    /// All instances of a backend that there are.
    func members(of name: String) -> [Member] {
        (running[name].map { [$0.member] } ?? []) + (leaving[name] ?? [])
    }

    // MARK: A reload

    private func bring(atOnce: String? = nil) throws {
        isSteady = false
        let parts = running.values.map { BackendPlan.Part(definition: $0.definition, image: image.ordinal) }
            .sorted { $0.definition.name < $1.definition.name }
        let wanted = state.applied.backends.map { BackendPlan.Part(definition: $0, image: image.ordinal) }
        for step in BackendPlan.steps(running: parts, wanted: wanted) {
            switch step {
            case .add(let definition): try set(definition, keepsState: false)
            case .replace(let definition, let keepsState): try set(definition, keepsState: keepsState)
            case .relabel(let definition): relabel(definition)
            case .remove(let id): remove(id, atOnce: id == atOnce)
            // The adapter stays.
            case .withdraw: break
            }
        }
    }

    private func identity(_ definition: Configuration.Backend) -> BackendIdentity {
        BackendFactory.identity(of: definition, source: definition.source, image: image)
    }

    private func set(_ definition: Configuration.Backend, keepsState: Bool) throws {
        let url = definition.url
        guard let server = servers.first(where: { $0.port == url.port }) else { return }
        let identity = identity(definition)
        let driver = try AdapterBackend(
            identity: identity, image: image,
            target: UpstreamTarget(host: url.host, port: url.port, isTLS: url.isTLS, basePath: ""),
            apiKeys: [world.planted == .toldKey ? "another" : "\(Secret.key)"], options: definition.options,
            registry: registry, logger: world.state.logs.adapters)
        let before = running[definition.name]
        let standing: Standing
        if registry.add(identity, driver: driver) {
            guard let counters = registry.snapshot.backends.last?.counters else { return }
            standing = Standing(id: identity.id, counters: counters, limit: definition.maxConcurrent)
            standings.append(standing)
            if !world.isBeginning { world.oracle.sometimes(.addedLater) }
        } else {
            registry.replace(identity, driver: driver, keepsState: keepsState)
            guard let present = standings.last(where: { $0.id == identity.id }) else { return }
            standing = present
            standing.setLimit(definition.maxConcurrent)
            if before == nil { world.oracle.sometimes(.addedWhileDraining) }
            if !keepsState { standing.blameWhenWell = standing.blame }
        }
        let member = Member(driver, server)
        standing.members.append(member)
        standing.servers.append(server)
        running[definition.name] = Running(definition: definition, member: member, standing: standing)
        world.monitor.probe(driver)
        if let before { retire(before) }
    }

    private func relabel(_ definition: Configuration.Backend) {
        if world.planted != .ignoredDrain || definition.isEnabled { registry.relabel(identity(definition)) }
        running[definition.name]?.definition = definition
        guard let standing = running[definition.name]?.standing else { return }
        standing.setLimit(definition.maxConcurrent)
    }

    private func remove(_ id: String, atOnce: Bool) {
        guard let before = running.removeValue(forKey: id) else { return }
        registry.drain(id: id)
        retire(before)
        if atOnce { endNow(id) }
    }

    /// When no loop gives it anything new.
    private func endNow(_ id: String) {
        guard running[id] == nil, world.planted != .keptDespiteNow else { return }
        world.loop.soon { [self] in
            for member in leaving[id] ?? [] {
                member.driver.abandon(on: world.loop, reason: "The backend \(id) was removed.")
            }
        }
    }

    /// The instance ends once nothing of it is under way, as `Retirement` has it end. The last one of a backend that was removed
    /// takes its entry with it.
    private func retire(_ before: Running) {
        let (id, member) = (before.definition.name, before.member)
        leaving[id, default: []].append(member)
        retire(before) { [self] in
            leaving[id]?.removeAll { $0 === member }
            if leaving[id]?.isEmpty == true { leaving[id] = nil }
            if running[id] == nil, leaving[id] == nil { registry.remove(id: id) }
        }
    }

    private func retire(_ before: Running, ended: @escaping () -> Void) {
        retiring.append(before.member)
        // In a turn of its own: the loop takes over what is newest.
        world.loop.soon { [self] in
            world.gateway.takeOver()
            if before.member.driver.taskCount > 0 { world.oracle.sometimes(.replacedInUse) }
            before.member.driver.retire()
            endWhenIdle(before, ended)
        }
    }

    private func endWhenIdle(_ before: Running, _ ended: @escaping () -> Void) {
        let member = before.member
        guard member.driver.isIdle, world.planted != .keptInstance else {
            return world.loop.after(10_000_000) { [self] in endWhenIdle(before, ended) }
        }
        guard member.driver.endNow(services: world.services) else {
            return world.oracle.violation("an idle instance of \(before.definition.name) does not end")
        }
        retiring.removeAll { $0 === member }
        before.standing.members.removeAll { $0 === member }
        ended()
    }

    // MARK: Of the run

    /// All instances that there are.
    var drivers: [AdapterBackend] { standings.flatMap(\.members).map(\.driver) }

    /// Takes all of it down.
    func end() {
        for standing in standings {
            for member in standing.members where !member.driver.endNow(services: world.services) {
                world.oracle.violation("\(standing.id) does not end")
            }
            registry.remove(id: standing.id)
        }
        for server in servers { server.end() }
    }
}
