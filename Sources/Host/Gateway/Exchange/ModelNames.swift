import Core
import Dialects

/// What a client's name of a model stands for at one instant.
struct ModelName: Sendable, Equatable {
    /// What the client asked for.
    var asked: String
    /// The name at the backends, of the model that is tried first.
    var resolved: String
    /// The name that the operator has given, as it was given, if that is what was asked for.
    var alias: String?
    /// The first model is tried at this backend only; nil: at any.
    var backend: String?
    /// What is tried next, in this order, where the one before cannot be served. No model stands here twice.
    var others: [ModelTarget] = []
    /// The client's key may use it, or one of the others, which have come to the front then.
    var isAllowed = true

    /// The same with what a key may use. By an operator's name that it may use it may use all that this stands for; else only what it
    /// may use by its own name.
    func allowed(by scope: KeyScope) -> ModelName {
        if scope.models.isEmpty || alias.map(scope.has(model:)) ?? false { return self }
        var name = self
        name.others = others.filter { scope.has(model: $0.model) }
        guard !scope.has(model: resolved) else { return name }
        guard !name.others.isEmpty else {
            name.isAllowed = false
            return name
        }
        let first = name.others.removeFirst()
        (name.resolved, name.backend) = (first.model, first.backend)
        return name
    }

    /// The same models, in the same order, each at this backend alone.
    func only(at backend: String) -> ModelName {
        var name = self
        name.backend = backend
        name.others = []
        for other in others where other.model != resolved && !name.others.contains(where: { $0.model == other.model }) {
            name.others.append(ModelTarget(other.model, backend: backend))
        }
        return name
    }
}

/// The operator's other names of models, and what is tried where a model cannot be served.
final class ModelAliases: Sendable {
    /// What each stands for.
    let targets: [String: ModelAlias]
    let spellings: NameSpellings
    let fallbacks: [String: [String]]
    let fallbackSpellings: NameSpellings
    /// Some are drawn by lot.
    let hasWeights: Bool

    init(_ targets: [String: ModelAlias] = [:], fallbacks: [String: [String]] = [:]) {
        self.targets = targets
        spellings = NameSpellings(targets.keys)
        self.fallbacks = fallbacks
        fallbackSpellings = NameSpellings(fallbacks.keys)
        hasWeights = targets.values.contains(where: \.isWeighted)
    }
}

/// All names of models at one instant: every route that takes a name resolves it here. Of several things that a name may
/// stand for the first counts: the operator's name or a backend's, as it is written; the same with or without Ollama's tag
/// "latest"; either of them in another case of letters. The first costs one look into a table, the others a few.
struct ModelNames: Sendable {
    let aliases: ModelAliases
    let snapshot: RegistrySnapshot
    /// What names that stand for several by weight are drawn with; nil: they stand in the order in which they are written.
    var lot: UInt64?
    /// The name of the only backend that may be asked, whatever the operator's names say; nil: any.
    var onlyBackend: String?
    /// What the client's key may use; nil: everything.
    var scope: KeyScope?

    /// Names of models that somebody can be asked for, of those that the client may use.
    var servedNames: [String] { scope?.names(in: snapshot) ?? Array(snapshot.candidates.keys) }

    func resolve(_ asked: String) -> ModelName {
        var name = meaning(of: asked)
        if let scope { name = name.allowed(by: scope) }
        guard let onlyBackend else { return name }
        return name.only(at: onlyBackend)
    }

    private func meaning(of asked: String) -> ModelName {
        let alias = aliases.targets.isEmpty ? nil : alias(asked)
        if alias == nil, aliases.fallbacks.isEmpty {
            return ModelName(asked: asked, resolved: held(asked) ?? asked)
        }
        // The common case: one other name.
        if let alias, aliases.fallbacks.isEmpty, let target = aliases.targets[alias]?.targets.only,
            target.backend == nil,
            aliases.targets[target.model] == nil
        {
            return ModelName(asked: asked, resolved: held(target.model) ?? target.model, alias: alias)
        }
        let chain = chain(from: alias ?? asked)
        guard let first = chain.first else { return ModelName(asked: asked, resolved: asked, alias: alias) }
        return ModelName(
            asked: asked, resolved: first.model, alias: alias, backend: first.backend, others: Array(chain.dropFirst()))
    }

