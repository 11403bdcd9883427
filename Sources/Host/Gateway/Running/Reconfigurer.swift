import AdapterHost
import Config
import Core
import Logging
import NIOCore
import Synchronization
import Upstream

/// Reads the configuration again, as at the start; the error says everything that is wrong. `atRest`: not before nobody has
/// touched the file for a while.
public typealias ConfigurationReload = @Sendable (_ atRest: Bool) async throws -> Configuration

/// Follows the configuration file and the adapter directories while the gateway runs: each change is applied as a whole,
/// one after another.
final class Reconfigurer: Sendable {
    struct State {
        var configuration: Configuration
        /// What operators have changed since the start, and before it as far as that was kept.
        var overlay = BackendOverlay()
        /// What of it is kept across restarts.
        var kept = BackendOverlay()
        var file: StateFile?
        /// Servers that were found on this machine when nothing was configured.
        var discovered: [Configuration.Backend] = []
        var watcher: AdapterWatcher?
        /// Looks in a row that have not seen everything; the next one is under way or planned.
        var incompleteLooks = 0
        var willLookAgain = false
        /// Directories that somebody has named and that are not there, as the log has told.
        var missing: Set<String> = []
    }

    /// After which directories are looked at again that could not be read: soon, and later not so often.
    private static func delay(afterLooks count: Int) -> Duration { .seconds(count <= 10 ? 3 : 60) }

    let state: Mutex<State>
    let shared: GatewayState
    let updates: LoopUpdates
    let backends: RunningBackends
    private let monitor: HealthMonitor
    private let load: ConfigurationReload
    private let tls: TLSContexts
    let trials: Trials
    private let ownPort: SharedPort
    let work = SerialWork()
    /// Commands for which servers are asked what they are.
    let searches = Atomic<Int>(0)

    init(
        configuration: Configuration, shared: GatewayState, updates: LoopUpdates, backends: RunningBackends,
        monitor: HealthMonitor, load: @escaping ConfigurationReload, tls: TLSContexts, trials: Trials,
        ownPort: SharedPort
    ) {
        state = Mutex(State(configuration: configuration, file: configuration.stateFile.map(StateFile.init)))
        self.shared = shared
        self.updates = updates
        self.backends = backends
        self.monitor = monitor
        self.load = load
        self.tls = tls
        self.trials = trials
        self.ownPort = ownPort
        shared.applied(configuration)
    }

    // MARK: Changes

    /// Loads the adapters and makes the backends; at the start, before anything is served.
    func begin() async {
        await work.run { [self] in
            // First, so that no change falls between the look and the watch.
            watch()
            shared.library = await look(before: shared.library)
            tellOfAdapters(before: AdapterLibrary())
            lookAgainIfNeeded()
            takeUpKept()
            _ = await bring()
        }
    }

    /// Looks for servers if nothing is configured; what is found is served.
    func beginDiscovery() async {
        guard configuration.discover else { return }
        await work.run { [self] in
            await discoverMore()
            if state.withLock({ $0.discovered.isEmpty && $0.overlay.added.isEmpty }) {
                shared.logger.warning(
                    "no backend is configured and no server answers at its default address; run 'nexus config init' and name one"
                )
            }
        }
    }

    /// The files of the adapter directories have changed.
    func adaptersChanged() async {
        await work.run { [self] in _ = await lookAtAdapters() }
    }

    /// Reads the configuration again. With anything wrong in it everything stays as it was.
    /// - Parameter allowsEmpty: also one that names no backend any more is taken.
    func reload(allowsEmpty: Bool) async -> ReloadOutcome {
        await work.run { [self] in
            let new: Configuration
            do {
                new = try await read()
            } catch {
                shared.logger.error("the configuration was not reloaded, the one before stays: \(Self.words(error))")
                return ReloadOutcome(problem: Self.words(error))
            }
            if let refusal = ReloadGuard.refusal(configuration, new, allowsEmpty: allowsEmpty) {
                shared.logger.error("the configuration was not reloaded, the one before stays. \(refusal)")
                return ReloadOutcome(problem: refusal, code: ReloadGuard.code)
            }
            if let refusal = ListenGuard.refusal(configuration, new) {
                shared.logger.error("the configuration was not reloaded, the one before stays. \(refusal)")
                return ReloadOutcome(problem: refusal, code: ListenGuard.code)
            }
            let files: ReloadedFiles
            do {
                files = try await ReloadedFiles.read(new, listener: shared.listener, backends: tls)
            } catch {
                shared.logger.error("the configuration was not reloaded, the one before stays. \(Self.words(error))")
                return ReloadOutcome(problem: Self.words(error))
            }
            let differences = ConfigurationChanges(self.configuration, new)
            let restarts = RestartKeys.changed(self.configuration, new)
            let warnings = files.warnings + apply(new, files)
            await Self.aside { [shared] in
                shared.keepHistory(new.history)
                shared.keepCaptures(new.captures)
            }
            var outcome: ReloadOutcome
            if let brought = await lookAtAdapters() { outcome = brought } else { outcome = await bring() }
            if new.discover { await discoverMore() }
            let notes = warnings + overlayNotes
            outcome.warnings = notes + outcome.warnings
            (outcome.differences, outcome.needsRestart) = (differences, restarts)
            await updates.delivered()
            for note in notes { shared.logger.warning("\(note)") }
            shared.logger.info("configuration reloaded", metadata: outcome.logFields)
            return outcome
        }
    }

