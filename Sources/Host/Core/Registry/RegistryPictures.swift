/// What the registry hands out of what it keeps.
extension RegistryRecord {
    /// What lists show of it.
    var view: BackendView {
        var shown = BackendView(
            id: identity.id, name: identity.name, url: identity.url,
            backendType: identity.writtenType ?? identity.backendType, status: status,
            lastHealthCheck: lastCheck, addedAt: addedAt, lastError: shownError,
            models: models,
            priority: identity.priority, pendingRequests: counters.inFlight,
            totalRequests: counters.total,
            averageLatencyMilliseconds: counters.averageLatencyMilliseconds,
            discoverySource: identity.discoverySource,
            metadata: identity.labels.merging(metadata) { $1 })
        if identity.writtenType != nil { shown.adapter = identity.backendType }
        shown.heading = health.heading
        shown.stateSince = past.stateSince
        shown.stateReason = stateReason
        shown.flaps = past.flaps.recent(now: Clock.monotonicNanoseconds()).count
        return shown
    }

    /// For whoever looks for trouble.
    var condition: BackendCondition {
        BackendCondition(
            identity: identity, driver: driver, status: status, state: state,
            reason: shownError, stateReason: stateReason, models: models,
            counters: counters, past: past, addedAt: addedAt)
    }
}

extension RegistryState {
    /// A snapshot of all that routing looks at, after a change that matters to it. Keeps the standings of models that several have.
    mutating func rebuild() -> RegistrySnapshot {
        var candidates: [String: [Int]] = [:]
        var holders: [String: [Int]] = [:]
        var takingAny: [Int] = []
        var told = ToldModels()
        var backends: [BackendSnapshot] = []
        backends.reserveCapacity(records.count)
        for (index, record) in records.enumerated() {
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
        for index in records.indices {
            let before = records[index].standings
            records[index].standings = [:]
            for model in records[index].models where holders[model.id]?.count ?? 0 > 1 {
                let standing = before[model.id] ?? newStanding(of: model, at: records[index].identity.id)
                records[index].standings[model.id] = standing
                standings[model.id, default: ModelStandings()].append(standing, at: index)
            }
        }
        snapshot = RegistrySnapshot(
            backends: backends, candidates: candidates, holders: holders, takingAny: takingAny, told: told,
            standings: standings, estimates: estimates)
        return snapshot
    }

    private mutating func newStanding(of model: Model, at backend: String) -> ModelStanding {
        let standing = ModelStanding(of: model)
        guard !remembered.isEmpty,
            let times = remembered.removeValue(forKey: KeptPair(backend: backend, model: model.id))
        else { return standing }
        standing.restore(times, now: Clock.monotonicNanoseconds())
        return standing
    }
}
