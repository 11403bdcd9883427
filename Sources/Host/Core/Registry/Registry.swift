import Synchronization

/// What one probe (or an observation between probes) told of a backend.
public struct HealthReport: Sendable, Equatable {
    public enum Outcome: Sendable { case healthy, unhealthy, loading }
    public var outcome: Outcome
    public var latencyMilliseconds: Double?
    /// Why it is not healthy.
    public var message: String
    /// Name and version of the server's software; empty when unknown.
    public var server: String
    /// What the server answers, as bits of the ABI; 0: all that its adapter does.
    public var kinds: UInt32
    /// There was no answer within the time of the probe.
    public var isLate = false

    /// Why it is not healthy, in any case.
    var reason: String {
        if !message.isEmpty { return message }
        return outcome == .loading ? "The server is loading a model." : "The adapter gave no reason."
    }

    public init(
        outcome: Outcome, latencyMilliseconds: Double? = nil, message: String = "", server: String = "",
        kinds: UInt32 = 0
    ) {
        self.outcome = outcome
        self.latencyMilliseconds = latencyMilliseconds
        self.message = message
        self.server = server
        self.kinds = kinds
    }
}

/// All backends and what is known of them. Reports come in from any thread; each change makes a new immutable
/// snapshot, which is handed to `onSnapshot`, and is published to the broadcast.
public final class Registry: Sendable {
    private struct Record {
        var identity: BackendIdentity
        var driver: any BackendDriver
        var counters: BackendCounters
        var health: HealthTracker
        var addedAt: Double
        var lastCheck: Double?
        var lastError: String?
        var models: [Model] = []
        var metadata: [String: String] = [:]
        /// As in `HealthReport`.
        var kinds: UInt32 = 0
        /// It is on its way out, and takes nothing new.
        var isDraining = false
        /// What its breaker says against it; nil: it is closed.
        var trouble: String?
        /// Of the models that other backends have as well.
        var standings: [String: ModelStanding] = [:]
        var past = BackendPast()

        var state: BackendState { BackendState(status, health.heading) }

        var status: BackendStatus {
            if isDraining || !identity.isEnabled { return .draining }
            return health.status == .healthy && trouble != nil ? .degraded : health.status
        }

        /// How it stood before a change.
        var standing: BackendPast.Standing { BackendPast.Standing(status: status, state: state) }

        /// Since when it stands as it does.
        mutating func noteStanding(before: BackendPast.Standing, now: Double, instant: UInt64) {
            if status != before.status { metadata["status_since"] = Timestamp.text(seconds: now) }
            past.noteStanding(standing, before: before, now: now, instant: instant)
        }

        /// How it stands otherwise than before; nil: it does not.
        func change(since before: Record) -> BackendChange? {
            guard standing != before.standing else { return nil }
            let now = past.statusSince ?? past.stateSince ?? addedAt
            return BackendChange(
                backend: identity.id, url: identity.url, before: before.standing, after: standing, reason: shownError,
                stateReason: stateReason, lasted: max(0, now - (before.past.statusSince ?? before.addedAt)))
        }

        /// What is to be said of its state besides why it is not well.
        var stateReason: String? {
            if isDraining { return "It is on its way out and takes nothing new." }
            if !identity.isEnabled { return "It was drained, and takes nothing new." }
            switch health.heading {
            case .down(let failures, let limit) where status == .healthy:
                return "\(failures) of \(limit) probes in a row failed."
            case .up(let successes, let limit): return "\(successes) of \(limit) probes in a row were well."
            default: return nil
            }
        }

        /// Of the breaker as long as it is degraded: its probes are well.
        var shownError: String? { status == .degraded ? trouble : lastError }

        func tellStandings(of models: [Model]) {
            guard !standings.isEmpty else { return }
            for model in models { standings[model.id]?.note(isLoaded: model.isLoaded) }
        }
    }

    private struct State {
        var records: [Record] = []
        let estimates = TokenEstimates()
        var snapshot = RegistrySnapshot()
        var failureThreshold: Int
        var recoveryThreshold: Int
        var breaker: Configuration.Breaker
        /// What a run before this one has learnt of models that have not been seen yet.
        var remembered: [KeptPair: KeptAnswerTimes] = [:]

