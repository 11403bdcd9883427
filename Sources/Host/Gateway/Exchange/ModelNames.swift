import Core
import Dialects

/// What a client's name of a model stands for at one instant.
struct ModelName: Sendable, Equatable {
    /// What the client asked for.
    var asked: String
    /// The name at the backends.
    var resolved: String
    /// The name that the operator has given, as it was given, if that is what was asked for.
    var alias: String?
}

/// The operator's other names of models.
struct ModelAliases: Sendable {
    /// What each stands for.
    let targets: [String: String]
    let spellings: NameSpellings

    init(_ targets: [String: String] = [:]) {
        self.targets = targets
        spellings = NameSpellings(targets.keys)
    }
}

/// All names of models at one instant: every route that takes a name resolves it here. Of several things that a name may
/// stand for the first counts: the operator's name or a backend's, as it is written; the same with or without Ollama's tag
/// "latest"; either of them in another case of letters. The first costs one look into a table, the others a few.
struct ModelNames: Sendable {
    let aliases: ModelAliases
    let snapshot: RegistrySnapshot

    func resolve(_ asked: String) -> ModelName {
        if !aliases.targets.isEmpty, let alias = alias(asked) {
            let target = aliases.targets[alias] ?? alias
            return ModelName(asked: asked, resolved: held(target) ?? target, alias: alias)
        }
        return ModelName(asked: asked, resolved: held(asked) ?? asked)
    }

    func resolved(_ asked: String) -> String { resolve(asked).resolved }

    /// The aliases whose models a healthy backend has, with the models' names, sorted.
    var servedAliases: [(alias: String, model: String)] {
        aliases.targets.keys.sorted().compactMap { alias in
            let name = resolve(alias).resolved
            return snapshot.candidates(for: name) == nil ? nil : (alias, name)
        }
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
