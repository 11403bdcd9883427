/// One backend, as the registry keeps it.
struct RegistryRecord {
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
    func change(since before: RegistryRecord) -> BackendChange? {
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

/// What the lock of the registry guards.
struct RegistryState {
    var records: [RegistryRecord] = []
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
    ) -> RegistryRecord {
        var record = RegistryRecord(
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