        func index(_ id: String) -> Int? { records.firstIndex { $0.identity.id == id } }

        /// A backend of which nothing is known yet but, if given, why it cannot be used.
        func record(
            _ identity: BackendIdentity, _ driver: any BackendDriver, lastError: String?, addedAt: Double
        ) -> Record {
            var record = Record(
                identity: identity, driver: driver, counters: BackendCounters(breaker: breaker),
                health: HealthTracker(failureThreshold: failureThreshold, recoveryThreshold: recoveryThreshold),
                addedAt: addedAt)
            if let lastError {
                record.lastError = EntryLimits.cut(lastError, to: EntryLimits.errorMessage)
                _ = record.health.record(success: false)
            }
            return record
        }
    }

    /// Models of one backend that are taken; the rest of a longer list is left out.
    public static let modelLimit = 10_000
    /// Models of all backends together; a list that would exceed it is cut to what is left. Each is some hundred bytes, and
    /// a few kilobytes at most.
    public static let totalModelLimit = 40_000
    /// Milliseconds of a probe that are shown; ten minutes is the longest that may be configured.
    private static let longestProbe = 3_600_000

    private let state: Mutex<State>
    private let broadcaster: Broadcaster
    private let onSnapshot: @Sendable (RegistrySnapshot) -> Void
    private let onChange: @Sendable (BackendChange) -> Void

    /// - Parameters:
    ///   - onChange: called when a backend stands otherwise than before, on the thread that reported it, without a lock held; must
    ///     return at once. Calls of two threads may overtake each other.
    ///   - onSnapshot: called after each change that matters to routing, on the thread that reported it, without a lock held; must
    ///     return at once. Calls of two threads may overtake each other, so a receiver reads `snapshot` rather than trust the
    ///     order.
    public init(
        failureThreshold: Int, recoveryThreshold: Int, breaker: Configuration.Breaker = Configuration.Breaker(),
        broadcaster: Broadcaster, onChange: @escaping @Sendable (BackendChange) -> Void = { _ in },
        onSnapshot: @escaping @Sendable (RegistrySnapshot) -> Void
    ) {
        state = Mutex(
            State(failureThreshold: failureThreshold, recoveryThreshold: recoveryThreshold, breaker: breaker))
        self.broadcaster = broadcaster
        self.onSnapshot = onSnapshot
        self.onChange = onChange
    }

    /// Of the models' prompts. To be given what the ledger settles.
    public var estimates: TokenEstimates { state.withLock { $0.estimates } }

    public var snapshot: RegistrySnapshot { state.withLock { $0.snapshot } }

    /// In the order they were added.
    public var views: [BackendView] { state.withLock { $0.records.map(Self.view) } }

    // MARK: Changes

    /// False if a backend of that id is there already.
    /// - Parameter now: the wall clock in Unix seconds.
    public func add(
        _ identity: BackendIdentity, driver: any BackendDriver, lastError: String? = nil,
        now: Double = Clock.preciseWallSeconds()
    ) -> Bool {
        let added = state.withLock { state -> (BackendView, RegistrySnapshot)? in
            guard state.index(identity.id) == nil else { return nil }
            let record = state.record(identity, driver, lastError: lastError, addedAt: now)
            state.records.append(record)
            return (Self.view(record), Self.rebuild(&state))
        }
        guard let (view, snapshot) = added else { return false }
        onSnapshot(snapshot)
        broadcaster.publish(.backends([view]))
        return true
    }

    /// Another driver stands for the backend of that id from now on. Its counters go on in any case.
    /// - Parameters:
    ///   - keepsState: health and models stay too, so that the change cannot be seen.
    ///   - lastError: why the backend cannot be used; it is unhealthy then. Only without `keepsState`.
    public func replace(
        _ identity: BackendIdentity, driver: any BackendDriver, keepsState: Bool, lastError: String? = nil
    ) {
        change(id: identity.id) { state, index in
            var record = state.record(
                identity, driver, lastError: lastError, addedAt: state.records[index].addedAt)
            record.counters = state.records[index].counters
            record.trouble = state.records[index].trouble
            record.past = state.records[index].past
            if keepsState {
                record.health = state.records[index].health
                record.models = state.records[index].models
                record.metadata = state.records[index].metadata
                record.kinds = state.records[index].kinds
                record.lastCheck = state.records[index].lastCheck
                record.lastError = state.records[index].lastError
                record.standings = state.records[index].standings
            }
            state.records[index] = record
        }
    }

