import Core
import JSON

/// Reads the operator's names of models and their fallbacks.
enum AliasReader {
    /// - Parameter value: a name, an array of names, or an array of tables with `model`, `weight` and `backend`.
    static func alias(_ value: JSONValue, _ name: String, in section: inout Section) -> ModelAlias? {
        let key = "aliases.\(name)"
        if let model = value.string, isModel(model) { return ModelAlias([ModelAlias.Target(model)]) }
        guard let entries = value.array, !entries.isEmpty else {
            section.problem(
                key,
                "must be the name of a model, of at most \(TextLimits.model) bytes, an array of names, or an array of "
                    + "tables such as {model = \"a\", weight = 3}")
            return nil
        }
        guard entries.count <= ModelAlias.Limits.targets else {
            section.problem(key, "has more than \(ModelAlias.Limits.targets) entries")
            return nil
        }
        let names = entries.compactMap(\.string)
        if names.count == entries.count, names.allSatisfy(isModel) {
            return ModelAlias(names.map { ModelAlias.Target($0) })
        }
        let tables = entries.compactMap(\.object)
        guard tables.count == entries.count else {
            section.problem(
                key, "must hold either names of models, of at most \(TextLimits.model) bytes, or tables, but not both")
            return nil
        }
        return weighted(tables, key, in: &section)
    }

    private static func weighted(_ tables: [JSONObject], _ key: String, in section: inout Section) -> ModelAlias? {
        var targets: [ModelAlias.Target] = []
        for (index, table) in tables.enumerated() {
            section.nested(table, "\(key)[\(index)]") { entry in
                let model = entry.optionalString("model", limit: TextLimits.model)
                if !entry.has("model") { entry.problem("model", "is missing; it names a model") }
                let backend = entry.optionalString("backend", limit: TextLimits.name)
                var weight = 1
                entry.integer("weight", 1...ModelAlias.Limits.weight, into: &weight)
                if let model { targets.append(ModelAlias.Target(model, backend: backend, weight: weight)) }
            }
        }
        return targets.count == tables.count ? ModelAlias(targets, isWeighted: true) : nil
    }

    static func fallbacks(_ value: JSONValue, _ name: String, in section: inout Section) -> [String]? {
        if let models = value.array, (1...TextLimits.entries).contains(models.count),
            models.allSatisfy({ $0.string.map(isModel) == true })
        {
            return models.compactMap(\.string)
        }
        section.problem("fallbacks.\(name)", "must be an array of names of models; at most \(TextLimits.entries)")
        return nil
    }

    private static func isModel(_ text: String) -> Bool { (1...TextLimits.model).contains(text.utf8.count) }

    // MARK: What leads where

    /// No name may lead back to itself, no more than three aliases to one another, and no name to more models than are
    /// tried for a request; and a backend that is named must be there.
    static func check(_ configuration: Configuration, _ problems: ProblemList) {
        let routing = configuration.routing
        let backends = Set(configuration.backends.map(\.name))
        for (name, alias) in routing.aliases.sorted(by: { $0.key < $1.key }) {
            for target in alias.targets {
                guard let backend = target.backend else { continue }
                if !backends.contains(backend) {
                    problems.add(
                        "routing.aliases.\(name)",
                        "names the backend \(ConfigurationProblem.quoted(backend)), which is none of [[backends]]")
                }
                if routing.aliases[target.model] != nil {
                    problems.add(
                        "routing.aliases.\(name)",
                        "names a backend for \(ConfigurationProblem.quoted(target.model)), which is an alias; name the "
                            + "backend there")
                }
            }
        }
        let walk = NameWalk(routing)
        for name in routing.aliases.keys.sorted() {
            if let chain = walk.cycle(from: name) {
                problems.add("routing.\(key(of: chain, routing)).\(name)", "leads back to itself: \(words(chain))")
            } else if let chain = walk.tooDeep(from: name) {
                problems.add(
                    "routing.aliases.\(name)",
                    "leads through more than \(ModelAlias.Limits.depth) aliases: \(words(chain))")
            } else {
                checkLength(name, "aliases", walk, problems)
            }
        }
        for name in routing.fallbacks.keys.sorted() where routing.aliases[name] == nil {
            if let chain = walk.cycle(from: name) {
                problems.add("routing.fallbacks.\(name)", "leads back to itself: \(words(chain))")
            } else {
                checkLength(name, "fallbacks", walk, problems)
            }
        }
    }

    private static func checkLength(_ name: String, _ table: String, _ walk: NameWalk, _ problems: ProblemList) {
        guard walk.count(from: name) > ModelAlias.Limits.chain else { return }
        problems.add(
            "routing.\(table).\(name)",
            "stands for more than \(ModelAlias.Limits.chain) models, with all that its aliases and fallbacks lead to")
    }

    /// Which table the first step of a cycle is in.
    private static func key(of chain: [String], _ routing: Configuration.Routing) -> String {
        guard chain.count > 1, let alias = routing.aliases[chain[0]] else { return "fallbacks" }
        return alias.targets.contains { $0.model == chain[1] } ? "aliases" : "fallbacks"
    }

    private static func words(_ chain: [String]) -> String {
        chain.map(ConfigurationProblem.quoted).joined(separator: " -> ")
    }
}

/// Where names lead, through aliases and fallbacks.
private struct NameWalk {
    private let routing: Configuration.Routing

    init(_ routing: Configuration.Routing) { self.routing = routing }

    private func next(_ name: String) -> [String] {
        (routing.aliases[name]?.targets.map(\.model) ?? []) + (routing.fallbacks[name] ?? [])
    }

    /// The way from a name back to itself; nil: there is none. A cycle that the name is not part of is that of others.
    func cycle(from start: String) -> [String]? {
        // A stack of its own: how far names lead is up to the file.
        var stack: [(name: String, next: ArraySlice<String>)] = [(start, next(start)[...])]
        var met: Set<String> = [start]
        while !stack.isEmpty {
            guard let name = stack[stack.count - 1].next.popFirst() else {
                stack.removeLast()
                continue
            }
            if name == start { return stack.map(\.name) + [start] }
            if met.insert(name).inserted { stack.append((name, next(name)[...])) }
        }
        return nil
    }

    /// A way through more aliases than may be.
    func tooDeep(from start: String) -> [String]? {
        var ways: [[String]] = [[start]]
        var met: Set<String> = [start]
        for _ in 0..<ModelAlias.Limits.depth {
            var longer: [[String]] = []
            for way in ways {
                for target in routing.aliases[way[way.count - 1]]?.targets ?? [] {
                    if routing.aliases[target.model] != nil, met.insert("\(way.count) \(target.model)").inserted {
                        longer.append(way + [target.model])
                    }
                }
            }
            ways = longer
        }
        return ways.first
    }

    /// How many models a name leads to; stops at more than may be.
    func count(from start: String) -> Int {
        var met: Set<String> = [start]
        var waiting = [start]
        var models = 0
        while let name = waiting.popLast(), models <= ModelAlias.Limits.chain {
            if routing.aliases[name] == nil { models += 1 }
            for other in next(name) where met.insert(other).inserted { waiting.append(other) }
        }
        return models
    }
}
