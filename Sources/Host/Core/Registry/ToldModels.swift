/// What backends tell of their models at one instant, of those of which anything is told.
public struct ToldModels: Sendable {
    /// What the holders of one model tell, or those of all.
    struct Summary: Sendable {
        /// Something is told of these by one of them.
        private(set) var known: Capabilities = []
        /// One of them lacks these.
        private(set) var lacked: Capabilities = []
        /// Tokens of the smallest context that is told.
        private(set) var smallestContext = UInt64.max

        mutating func add(_ told: ToldModel) {
            known.formUnion(told.capabilities.union(told.lacks))
            lacked.formUnion(told.lacks)
            if told.contextLength > 0 { smallestContext = min(smallestContext, told.contextLength) }
        }

        /// Whether it may matter what they tell: a few comparisons.
        func mayMatter(to needs: Needs) -> Bool {
            needs.most > smallestContext || !needs.kind.isDisjoint(with: lacked)
                || !needs.required.union(needs.wished).isDisjoint(with: known)
        }
    }

    private struct Holders: Sendable {
        var summary = Summary()
        /// In the order of `RegistrySnapshot.holders`.
        var all: [ToldModel] = []
    }

    private var models: [String: Holders] = [:]
    private var summary = Summary()

    public init() {}

    /// Notes what the newest holder of a model tells.
    /// - Parameter place: among the holders of the model.
    mutating func add(_ model: Model, place: Int) {
        let told = ToldModel(model)
        guard !told.isNothing || models[model.id] != nil else { return }
        summary.add(told)
        var holders = models.removeValue(forKey: model.id) ?? Holders()
        let missing = place - holders.all.count
        if missing > 0 { holders.all.append(contentsOf: repeatElement(.nothing, count: missing)) }
        holders.all.append(told)
        holders.summary.add(told)
        models[model.id] = holders
    }

    /// Whether it may matter what is told of the models. Of most requests there is no need to look further.
    func mayMatter(to needs: Needs) -> Bool { summary.mayMatter(to: needs) }

    /// What the holders of a model tell, in the order of `RegistrySnapshot.holders`; nil: nothing, or nothing that matters.
    func holders(of model: String, for needs: Needs) -> [ToldModel]? {
        guard let holders = models[model], holders.summary.mayMatter(to: needs) else { return nil }
        return holders.all
    }

    /// Likewise, whether or not it matters.
    func holders(of model: String) -> [ToldModel]? { models[model]?.all }

    /// Models that are looked at for those that a client may ask instead: a fraction of a millisecond.
    private static let looks = 2000

    /// The ids of models of which somebody tells that they have these abilities, of as many as are looked at, with the places of those among the holders.
    fileprivate func able(_ needs: Needs) -> some Sequence<(id: String, places: [Int])> {
        models.lazy.prefix(Self.looks).compactMap { id, holders in
            let places = holders.all.indices.filter { place in
                let told = holders.all[place]
                return told.capabilities.isSuperset(of: needs.required) && told.missing(for: needs).isEmpty
            }
            return places.isEmpty ? nil : (id, places)
        }
    }
}

extension RegistrySnapshot {
    /// What one of the holders of a model tells of it.
    /// - Parameter index: the backend's.
    func told(of model: String, at index: Int) -> ToldModel {
        guard let told = told.holders(of: model), let held = holders[model] else { return .nothing }
        var (low, high) = (0, held.count)
        while low < high {
            let middle = (low + high) / 2
            if held[middle] < index { low = middle + 1 } else { high = middle }
        }
        return low < min(held.count, told.count) && held[low] == index ? told[low] : .nothing
    }

    /// The ids of models that a backend which serves tells to be able to do this, sorted.
    public func modelsAble(_ needs: Needs, limit: Int) -> [String] {
        let found = told.able(needs).filter { id, places in
            let holders = holders[id] ?? []
            return places.contains { holders.indices.contains($0) && backends[holders[$0]].status.serves }
        }
        return Array(found.map(\.id).sorted().prefix(limit))
    }
}
