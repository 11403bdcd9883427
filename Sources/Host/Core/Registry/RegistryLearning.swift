/// What routing has learnt of backends and their models, and how it outlives a run.
extension Registry {
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
}