    /// Of what keeps a configuration from being taken.
    private static func words(_ error: any Error) -> String {
        switch error {
        case let error as ConfigurationError: error.description
        case let error as PEMFile.Unusable: error.description
        default: ErrorWords.describe(error)
        }
    }

    func stop() { state.withLock { $0.watcher }?.stop() }

    /// Returns when all that was begun by now is done.
    func settled() async { await work.run {} }

    // MARK: Parts of a change

    var configuration: Configuration { state.withLock { $0.configuration } }

    /// A file that cannot be read, or that removes something, is read once more when it has come to rest.
    private func read() async throws -> Configuration {
        if let new = try? await load(false), !ReloadGuard.loses(configuration, new) { return new }
        return try await load(true)
    }

    /// Takes over what needs no backend to change. Tells of what takes a restart.
    private func apply(_ new: Configuration, _ files: ReloadedFiles) -> [String] {
        let old = configuration
        state.withLock { state in
            state.configuration = new
            if !new.discover { state.discovered = [] }
        }
        files.apply(listener: shared.listener, backends: tls, shared.logger)
        shared.settings = LiveSettings(new, keys: shared.settings.keyring)
        shared.applied(new)
        if old.tracing != new.tracing { shared.trace(shared.settings.tracing) }
        shared.registry.setThresholds(
            failure: new.healthCheck.failureThreshold, recovery: new.healthCheck.recoveryThreshold)
        shared.registry.setBreaker(new.breaker)
        if old.healthCheck != new.healthCheck { monitor.schedule(new.healthCheck) }
        GatewayLog.set(new.logging)
        if old.adapters != new.adapters { watch() }
        updates.send()
        return RestartKeys.changed(old, new).map {
            "\($0) has changed in the file; that takes a restart: the gateway goes on listening where it does"
        }
    }

    /// - Parameter atOnce: names of backends whose exchanges are not waited for if they go.
    func bring(atOnce: Set<String> = []) async -> ReloadOutcome {
        let wanted = state.withLock { $0.applied }
        return await backends.bring(to: wanted.backends, library: shared.library, atOnce: atOnce)
    }

    /// What has become of the backends, if adapters have changed; nil: none has.
    private func lookAtAdapters() async -> ReloadOutcome? {
        let before = shared.library
        shared.library = await look(before: before)
        tellOfAdapters(before: before)
        lookAgainIfNeeded()
        guard before.images.map(\.ordinal) != shared.library.images.map(\.ordinal) else { return nil }
        let outcome = await bring()
        if configuration.discover { await discoverMore() }
        return outcome
    }

    /// What could not be looked at stays as it was; no event may tell when it can be read again.
    private func lookAgainIfNeeded() {
        let isComplete = shared.library.unread.isEmpty
        let count = state.withLock { state -> Int? in
            state.incompleteLooks = isComplete ? 0 : min(state.incompleteLooks + 1, 1000)
            guard !isComplete, !state.willLookAgain else { return nil }
            state.willLookAgain = true
            return state.incompleteLooks
        }
        guard let count else { return }
        Task { [weak self] in
            try? await Task.sleep(for: Self.delay(afterLooks: count))
            guard let self else { return }
            state.withLock { $0.willLookAgain = false }
            await adaptersChanged()
        }
    }

    private func discoverMore() async {
        let known = state.withLock { $0.discovered }
        let discovery = Discovery(trials: trials, ownPort: ownPort.value)
        let found = await discovery.run(shared.library).filter { new in !known.contains { $0.name == new.name } }
        guard !found.isEmpty else { return }
        state.withLock { $0.discovered += found }
        _ = await bring()
    }

    private func watch() {
        let adapters = configuration.adapters
        let new =
            adapters.watch
            ? AdapterWatcher(directories: adapters.directories) { [weak self] in
                Task { await self?.adaptersChanged() }
            } : nil
        let old = state.withLock { state in
            defer { state.watcher = new }
            return state.watcher
        }
        old?.stop()
        new?.start()
    }