    /// Takes over what routing looks at, and whether the backend is drained.
    /// - Parameter now: the wall clock in Unix seconds.
    public func relabel(_ identity: BackendIdentity, now: Double = Clock.preciseWallSeconds()) {
        change(id: identity.id, now: now) { $0.identity = identity }
    }

    /// The backend takes nothing new from now on: it is on its way out.
    /// - Parameter now: the wall clock in Unix seconds.
    public func drain(id: String, now: Double = Clock.preciseWallSeconds()) {
        change(id: id, now: now) { $0.isDraining = true }
    }

    public func setThresholds(failure: Int, recovery: Int) {
        state.withLock { state in
            state.failureThreshold = failure
            state.recoveryThreshold = recovery
            for index in state.records.indices {
                state.records[index].health.setThresholds(failure: failure, recovery: recovery)
            }
        }
    }

    /// Other rules for the breakers of all backends, from now on.
    public func setBreaker(_ rules: Configuration.Breaker) {
        let ids = state.withLock { state in
            state.breaker = rules
            for record in state.records { record.counters.breaker.setRules(rules) }
            return state.records.filter { ($0.trouble == nil) != $0.counters.breaker.isClosed }.map(\.identity.id)
        }
        for id in ids { breakerChanged(of: id, now: Clock.preciseWallSeconds()) }
    }

    /// The breaker of a backend has opened or closed: takes over how it stands.
    /// - Parameters:
    ///   - now: the wall clock in Unix seconds.
    ///   - instant: nanoseconds of the monotonic clock.
    public func breakerChanged(
        of id: String, now: Double, instant: UInt64 = Clock.monotonicNanoseconds()
    ) {
        change(id: id, now: now, instant: instant) { record in
            record.trouble = record.counters.breaker.trouble.map { EntryLimits.cut($0, to: EntryLimits.errorMessage) }
        }
    }

    /// A probe of the backend has been sent.
    /// - Parameters:
    ///   - now: nanoseconds of the monotonic clock.
    ///   - timeout: within which it must have an answer, in nanoseconds.
    public func probeBegan(of id: String, now: UInt64, timeout: UInt64) {
        let counters = state.withLock { state in state.index(id).map { state.records[$0].counters } }
        counters?.pulse.probeBegan(now: now, timeout: timeout)
    }

    /// Changes one record, and notes since when it stands otherwise if it does.
    private func change(
        id: String, now: Double, instant: UInt64 = Clock.monotonicNanoseconds(), _ body: (inout Record) -> Void
    ) {
        change(id: id) { state, index in
            let before = state.records[index].standing
            body(&state.records[index])
            state.records[index].noteStanding(before: before, now: now, instant: instant)
        }
    }

    /// Changes one record and tells everybody. A change of the models that clients can see is told as well.
    private func change(id: String, _ body: (inout State, Int) -> Void) {
        typealias Change = (before: BackendView, after: BackendView, snapshot: RegistrySnapshot, told: BackendChange?)
        let change = state.withLock { state -> Change? in
            guard let index = state.index(id) else { return nil }
            let (before, record) = (Self.view(state.records[index]), state.records[index])
            body(&state, index)
            let told = state.records[index].change(since: record)
            return (before, Self.view(state.records[index]), Self.rebuild(&state), told)
        }
        guard let change else { return }
        if let told = change.told { onChange(told) }
        onSnapshot(change.snapshot)
        broadcaster.publish(.backends([change.after]))
        let served = change.after.status.serves ? change.after.models : []
        if served != (change.before.status.serves ? change.before.models : []) {
            broadcaster.publish(.models(backendID: id, models: served))
        }
    }

