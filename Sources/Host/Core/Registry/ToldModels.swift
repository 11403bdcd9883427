/// What backends tell of their models at one instant, of those of which anything is told.
public struct ToldModels: Sendable {
    /// For each model id what each of its holders tells, in the order of `RegistrySnapshot.holders`.
    private var models: [String: [ToldModel]] = [:]
    /// Something is told of these, of one model or another.
    private(set) var known: Capabilities = []
    /// Some model lacks these.
    private(set) var lacked: Capabilities = []
    /// Tokens of the smallest context that is told.
    private(set) var smallestContext = UInt64.max

    public init() {}

    /// Notes what the newest holder of a model tells.
    /// - Parameter place: among the holders of the model.
    mutating func add(_ model: Model, place: Int) {
        let told = ToldModel(model)
        guard !told.isNothing || models[model.id] != nil else { return }
        let missing = place - (models[model.id]?.count ?? 0)
        if missing > 0 {
            models[model.id, default: []].append(contentsOf: repeatElement(ToldModel.nothing, count: missing))
        }
        models[model.id, default: []].append(told)
        known.formUnion(told.capabilities.union(told.lacks))
        lacked.formUnion(told.lacks)
        if told.contextLength > 0 { smallestContext = min(smallestContext, told.contextLength) }
    }

    /// Whether it may matter what is told of the models: a few comparisons. Of most requests there is no need to look further.
    func mayMatter(to needs: Needs) -> Bool {
        needs.most > smallestContext || !needs.kind.isDisjoint(with: lacked)
            || !needs.required.union(needs.wished).isDisjoint(with: known)
    }

    /// What the holders of a model tell; nil: nothing.
    func holders(of model: String) -> [ToldModel]? { models[model] }

    /// The ids of models of which somebody tells that they have these abilities, with the places of those among the holders.
    fileprivate func able(_ needs: Needs) -> some Sequence<(id: String, places: [Int])> {
        models.lazy.compactMap { id, holders in
            let places = holders.indices.filter { place in
                holders[place].capabilities.isSuperset(of: needs.required) && holders[place].missing(for: needs).isEmpty
            }
            return places.isEmpty ? nil : (id, places)
        }
    }
}

extension RegistrySnapshot {
    /// The ids of models that a backend which serves tells to be able to do this, sorted.
    public func modelsAble(_ needs: Needs, limit: Int) -> [String] {
        let found = told.able(needs).filter { id, places in
            let holders = holders[id] ?? []
            return places.contains { holders.indices.contains($0) && backends[holders[$0]].status.serves }
        }
        return Array(found.map(\.id).sorted().prefix(limit))
    }
}