    private func look(before: AdapterLibrary) async -> AdapterLibrary {
        let (adapters, quarantine) = (configuration.adapters, shared.quarantine)
        // Loading runs code of the files, which may block.
        return await Self.aside {
            quarantine.refresh()
            return before.updated(directories: adapters.directories, rules: quarantine.rules(adapters))
        }
    }

    /// Takes an adapter back that is in quarantine, and loads it.
    func release(_ name: String) async -> AdapterRelease {
        await work.run { [self] in
            let (before, quarantine) = (shared.library, shared.quarantine)
            let result = await Self.aside {
                Result { () throws(QuarantineFolder.Failure) in
                    try quarantine.release(name, or: AdapterRelease.contents(called: name, in: before))
                }
            }
            switch result {
            case .failure(let failure): return .failed(failure.description)
            case .success(let released) where released.isEmpty: return .unknown
            case .success(let released):
                _ = await lookAtAdapters()
                await updates.delivered()
                return .released(
                    released.sorted(),
                    loaded: shared.library.images.filter { $0.hash.map(released.contains) == true }.map(\.type))
            }
        }
    }

    /// Does what may block on a thread of its own.
    private static func aside<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            DetachedThread.run("nexus-load") { continuation.resume(returning: work()) }
        }
    }

    /// One that is named may come later, and whoever has misspelt it should know.
    private func tellOfDirectories() {
        let directories = configuration.adapters.directories
        let missing = AdapterDirectories.missing(of: directories)
        let before = state.withLock { state in
            defer { state.missing = Set(missing) }
            return state.missing
        }
        for path in missing where !before.contains(path) {
            shared.logs.adapters.warning(
                "a directory of adapters is not there; it is looked for again", metadata: ["path": "\(path)"])
        }
        for path in before.subtracting(missing).sorted() where directories.contains(path) {
            shared.logs.adapters.info("a directory of adapters is there now", metadata: ["path": "\(path)"])
        }
    }

    private func tellOfAdapters(before: AdapterLibrary) {
        let now = shared.library
        tellOfDirectories()
        for image in now.images where !before.images.contains(where: { $0.ordinal == image.ordinal }) {
            let isNewer = before.images.contains { $0.type == image.type }
            shared.logs.adapters.info(
                isNewer ? "adapter replaced" : "adapter loaded",
                metadata: ["type": "\(image.type)", "version": "\(image.version)", "file": "\(image.path)"])
            for warning in image.warnings { shared.logs.adapters.warning("\(image.path): \(warning)") }
        }
        for image in before.images where now.image(type: image.type) == nil {
            shared.logs.adapters.warning(
                "adapter removed", metadata: ["type": "\(image.type)", "file": "\(image.path)"])
        }
        for unread in now.unread where !before.unread.contains(unread) {
            shared.logs.adapters.warning("adapters stay as they were: \(unread.path): \(unread.reason)")
        }
        for path in Set(before.unread.map(\.path)) where !now.unread.contains(where: { $0.path == path }) {
            shared.logs.adapters.info("adapters can be looked at again", metadata: ["path": "\(path)"])
        }
        for rejected in now.rejected {
            let isKnown = before.rejected.contains { $0.path == rejected.path && $0.problem == rejected.problem }
            guard !isKnown else { continue }
            let end = rejected.keepsOlder ? "; the version before stays in use" : ""
            shared.logs.adapters.error("adapter not loaded: \(rejected.path) \(rejected.problem)\(end)")
        }
    }
}

extension Reconfigurer.State {
    /// What is described without what operators have changed: by the configuration, or found where that names nothing.
    var base: [Configuration.Backend] {
        guard configuration.discover else { return configuration.backends }
        return discovered.map { found in
            // No file says how long things may take there.
            var backend = found
            backend.timeouts = configuration.timeouts
            backend.modelTimeouts = configuration.modelTimeouts
            backend.source = DiscoverySource.defaultAddress
            return backend
        }
    }

    var applied: BackendOverlay.Applied {
        overlay.applied(to: base) { specification in
            // It was read before it was taken.
            try? ConfigurationReader.backend(specification, under: configuration, source: "")
        }
    }
}

/// Keys that are read at the start alone: to listen elsewhere would be another gateway to its clients.
enum RestartKeys {
    private static let all: [(name: String, differs: @Sendable (Configuration, Configuration) -> Bool)] = [
        ("server.host", { $0.server.host != $1.server.host }),
        ("server.port", { $0.server.port != $1.server.port }),
    ]

    static var names: Set<String> { Set(all.map(\.name)) }

    static func changed(_ old: Configuration, _ new: Configuration) -> [String] {
        all.filter { $0.differs(old, new) }.map(\.name)
    }
}
