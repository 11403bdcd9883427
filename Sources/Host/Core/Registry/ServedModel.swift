/// A model as clients see it, whichever backends have it: what all healthy ones tell of it together. Each thing is told by
/// the first that tells it, in the order of the backends' names; what it can do is what it can do on any of them; and its
/// context is the smallest that one of them tells, since a request may go to any.
public struct ServedModel: Sendable {
    /// Under the name that clients use.
    public private(set) var model: Model
    /// Names of the healthy backends that have it, sorted; not empty.
    public private(set) var backends: [String]
    /// The model's name at the backends, if this is another that the operator has given it.
    public private(set) var aliasOf: String?

    public var id: String { model.id }

    /// One for each name, sorted by it; then the operator's other names. A name that is both stands for what the operator
    /// has said.
    /// - Parameters:
    ///   - aliases: other names, each with a model's name at the backends.
    ///   - scope: of those that a key may use; nil: all.
    public static func all(
        _ views: [BackendView], aliases: [(alias: String, model: String)] = [], scope: KeyScope? = nil
    ) -> [ServedModel] {
        var places: [String: Int] = [:]
        var served: [ServedModel] = []
        let healthy = views.filter { $0.status.serves && scope?.has(backend: $0.name) ?? true }
        for view in healthy.sorted(by: { ($0.name, $0.id) < ($1.name, $1.id) }) {
            for model in view.models where model.id != Model.any {
                if let place = places[model.id] {
                    served[place].add(model, of: view.name)
                } else {
                    places[model.id] = served.count
                    served.append(ServedModel(model: model, backends: [view.name]))
                }
            }
        }
        let others = aliases.compactMap { alias, name in
            scope?.has(alias: alias, of: name) ?? true ? places[name].map { served[$0].named(alias) } : nil
        }
        let taken = Set(others.map(\.id))
        return served.filter { !taken.contains($0.id) && scope?.has(model: $0.id) ?? true }.sorted { $0.id < $1.id }
            + others
    }

    private func named(_ alias: String) -> ServedModel {
        var other = self
        other.aliasOf = model.id
        if model.name == model.id { other.model.name = alias }
        other.model.id = alias
        return other
    }

    private mutating func add(_ other: Model, of backend: String) {
        if backends.last != backend { backends.append(backend) }
        if other.contextLength > 0, model.contextLength == 0 || other.contextLength < model.contextLength {
            model.contextLength = other.contextLength
        }
        model.maxOutputTokens = model.maxOutputTokens ?? other.maxOutputTokens
        if model.created == 0 { model.created = other.created }
        if model.name == model.id { model.name = other.name }
        model.capabilities.formUnion(other.capabilities)
        model.told.formUnion(other.told)
        model.size = model.size ?? other.size
        model.details.merge(other.details) { mine, theirs in mine.isEmpty ? theirs : mine }
        if model.isLoaded != true, other.isLoaded == true {
            model.isLoaded = true
            model.loadedUntil = other.loadedUntil
            model.memory = other.memory
            model.deviceMemory = other.deviceMemory
        }
    }
}