    /// A name of a model as `GET /v1/models` shows it: of several that it stands for, the first that can be served.
    func shown(_ asked: String) -> ModelName {
        var name = resolve(asked)
        // Without an alias it is itself, whatever else may be tried instead.
        if name.alias != nil, !isServed(ModelTarget(name.resolved, backend: name.backend)),
            let other = name.others.first(where: isServed)
        {
            (name.resolved, name.backend) = (other.model, other.backend)
        }
        name.others = []
        return name
    }

    /// The aliases whose models a backend that serves has, with the models' names, sorted.
    var servedAliases: [(alias: String, model: String)] {
        aliases.targets.keys.sorted().compactMap { alias in
            let name = shown(alias)
            return isServed(ModelTarget(name.resolved, backend: name.backend)) ? (alias, name.resolved) : nil
        }
    }

    private func isServed(_ target: ModelTarget) -> Bool {
        guard let indices = snapshot.candidates(for: target.model) else { return false }
        guard let backend = target.backend else { return true }
        return indices.contains { snapshot.backends[$0].identity.name == backend }
    }

    // MARK: Chains

    /// What is tried for a name: all that its alias stands for, then the fallbacks of the alias and of each model, in the order
    /// in which they were met. Ends whatever leads where: each alias and each model is met once.
    private func chain(from name: String) -> [ModelTarget] {
        var walk = Walk(random: lot.map { SeededRandom(seed: $0) })
        meet(name, backend: nil, in: &walk)
        var index = 0
        while index < walk.met.count, walk.targets.count < ModelAlias.Limits.chain {
            for fallback in fallbacks(of: walk.met[index]) { meet(fallback, backend: nil, in: &walk) }
            index += 1
        }
        return walk.targets
    }

    private struct Walk {
        var targets: [ModelTarget] = []
        /// Names whose fallbacks count: aliases, and models as they are written.
        var met: [String] = []
        var aliases: Set<String> = []
        var random: SeededRandom?
    }

    private func meet(_ name: String, backend: String?, in walk: inout Walk) {
        guard walk.targets.count < ModelAlias.Limits.chain else { return }
        if let alias = aliases.targets[name] {
            guard walk.aliases.insert(name).inserted else { return }
            walk.met.append(name)
            for target in alias.ordered(&walk.random) { meet(target.model, backend: target.backend, in: &walk) }
            return
        }
        let target = ModelTarget(held(name) ?? name, backend: backend)
        guard !walk.targets.contains(target) else { return }
        walk.targets.append(target)
        walk.met.append(name)
    }

    private func fallbacks(of name: String) -> [String] {
        guard !aliases.fallbacks.isEmpty,
            let key = Self.find(name, has: { aliases.fallbacks[$0] != nil }, aliases.fallbackSpellings)
        else { return [] }
        return aliases.fallbacks[key] ?? []
    }

    /// The operator's name that is meant; another spelling of it counts only where no backend has the name as it is.
    private func alias(_ asked: String) -> String? {
        if aliases.targets[asked] != nil { return asked }
        if snapshot.holders[asked] != nil { return nil }
        return Self.find(asked, has: { aliases.targets[$0] != nil }, aliases.spellings)
    }

    /// The name at the backends.
    private func held(_ name: String) -> String? {
        Self.find(name, has: { snapshot.holders[$0] != nil }, snapshot.spellings)
    }

    private static func find(_ name: String, has: (String) -> Bool, _ spellings: NameSpellings) -> String? {
        if has(name) { return name }
        let other = OllamaNames.counterpart(name)
        if let other, has(other) { return other }
        return spellings.name(name) ?? other.flatMap(spellings.name)
    }
}

extension Array {
    /// Its element, if it has one alone.
    fileprivate var only: Element? { count == 1 ? self[0] : nil }
}
