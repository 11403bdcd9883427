import Core

/// Looks whether somebody has the models that the operator's names stand for. Pure.
enum AliasCheck {
    /// - Parameter models: of all backends.
    static func findings(_ routing: Configuration.Routing, models: Set<String>) -> [Finding] {
        var findings: [Finding] = []
        let known = Set(models.map(plain)).union(routing.aliases.keys.map(plain))
        func look(_ target: String, _ key: String) {
            guard !known.contains(plain(target)) else { return }
            let near = NearestNames.list(of: target, in: models).map { "; there are: \($0)" } ?? ""
            findings.append(
                .wrong(
                    key, "stands for the model \"\(target)\", which no backend has",
                    "load or pull that model, or name another\(near)"))
        }
        for (name, alias) in routing.aliases.sorted(by: { $0.key < $1.key }) {
            for target in alias.targets { look(target.model, "routing.aliases.\(name)") }
        }
        for (name, targets) in routing.fallbacks.sorted(by: { $0.key < $1.key }) {
            // That it is away is what the others are there for.
            if !known.contains(plain(name)) {
                findings.append(
                    .note(
                        "routing.fallbacks.\(name)",
                        "no backend has \"\(name)\" now: requests for it go to what follows"))
            }
            for target in targets { look(target, "routing.fallbacks.\(name)") }
        }
        return findings
    }

    /// As names are compared: without Ollama's tag, in any case of letters.
    private static func plain(_ name: String) -> String {
        let name = name.lowercased()
        return name.hasSuffix(":latest") ? String(name.dropLast(7)) : name
    }
}