    public func remove(id: String) {
        let removed = state.withLock { state -> (BackendView, RegistrySnapshot)? in
            guard let index = state.index(id) else { return nil }
            let record = state.records.remove(at: index)
            return (Self.view(record), Self.rebuild(&state))
        }
        guard let (view, snapshot) = removed else { return }
        onSnapshot(snapshot)
        broadcaster.publish(.removed(view))
    }

    /// Takes a health report. A server that leaves a probe without an answer while its traffic goes on is busy, and stays what
    /// it was.
    /// - Parameters:
    ///   - now: the wall clock in Unix seconds.
    ///   - instant: nanoseconds of the monotonic clock.
    public func record(
        _ report: HealthReport, of id: String, now: Double, instant: UInt64 = Clock.monotonicNanoseconds()
    ) {
        typealias Change = (view: BackendView, flipped: Bool, snapshot: RegistrySnapshot?, told: BackendChange?)
        let change = state.withLock { state -> Change? in
            guard let index = state.index(id) else { return nil }
            let success = report.outcome == .healthy
            let recordBefore = state.records[index]
            let (errorBefore, before) = (recordBefore.shownError, recordBefore.standing)
            let counts = Self.counts(report, state.records[index].counters, now: instant)
            state.records[index].past.note(report, counts: counts, now: now, instant: instant)
            state.records[index].lastCheck = now
            guard counts else { return nil }
            let flipped = state.records[index].health.record(success: success)
            Self.tell(state.records[index].counters.breaker, success: success, cameUp: flipped && success, instant)
            state.records[index].trouble = state.records[index].counters.breaker.trouble
            // One that is coming back is not well yet, and the reason why it was not stands until it is.
            if !success {
                state.records[index].lastError = EntryLimits.cut(report.reason, to: EntryLimits.errorMessage)
            } else if state.records[index].health.status == .healthy {
                state.records[index].lastError = nil
                state.records[index].past.isWell()
            }
            if !report.server.isEmpty { state.records[index].metadata["server"] = report.server }
            if let latency = report.latencyMilliseconds {
                state.records[index].metadata["probe_ms"] = String(latency.whole(in: 0...Self.longestProbe))
            }
            state.records[index].noteStanding(before: before, now: now, instant: instant)
            let kindsBefore = state.records[index].kinds
            if success { state.records[index].kinds = report.kinds }
            let matters =
                flipped || state.records[index].standing != before || state.records[index].shownError != errorBefore
                || state.records[index].kinds != kindsBefore
            let told = state.records[index].change(since: recordBefore)
            return (Self.view(state.records[index]), flipped, matters ? Self.rebuild(&state) : nil, told)
        }
        guard let change else { return }
        if let told = change.told { onChange(told) }
        if let snapshot = change.snapshot {
            onSnapshot(snapshot)
            broadcaster.publish(.backends([change.view]))
        }
        if change.flipped {
            // A backend that fails loses its models for the readers of updates; one that recovers gets them back.
            broadcaster.publish(
                .models(backendID: id, models: change.view.status.serves ? change.view.models : []))
        }
    }

    /// False: the server was only too busy for its probe. One from which nothing came at all, neither for the probe nor for
    /// the attempts under way meanwhile, is left alone at once.
    private static func counts(_ report: HealthReport, _ counters: BackendCounters, now: UInt64) -> Bool {
        let sent = counters.pulse.probeEnded()
        guard report.isLate, sent != 0 else { return true }
        if counters.pulse.heardAt >= sent { return false }
        if counters.inFlight > 0 {
            counters.pulse.wentSilent(since: sent)
            counters.breaker.wentSilent(now: now)
        }
        return true
    }

    private static func tell(_ breaker: BreakerGate, success: Bool, cameUp: Bool, _ now: UInt64) {
        if cameUp {
            breaker.cameUp(now: now)
        } else if success {
            breaker.probeSucceeded(now: now)
        } else {
            breaker.probeFailed(now: now)
        }
    }

