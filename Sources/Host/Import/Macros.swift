/// llama-swap's macros: `${name}` stands for a text, which may hold others.
struct Macros {
    enum Limits {
        /// Rounds in which what macros brought in is looked at again.
        static let rounds = 10
        /// Bytes of a text with all that its macros stand for.
        static let bytes = 16 * 1024
    }

    private var values: [String: String] = [:]

    /// Adds the texts of a table; names that are there already mean what it says from now on.
    mutating func add(_ table: SourceTable) {
        var table = table
        for member in table.rest() { values[member.name] = member.value.text }
    }

    mutating func set(_ name: String, _ value: String) { values[name] = value }

    /// What is not known stays as it is. Nil: it grows beyond what a command may have.
    func expanded(_ text: String) -> String? {
        var text = text
        for _ in 0..<Limits.rounds {
            guard text.utf8.count <= Limits.bytes else { return nil }
            let next = once(text)
            guard next != text else { return text }
            text = next
        }
        return nil
    }

    private func once(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        // What is written grows by one macro at a time, so that the limit is noticed before it is far behind.
        while let start = rest.range(of: "${"), result.utf8.count <= Limits.bytes {
            result += rest[..<start.lower]
            let inner = rest[start.upper...]
            guard let end = inner.firstIndex(of: "}"), let value = values[String(inner[..<end])] else {
                result += "${"
                rest = inner
                continue
            }
            result += value
            rest = inner[inner.index(after: end)...]
        }
        return result + rest
    }
}

extension Substring {
    /// Where a short text stands first.
    func range(of part: String) -> (lower: Index, upper: Index)? {
        guard let first = part.first else { return nil }
        var from = startIndex
        while let start = self[from...].firstIndex(of: first) {
            if self[start...].hasPrefix(part) { return (start, index(start, offsetBy: part.count)) }
            from = index(after: start)
        }
        return nil
    }
}
