/// One table of a file while it is taken over. It knows what was asked for, so that `finish` can tell of all the rest.
struct SourceTable {
    /// Dotted, for people; empty for the file itself.
    let path: String
    let line: Int
    private let members: [SourceValue.Member]
    private var taken: Set<String> = []

    /// - Parameter value: nothing but a table has members.
    init(_ value: SourceValue, path: String) {
        self.path = path
        line = value.line
        members = value.members ?? []
    }

    func full(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    /// The line of a member, or of the table where it is not there.
    func line(of name: String) -> Int { members.first { $0.name == name }?.line ?? line }

    /// What is not there and what is empty is both nil.
    mutating func take(_ name: String) -> SourceValue? {
        taken.insert(name)
        return members.first { $0.name == name && !$0.value.isNull }?.value
    }

    /// All that was not asked for yet, by name.
    mutating func rest() -> [SourceValue.Member] {
        let rest = members.filter { !taken.contains($0.name) && !$0.value.isNull }
        taken.formUnion(rest.map(\.name))
        return rest
    }

    /// For a member that has its own words, whatever it holds. Nothing is said of one that is not there.
    mutating func none(_ names: String..., because words: String, _ remarks: inout Remarks) {
        for name in names where take(name) != nil {
            remarks.add(full(name), line(of: name), "has no counterpart: \(words)")
        }
    }

    /// Says of everything that was not asked for that it has no counterpart.
    mutating func finish(_ remarks: inout Remarks) {
        for member in rest() { remarks.add(full(member.name), member.line, "has no counterpart") }
    }

    // MARK: Values

    mutating func text(_ name: String, _ remarks: inout Remarks) -> String? {
        value(name, "a text", &remarks) { $0.text }.flatMap { $0.isEmpty ? nil : $0 }
    }

    mutating func number(_ name: String, _ remarks: inout Remarks) -> Double? {
        value(name, "a number", &remarks) { $0.number }
    }

    mutating func bool(_ name: String, _ remarks: inout Remarks) -> Bool? {
        value(name, "true or false", &remarks) { $0.bool }
    }

    /// A list of texts; one text stands for a list of one.
    mutating func texts(_ name: String, _ remarks: inout Remarks) -> [String] {
        value(name, "a list of texts", &remarks) { value in
            let items = value.list?.map(\.text) ?? [value.text]
            return items.contains(nil) ? nil : items.compactMap { $0 }
        } ?? []
    }

    mutating func table(_ name: String, _ remarks: inout Remarks) -> SourceTable? {
        value(name, "a table", &remarks) { $0.members == nil ? nil : $0 }.map { SourceTable($0, path: full(name)) }
    }

    /// A list of tables.
    mutating func tables(_ name: String, _ remarks: inout Remarks) -> [SourceTable] {
        var tables: [SourceTable] = []
        let items = value(name, "a list", &remarks) { $0.list } ?? []
        for (index, item) in items.enumerated() {
            let path = "\(full(name))[\(index)]"
            if item.members == nil {
                remarks.add(path, item.line, "is no table, and was left out")
            } else {
                tables.append(SourceTable(item, path: path))
            }
        }
        return tables
    }

    private mutating func value<Value>(
        _ name: String, _ what: String, _ remarks: inout Remarks, _ read: (SourceValue) -> Value?
    ) -> Value? {
        guard let found = take(name) else { return nil }
        if let value = read(found) { return value }
        remarks.add(full(name), line(of: name), "is not \(what), and was left out")
        return nil
    }
}