    /// Takes the complete list of a backend's models, already cleaned, as far as there is room.
    public func record(_ models: [Model], of id: String) {
        typealias Change = (healthy: Bool, view: BackendView, models: [Model], snapshot: RegistrySnapshot)
        let change = state.withLock { state -> Change? in
            guard let index = state.index(id) else { return nil }
            let ofOthers = state.records.reduce(0) { $0 + $1.models.count } - state.records[index].models.count
            let room = min(Self.modelLimit, max(0, Self.totalModelLimit - ofOthers))
            let dropped = models.count - room
            let models = dropped > 0 ? Array(models.prefix(room)) : models
            let note = dropped > 0 ? String(dropped) : nil
            // Also where the list is the one before: answers may have shown since that a model was loaded.
            state.records[index].tellStandings(of: models)
            guard state.records[index].models != models || state.records[index].metadata["models_dropped"] != note
            else { return nil }
            state.records[index].metadata["models_dropped"] = note
            state.records[index].models = models
            let view = Self.view(state.records[index])
            return (view.status.serves, view, models, Self.rebuild(&state))
        }
        guard let change else { return }
        onSnapshot(change.snapshot)
        broadcaster.publish(.backends([change.view]))
        if change.healthy { broadcaster.publish(.models(backendID: id, models: change.models)) }
    }

    /// Takes how busy a server is.
    public func record(_ load: ServerLoad, of id: String) {
        state.withLock { state in
            guard let index = state.index(id) else { return }
            state.records[index].counters.note(load)
            state.records[index].past.note(load, now: Clock.preciseWallSeconds())
            state.records[index].metadata.merge(load.labels) { $1 }
        }
    }

    /// Takes how often attempts failed of late; those that are not named did not.
    /// - Parameter rates: by the backend's id and the model's, 0...1.
    public func record(errorRates rates: [String: [String: Double]]) {
        state.withLock { state in
            for record in state.records {
                let ofBackend = rates[record.identity.id]
                for (model, standing) in record.standings { standing.note(errorRate: ofBackend?[model] ?? 0) }
            }
        }
    }

    /// How long backends take to answer with models that several have, for the next run of the gateway; nil: of all.
    /// - Parameters:
    ///   - now: nanoseconds of the monotonic clock.
    ///   - wall: Unix seconds.
    public func keptTimes(of pairs: Set<KeptPair>?, now: UInt64, wall: Int64) -> [KeptFigure] {
        if let pairs, pairs.isEmpty { return [] }
        var standings: [(pair: KeptPair, standing: ModelStanding)] = []
        state.withLock { state in
            for record in state.records {
                let id = record.identity.id
                if let pairs {
                    for pair in pairs where pair.backend == id {
                        if let standing = record.standings[pair.model] { standings.append((pair, standing)) }
                    }
                } else {
                    standings += record.standings.map { (KeptPair(backend: id, model: $0.key), $0.value) }
                }
            }
        }
        return standings.compactMap { pair, standing in standing.keptTimes(now: now)?.kept(of: pair, wall: wall) }
    }

    /// Takes what a run before this one has learnt, of models that are there and of those that servers tell of later.
    /// - Parameters:
    ///   - kept: may come from a file that anybody wrote.
    ///   - now: nanoseconds of the monotonic clock.
    ///   - wall: Unix seconds.
    public func restore(_ kept: [KeptFigure], now: UInt64, wall: Int64) {
        state.withLock { state in
            for figure in kept where state.remembered.count < KeptFigure.timesLimit {
                guard let times = KeptAnswerTimes(figure, wall: wall), !times.isEmpty,
                    let pair = KeptPair(name: figure.name)
                else { continue }
                if let index = state.index(pair.backend), let standing = state.records[index].standings[pair.model] {
                    standing.restore(times, now: now)
                } else {
                    state.remembered[pair] = times
                }
            }
        }
    }

    /// Whether models are in their servers' memory, as far as is known: as answers have shown since the last probe, or else as it
    /// told.
    /// - Parameter asked: ids of backends, and the models there. Only these are looked at.
    public func loaded(_ asked: [String: Set<String>]) -> [String: [String: Bool]] {
        let records = state.withLock { $0.records.filter { asked[$0.identity.id] != nil } }
        var loaded: [String: [String: Bool]] = [:]
        for record in records {
            guard var left = asked[record.identity.id] else { continue }
            var found: [String: Bool] = [:]
            // Where several have it there is a standing.
            for (model, standing) in left.compactMap({ model in record.standings[model].map { (model, $0) } }) {
                left.remove(model)
                if standing.readiness != .unknown { found[model] = standing.readiness == .loaded }
            }
            if !left.isEmpty {
                for model in record.models where left.contains(model.id) { found[model.id] = model.isLoaded }
            }
            loaded[record.identity.id] = found
        }
        return loaded
    }

