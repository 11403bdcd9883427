/// Tells on which line of a TOML text a key is set. The parser keeps no positions of its own, so this looks at the
/// lines: table headers and the keys before `=`. It only serves messages: text inside multi-line values may be
/// taken for a key, and a key it does not find has no line.
struct LineIndex {
    private var lines: [String: Int] = [:]

    init(_ text: String) {
        var table = ""
        var counts: [String: Int] = [:]
        for (offset, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = raw.drop { $0 == " " || $0 == "\t" }
            if line.hasPrefix("[[") {
                let name = Self.name(line.dropFirst(2).prefix { $0 != "]" })
                let index = counts[name, default: 0]
                counts[name] = index + 1
                table = "\(name)[\(index)]"
                lines[table] = lines[table] ?? offset + 1
            } else if line.hasPrefix("[") {
                table = Self.resolved(Self.name(line.dropFirst().prefix { $0 != "]" }), counts)
                lines[table] = lines[table] ?? offset + 1
            } else if let equals = line.firstIndex(of: "="), !line.hasPrefix("#") {
                let key = Self.name(line[..<equals])
                let path = table.isEmpty ? key : table + "." + key
                lines[path] = lines[path] ?? offset + 1
            }
        }
    }

    /// The line of the key, or of the nearest table around it.
    func line(of key: String) -> Int? {
        var key = key
        while true {
            if let line = lines[key] { return line }
            guard let end = key.lastIndex(where: { $0 == "." || $0 == "[" }) else { return nil }
            key = String(key[..<end])
        }
    }

    /// A dotted name without spaces and quotes around its parts.
    private static func name(_ text: Substring) -> String {
        text.split(separator: ".").map { part in
            String(part.filter { $0 != " " && $0 != "\t" && $0 != "\"" && $0 != "'" && $0 != "\r" })
        }.joined(separator: ".")
    }

    /// `[backends.options]` belongs to the last `[[backends]]`.
    private static func resolved(_ name: String, _ counts: [String: Int]) -> String {
        guard let dot = name.firstIndex(of: "."), let count = counts[String(name[..<dot])], count > 0 else {
            return name
        }
        return "\(name[..<dot])[\(count - 1)]\(name[dot...])"
    }
}
