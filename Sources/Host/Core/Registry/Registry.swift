import Synchronization

/// All backends and what is known of them. Reports come in from any thread; each change makes a new immutable
/// snapshot, which is handed to `onSnapshot`, and is published to the broadcast.
public final class Registry: Sendable {
    /// Models of one backend that are taken; the rest of a longer list is left out.
    public static let modelLimit = 10_000
    /// Models of all backends together; a list that would exceed it is cut to what is left. Each is some hundred bytes, and
    /// a few kilobytes at most.
    public static let totalModelLimit = 40_000
    /// Milliseconds of a probe that are shown; ten minutes is the longest that may be configured.
    private static let longestProbe = 3_600_000

    let state: Mutex<RegistryState>
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
            RegistryState(failureThreshold: failureThreshold, recoveryThreshold: recoveryThreshold, breaker: breaker))
        self.broadcaster = broadcaster
        self.onSnapshot = onSnapshot
        self.onChange = onChange
    }

    /// Of the models' prompts. To be given what the ledger settles.
    public var estimates: TokenEstimates { state.withLock { $0.estimates } }

    public var snapshot: RegistrySnapshot { state.withLock { $0.snapshot } }

    /// In the order they were added.
    public var views: [BackendView] { state.withLock { $0.records.map(\.view) } }

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
            return (record.view, state.rebuild())
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
        id: String, now: Double, instant: UInt64 = Clock.monotonicNanoseconds(), _ body: (inout RegistryRecord) -> Void
    ) {
        change(id: id) { state, index in
            let before = state.records[index].standing
            body(&state.records[index])
            state.records[index].noteStanding(before: before, now: now, instant: instant)
        }
    }

    /// Changes one record and tells everybody. A change of the models that clients can see is told as well.
    private func change(id: String, _ body: (inout RegistryState, Int) -> Void) {
        typealias Change = (before: BackendView, after: BackendView, snapshot: RegistrySnapshot, told: BackendChange?)
        let change = state.withLock { state -> Change? in
            guard let index = state.index(id) else { return nil }
            let (before, record) = (state.records[index].view, state.records[index])
            body(&state, index)
            let told = state.records[index].change(since: record)
            return (before, state.records[index].view, state.rebuild(), told)
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
            return (record.view, state.rebuild())
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
            return (state.records[index].view, flipped, matters ? state.rebuild() : nil, told)
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
            let view = state.records[index].view
            return (view.status.serves, view, models, state.rebuild())
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

    /// Tells subscribers how everything stands, as after a round of probes.
    public func publishAll() {
        guard broadcaster.hasListeners else { return }
        broadcaster.publish(.backends(views))
    }

    /// How each backend stands now, for whoever looks for trouble.
    public var conditions: [BackendCondition] { state.withLock { $0.records.map(\.condition) } }

    /// The same of one; nil: there is none of that id.
    public func condition(of id: String) -> BackendCondition? {
        state.withLock { state in state.index(id).map { state.records[$0].condition } }
    }
}