    /// Tells subscribers how everything stands, as after a round of probes.
    public func publishAll() {
        guard broadcaster.hasListeners else { return }
        broadcaster.publish(.backends(views))
    }

    // MARK: Making snapshots

    private static func rebuild(_ state: inout State) -> RegistrySnapshot {
        var candidates: [String: [Int]] = [:]
        var holders: [String: [Int]] = [:]
        var takingAny: [Int] = []
        var told = ToldModels()
        var backends: [BackendSnapshot] = []
        backends.reserveCapacity(state.records.count)
        for (index, record) in state.records.enumerated() {
            backends.append(
                BackendSnapshot(
                    identity: record.identity, status: record.status, lastError: record.shownError,
                    counters: record.counters, driver: record.driver, kinds: record.kinds))
            for model in record.models {
                if model.id == Model.any {
                    if record.status.serves { takingAny.append(index) }
                    continue
                }
                told.add(model, place: holders[model.id]?.count ?? 0)
                holders[model.id, default: []].append(index)
                if record.status.serves { candidates[model.id, default: []].append(index) }
            }
        }
        // Where only one has a model nothing is to be chosen.
        var standings: [String: ModelStandings] = [:]
        for index in state.records.indices {
            let before = state.records[index].standings
            state.records[index].standings = [:]
            for model in state.records[index].models where holders[model.id]?.count ?? 0 > 1 {
                let standing = before[model.id] ?? newStanding(of: model, at: state.records[index].identity.id, &state)
                state.records[index].standings[model.id] = standing
                standings[model.id, default: ModelStandings()].append(standing, at: index)
            }
        }
        state.snapshot = RegistrySnapshot(
            backends: backends, candidates: candidates, holders: holders, takingAny: takingAny, told: told,
            standings: standings, estimates: state.estimates)
        return state.snapshot
    }

    private static func newStanding(of model: Model, at backend: String, _ state: inout State) -> ModelStanding {
        let standing = ModelStanding(of: model)
        guard !state.remembered.isEmpty,
            let times = state.remembered.removeValue(forKey: KeptPair(backend: backend, model: model.id))
        else { return standing }
        standing.restore(times, now: Clock.monotonicNanoseconds())
        return standing
    }

    private static func view(_ record: Record) -> BackendView {
        var view = BackendView(
            id: record.identity.id, name: record.identity.name, url: record.identity.url,
            backendType: record.identity.backendType, status: record.status,
            lastHealthCheck: record.lastCheck, addedAt: record.addedAt, lastError: record.shownError,
            models: record.models,
            priority: record.identity.priority, pendingRequests: record.counters.inFlight,
            totalRequests: record.counters.total,
            averageLatencyMilliseconds: record.counters.averageLatencyMilliseconds,
            discoverySource: record.identity.discoverySource,
            metadata: record.identity.labels.merging(record.metadata) { $1 })
        view.heading = record.health.heading
        view.stateSince = record.past.stateSince
        view.stateReason = record.stateReason
        view.flaps = record.past.flaps.recent(now: Clock.monotonicNanoseconds()).count
        return view
    }

    // MARK: More than is shown in lists

    /// How each backend stands now, for whoever looks for trouble.
    public var conditions: [BackendCondition] { state.withLock { $0.records.map(Self.condition) } }

    /// The same of one; nil: there is none of that id.
    public func condition(of id: String) -> BackendCondition? {
        state.withLock { state in state.index(id).map { Self.condition(state.records[$0]) } }
    }

    private static func condition(_ record: Record) -> BackendCondition {
        BackendCondition(
            identity: record.identity, driver: record.driver, status: record.status, state: record.state,
            reason: record.shownError, stateReason: record.stateReason, models: record.models,
            counters: record.counters, past: record.past, addedAt: record.addedAt)
    }
}
