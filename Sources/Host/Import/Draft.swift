import Core

/// A `nexus.toml` that is being put together.
struct Draft {
    /// A table of the file, in the order in which they are written.
    enum Part: String, CaseIterable {
        case server, timeouts
        case healthCheck = "health_check"
        case breaker, routing
        case weights = "routing.weights"
        case quality, queue, history, captures, logging, tracing
    }

    struct Setting: Equatable {
        var key: String
        var value: TOMLValue
        /// Behind it, in one line; nil: it needs none.
        var note: String?
    }

    struct Name: Equatable {
        var name: String
        var value: TOMLValue
        var note: String?
    }

    /// Lines of comment at the top.
    var introduction: [String] = []
    private(set) var settings: [Part: [Setting]] = [:]
    private(set) var aliases: [Name] = []
    private(set) var fallbacks: [(name: String, models: [String])] = []
    /// Where each alias and each model with fallbacks leads next, and where the latter stand.
    private var links: [String: [String]] = [:]
    private var placesOfFallbacks: [String: Int] = [:]
    private var placesOfAliases: [String: Int] = [:]
    /// Lines of comment about clients' keys.
    var keys: [String] = []
    var backends: [DraftBackend] = []
    private var backendNames: Set<String> = []
    var remarks = Remarks()
    /// Variables that whoever starts the gateway has to set, with where their value stands.
    var secrets: [ImportedFile.Secret] = []

    func value(of part: Part, _ key: String) -> TOMLValue? { settings[part]?.first { $0.key == key }?.value }

    /// The first that is set counts.
    /// - Returns: whether it did, or says the same.
    @discardableResult mutating func set(_ part: Part, _ key: String, _ value: TOMLValue, note: String? = nil) -> Bool {
        if let before = self.value(of: part, key) { return before == value }
        settings[part, default: []].append(Setting(key: key, value: value, note: note))
        return true
    }

    /// A number of a table, within what may be set; a remark tells where it was brought there.
    mutating func set(
        _ part: Part, _ key: String, _ number: Double?, _ range: ClosedRange<Double>, whole: Bool = false,
        from table: SourceTable,
        _ name: String, note: String? = nil
    ) {
        guard let number else { return }
        let fitting = min(max(number, range.lowerBound), range.upperBound)
        let value = whole ? fitting.rounded() : fitting
        if value != number {
            remarks.add(
                table.full(name), table.line(of: name),
                "became \(part.rawValue).\(key) = \(TOMLValue.number(value).written), which may be from "
                    + "\(TOMLValue.number(range.lowerBound).written) to \(TOMLValue.number(range.upperBound).written)")
        }
        guard !set(part, key, .number(value), note: note) else { return }
        remarks.add(
            table.full(name), table.line(of: name),
            "was left out: \(part.rawValue).\(key) is \(self.value(of: part, key)?.written ?? "set") already")
    }

    // MARK: Names

    /// An alias or a fallback must not lead back to where it begins, which some gateways allow.
    func leads(from start: String, to end: String) -> Bool {
        var waiting = [start]
        var met: Set<String> = [start]
        while let name = waiting.popLast() {
            if name == end { return true }
            for next in links[name] ?? [] where met.insert(next).inserted { waiting.append(next) }
        }
        return false
    }

    func hasFallbacks(_ name: String) -> Bool { placesOfFallbacks[name] != nil }
    func isAlias(_ name: String) -> Bool { placesOfAliases[name] != nil }

    private static func models(of value: TOMLValue) -> [String] {
        switch value {
        case .text(let model): [model]
        case .list(let items): items.flatMap(models)
        case .table(let members): members.first { $0.name == "model" }.map { models(of: $0.value) } ?? []
        default: []
        }
    }

    /// Adds what can be tried after a model, except for what would lead back to it.
    mutating func addFallbacks(_ name: String, _ models: [String], from path: String, _ line: Int) {
        var fitting: [String] = []
        for model in models {
            if leads(from: model, to: name) {
                remarks.add(path, line, "\(quoted(model)) was left out behind \(quoted(name)): it leads back to it")
            } else if !fitting.contains(model) {
                fitting.append(model)
            }
        }
        guard !fitting.isEmpty else { return }
        links[name, default: []] += fitting
        if let index = placesOfFallbacks[name] {
            let known = fallbacks[index].models
            fallbacks[index].models += fitting.filter { !known.contains($0) }
        } else {
            placesOfFallbacks[name] = fallbacks.count
            fallbacks.append((name, fitting))
        }
    }

