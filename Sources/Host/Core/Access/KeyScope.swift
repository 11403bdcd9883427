/// Which models and backends a key may use. Patterns with `*`, as in `[queue.models]`; empty: all.
public struct KeyScope: Sendable, Hashable {
    public var models: [String]
    /// Names of backends.
    public var backends: [String]

    public init(models: [String] = [], backends: [String] = []) {
        self.models = models
        self.backends = backends
    }

    /// Nothing is left out.
    public var isAll: Bool { models.isEmpty && backends.isEmpty }

    public func has(model: String) -> Bool { Self.fits(model, models) }

    /// An alias is allowed by its own name as by the model's.
    public func has(alias: String, of model: String) -> Bool { has(model: alias) || has(model: model) }

    public func has(backend: String) -> Bool { Self.fits(backend, backends) }

    private static func fits(_ name: String, _ patterns: [String]) -> Bool {
        patterns.isEmpty || patterns.contains { $0 == name || NamePattern.matches($0, name) }
    }

    /// Names of models that somebody can be asked for, of those that the key may use.
    public func names(in snapshot: RegistrySnapshot) -> [String] {
        snapshot.candidates.compactMap { name, indices in
            has(model: name) && indices.contains { has(backend: snapshot.backends[$0].identity.name) } ? name : nil
        }
    }
}
