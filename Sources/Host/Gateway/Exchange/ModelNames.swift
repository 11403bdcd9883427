import Core
import Dialects

/// What a client's name of a model stands for at one instant.
struct ModelName: Sendable, Equatable {
    /// What the client asked for.
    var asked: String
    /// The name at the backends.
    var resolved: String
    /// `asked` is a name that the operator has given: an alias.
    var isAlias: Bool
}

/// All names of models at one instant: every route that takes a name resolves it here.
struct ModelNames: Sendable {
    let aliases: [String: String]
    let snapshot: RegistrySnapshot

    func resolve(_ asked: String) -> ModelName {
        let target = aliases.isEmpty ? nil : aliases[asked]
        let name = target ?? asked
        // Other spellings count only where no backend has the name as it is.
        let resolved =
            snapshot.holders[name] != nil ? name : OllamaNames.resolve(name) { snapshot.holders[$0] != nil }
        return ModelName(asked: asked, resolved: resolved, isAlias: target != nil)
    }

    func resolved(_ asked: String) -> String { resolve(asked).resolved }

    /// The aliases whose models a healthy backend has, with the models' names, sorted.
    var servedAliases: [(alias: String, model: String)] {
        aliases.keys.sorted().compactMap { alias in
            let name = resolve(alias).resolved
            return snapshot.candidates(for: name) == nil ? nil : (alias, name)
        }
    }
}