    /// - Returns: whether it is there now.
    @discardableResult mutating func addAlias(
        _ name: String, _ value: TOMLValue, from path: String, _ line: Int, note: String? = nil
    ) -> Bool {
        guard !isAlias(name) else {
            remarks.add(path, line, "was left out: \(quoted(name)) is an alias already")
            return false
        }
        if let back = Self.models(of: value).first(where: { leads(from: $0, to: name) }) {
            remarks.add(path, line, "was left out: \(quoted(name)) would lead to \(quoted(back)) and back")
            return false
        }
        links[name, default: []] += Self.models(of: value)
        placesOfAliases[name] = aliases.count
        aliases.append(Name(name: name, value: value, note: note))
        return true
    }

    /// Leaves out what stands for more than an alias may, or leads through more aliases than may lead to one another.
    mutating func trimAliases() {
        var depths: [String: Int] = [:]
        var kept: [Name] = []
        for var alias in aliases {
            if case .list(let items) = alias.value, items.count > ModelAlias.Limits.targets {
                alias.value = .list(Array(items.prefix(ModelAlias.Limits.targets)))
                remarks.add(
                    "", 0,
                    "of \(quoted(alias.name)) only the first \(ModelAlias.Limits.targets) of \(items.count) models are left"
                )
            }
            if depth(of: alias.name, &depths) <= ModelAlias.Limits.depth {
                kept.append(alias)
            } else {
                remarks.add(
                    "", 0,
                    "the alias \(quoted(alias.name)) was left out: it leads through more than \(ModelAlias.Limits.depth) aliases"
                )
            }
        }
        aliases = kept
    }

    /// How many aliases lead to one another from this one on; no name leads back to itself.
    private func depth(of name: String, _ known: inout [String: Int]) -> Int {
        if let depth = known[name] { return depth }
        guard let index = placesOfAliases[name] else { return 0 }
        var deepest = 0
        for model in Self.models(of: aliases[index].value) { deepest = max(deepest, depth(of: model, &known)) }
        known[name] = deepest + 1
        return deepest + 1
    }

    /// Another value for an alias, which leads to the same models.
    mutating func changeAlias(at index: Int, _ value: TOMLValue) { aliases[index].value = value }

    // MARK: Backends

    /// A name for a backend that no other has or gets: printable ASCII, from a wish.
    mutating func backendName(_ wish: String) -> String {
        let plain = String(
            String.UnicodeScalarView(
                wish.unicodeScalars.map { (0x21...0x7E).contains($0.value) && $0 != "\"" ? $0 : "-" }))
        let base = plain.isEmpty || plain == HistoryEntry.noBackend ? "backend" : String(plain.prefix(120))
        var name = base
        var number = 2
        while !backendNames.insert(name).inserted {
            name = "\(base)-\(number)"
            number += 1
        }
        return name
    }

    /// A variable for a key that stands in the file as plain text; two that are the same share one.
    mutating func variable(for secret: String, of backend: String, _ path: String, _ line: Int) -> String {
        if let known = secrets.first(where: { $0.value == secret }) { return known.variable }
        let letters = backend.uppercased().unicodeScalars.map { scalar -> Unicode.Scalar in
            ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar) ? scalar : "_"
        }
        var base = String(String.UnicodeScalarView(letters)) + "_API_KEY"
        if base.unicodeScalars.first.map({ ("0"..."9").contains($0) }) == true { base = "_" + base }
        var variable = base
        var number = 2
        while secrets.contains(where: { $0.variable == variable })
            || backends.contains(where: { $0.apiKeyEnv.contains(variable) })
        {
            variable = "\(base)_\(number)"
            number += 1
        }
        secrets.append(ImportedFile.Secret(variable: variable, path: path, line: line, value: secret))
        return variable
    }
}

/// A `[[backends]]` that is being put together.
struct DraftBackend: Equatable {
    var name: String
    var type: String
    var url: String
    /// Nil: the default.
    var priority: Int?
    var apiKeyEnv: [String] = []
    var maxConcurrent: Int?
    var options: [(name: String, value: TOMLValue)] = []
    var timeouts: [(name: String, value: TOMLValue)] = []
    /// Of models at it.
    var modelTimeouts: [(name: String, values: [(name: String, value: TOMLValue)])] = []
    /// Lines of comment before it.
    var comments: [String] = []
    /// It cannot be used as it is, and is written as a comment.
    var isComment = false

    init(name: String, type: String, url: String) {
        self.name = name
        self.type = type
        self.url = url
    }

    mutating func option(_ name: String, _ value: TOMLValue) {
        options.removeAll { $0.name == name }
        options.append((name, value))
    }

    static func == (left: DraftBackend, right: DraftBackend) -> Bool {
        DraftText.lines(of: left) == DraftText.lines(of: right)
    }
}
