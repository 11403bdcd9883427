import AdapterHost
import Core
import Logging

/// The backends that run, and how they are brought in line with those that are wanted. Changes must come one at a time.
actor RunningBackends {
    private struct Running {
        var part: BackendPlan.Part
        var driver: AdapterBackend?
        /// Different for each instance, and for each change that has none: what ends late must not undo what came after.
        var generation: Int
        /// The first probe of the instance.
        var firstProbe: Task<Void, Never>?
    }

    private let registry: Registry
    private let factory: BackendFactory
    private let retirement: Retirement
    private let logger: Logger
    private let probe: @Sendable (AdapterBackend) async -> Void
    private let abandon: @Sendable (any BackendDriver, _ reason: String) async -> Void
    private var running: [String: Running] = [:]
    /// Instances that are on their way out, by the name of their backend and their generation. A backend that was removed is
    /// there until the last of them has ended.
    private var leaving: [String: [Int: any BackendDriver]] = [:]
    private var generations = 0

    /// - Parameters:
    ///   - prepareTLS: called before the first connection to an https server.
    ///   - probe: called with each new instance, when it is in the registry; returns when the probe has ended.
    ///   - abandon: ends what an instance has under way.
    init(
        registry: Registry, retirement: Retirement, logs: Logs, prepareTLS: @escaping @Sendable () async -> Void,
        probe: @escaping @Sendable (AdapterBackend) async -> Void,
        abandon: @escaping @Sendable (any BackendDriver, _ reason: String) async -> Void
    ) {
        self.registry = registry
        self.retirement = retirement
        logger = logs.backends
        self.probe = probe
        self.abandon = abandon
        factory = BackendFactory(registry: registry, logger: logs.adapters, prepareTLS: prepareTLS)
    }

    /// Makes, changes and ends backends until they are the wanted ones. A backend that cannot be made is in the registry
    /// with the reason, so that the operator sees it where he looks.
    /// - Parameter atOnce: names of backends whose exchanges are not waited for if they go.
    func bring(
        to definitions: [Configuration.Backend], library: AdapterLibrary, atOnce: Set<String> = []
    ) async -> ReloadOutcome {
        var outcome = ReloadOutcome()
        let wanted = definitions.map { given in
            // What is not understood stays as it is, and cannot be made for that reason.
            let definition = (try? library.resolved(given)) ?? given
            return BackendPlan.Part(definition: definition, image: library.image(type: definition.type)?.ordinal)
        }
        // By name, so that the same change is always told in the same order.
        let parts = running.values.map(\.part).sorted { $0.definition.name < $1.definition.name }
        for step in BackendPlan.steps(running: parts, wanted: wanted) {
            await take(step, library, atOnce, &outcome)
        }
        outcome.unchanged = wanted.count - outcome.added.count - outcome.changed.count
        return outcome
    }

    /// Returns when the newest instance of a backend has been probed once; at once if there is none.
    func firstProbe(of name: String) async { await running[name]?.firstProbe?.value }

    /// Returns when every backend has been probed once.
    func firstProbes() async {
        for probe in running.values.compactMap(\.firstProbe) { await probe.value }
    }

    private func take(
        _ step: BackendPlan.Step, _ library: AdapterLibrary, _ atOnce: Set<String>, _ outcome: inout ReloadOutcome
    ) async {
        switch step {
        case .add(let definition):
            await set(definition, library, keepsState: false, &outcome)
            outcome.added.append(definition.name)
        case .replace(let definition, let keepsState):
            await set(definition, library, keepsState: keepsState, &outcome)
            outcome.changed.append(definition.name)
        case .relabel(let definition):
            registry.relabel(
                BackendFactory.identity(
                    of: definition, source: definition.source, image: running[definition.name]?.driver?.image))
            tell(definition, before: running[definition.name]?.part.definition)
            running[definition.name]?.part.definition = definition
            outcome.changed.append(definition.name)
        case .withdraw(let definition):
            outcome.changed.append(definition.name)
            await withdraw(definition, &outcome)
        case .remove(let id):
            outcome.removed.append(id)
            await remove(id, atOnce: atOnce.contains(id))
        }
    }

    /// Says that an operator has drained it, or the opposite.
    private func tell(_ definition: Configuration.Backend, before: Configuration.Backend?) {
        guard let before, before.isEnabled != definition.isEnabled else { return }
        log(definition, definition.isEnabled ? "backend enabled" : "backend drained")
    }

    // MARK: Steps

    private func set(
        _ definition: Configuration.Backend, _ library: AdapterLibrary, keepsState: Bool,
        _ outcome: inout ReloadOutcome
    ) async {
        let image = library.image(type: definition.type)
        let identity = BackendFactory.identity(of: definition, source: definition.source, image: image)
        let before = running[definition.name]
        var part = BackendPlan.Part(definition: definition, image: image?.ordinal)
        do throws(AdapterBackend.CreateFailure) {
            let driver = try await factory.make(definition, identity, library: library)
            put(identity, driver, keepsState: keepsState, lastError: nil)
            let probe = probe
            running[definition.name] = Running(
                part: part, driver: driver, generation: nextGeneration(), firstProbe: Task { await probe(driver) })
            log(definition, before == nil ? "backend added" : "backend changed")
        } catch {
            outcome.warnings.append("\(definition.name): \(error.message)")
            if let before, before.part.definition == definition, before.driver != nil {
                // Only its adapter is new, and does not take what the one before took: that one goes on.
                logger.error(
                    "a new version of the adapter cannot be used, the one before goes on",
                    metadata: [
                        "backend": "\(definition.name)", "type": "\(definition.type)", "reason": "\(error.message)",
                    ])
                running[definition.name]?.part = part
                return
            }
            logger.error(
                "backend cannot be used",
                metadata: ["backend": "\(definition.name)", "type": "\(definition.type)", "reason": "\(error.message)"])
            part.isFailed = true
            put(identity, FailedBackend(), keepsState: false, lastError: error.message)
            running[definition.name] = Running(part: part, driver: nil, generation: nextGeneration())
        }
        if let before { await retire(before, of: definition.name) }
    }

    private func put(_ identity: BackendIdentity, _ driver: any BackendDriver, keepsState: Bool, lastError: String?) {
        // One that is draining under the same name is still there.
        if registry.add(identity, driver: driver, lastError: lastError) { return }
        registry.replace(identity, driver: driver, keepsState: keepsState, lastError: lastError)
    }

    private func withdraw(_ definition: Configuration.Backend, _ outcome: inout ReloadOutcome) async {
        let reason = "the adapter of type \"\(definition.type)\" was removed; put it back, or remove this backend"
        outcome.warnings.append("\(definition.name): \(reason)")
        let generation = nextGeneration()
        let before = running[definition.name]
        let part = BackendPlan.Part(definition: definition, image: nil, isFailed: true)
        running[definition.name] = Running(part: part, driver: nil, generation: generation)
        registry.drain(id: definition.name)
        log(definition, "backend draining: its adapter was removed")
        guard let before, before.driver != nil else { return }
        let identity = BackendFactory.identity(of: definition, source: definition.source, image: nil)
        await retire(before, of: definition.name) { backends in
            backends.withdrawn(identity, generation, reason: reason)
        }
    }

    private func withdrawn(_ identity: BackendIdentity, _ generation: Int, reason: String) {
        guard running[identity.id]?.generation == generation else { return }
        registry.replace(identity, driver: FailedBackend(), keepsState: false, lastError: reason)
    }

    /// - Parameter atOnce: what it has under way ends now.
    private func remove(_ id: String, atOnce: Bool) async {
        guard let before = running.removeValue(forKey: id) else { return }
        log(before.part.definition, "backend removed")
        registry.drain(id: id)
        await retire(before, of: id)
        removeIfGone(id)
        if atOnce { await endNow(id) }
    }

    /// Ends what a backend has under way that was removed, also at instances that others had taken over from before.
    func endNow(_ id: String) async {
        guard running[id] == nil, let left = leaving[id] else { return }
        for (_, driver) in left.sorted(by: { $0.key < $1.key }) {
            await abandon(driver, "The backend \(id) was removed.")
        }
    }

    private func removeIfGone(_ id: String) {
        if running[id] == nil, leaving[id] == nil { registry.remove(id: id) }
    }

    // MARK: Instances on their way out

    /// Ends an instance when nothing of it is under way any more. Something else stands for it, or nothing.
    /// - Parameter ended: called then.
    private func retire(
        _ before: Running, of id: String, ended: @escaping @Sendable (isolated RunningBackends) -> Void = { _ in }
    ) async {
        guard let driver = before.driver else { return }
        leaving[id, default: [:]][before.generation] = driver
        await retirement.retire(driver) { [self] in
            Task { await left(id, before.generation, then: ended) }
        }
    }

    private func left(
        _ id: String, _ generation: Int, then ended: @Sendable (isolated RunningBackends) -> Void
    ) {
        leaving[id]?[generation] = nil
        if leaving[id]?.isEmpty == true { leaving[id] = nil }
        removeIfGone(id)
        ended(self)
    }

    // MARK: Small things

    private func nextGeneration() -> Int {
        generations += 1
        return generations
    }

    private func log(_ definition: Configuration.Backend, _ message: Logger.Message) {
        logger.info(
            message,
            metadata: [
                "backend": "\(definition.name)", "type": "\(definition.type)", "url": "\(definition.url)",
            ])
    }
}
