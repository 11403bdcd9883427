/// Tells on which line of a TOML text a key is set. The parser keeps no positions of its own, so this looks at the
/// lines: table headers and the keys before `=`. It only serves messages: text inside multi-line values may be
/// taken for a key, and a key it does not find has no line.
struct LineIndex {
    private var lines: [String: Int] = [:]

    /// Bytes of a line that are looked at: a key behind them has no line.
    private static let lineLimit = 2 * TOMLShape.Limits.key

    init(_ text: String) {
        var table = ""
        var counts: [Substring: Int] = [:]
        // Over bytes: a line end of two is one character.
        for (offset, raw) in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            let line = raw.prefix(Self.lineLimit).drop { $0 == 0x20 || $0 == 0x09 }
            if line.starts(with: "[[".utf8) {
                let name = Self.name(line.dropFirst(2).prefix { $0 != UInt8(ascii: "]") })
                let index = counts[name[...], default: 0]
                counts[name[...]] = index + 1
                table = "\(name)[\(index)]"
                lines[table] = lines[table] ?? offset + 1
            } else if line.first == UInt8(ascii: "[") {
                table = Self.resolved(Self.name(line.dropFirst().prefix { $0 != UInt8(ascii: "]") }), counts)
                lines[table] = lines[table] ?? offset + 1
            } else if line.first != UInt8(ascii: "#"), let equals = line.firstIndex(of: UInt8(ascii: "=")) {
                let key = Self.name(line[..<equals])
                let path = table.isEmpty ? key : table + "." + key
                lines[path] = lines[path] ?? offset + 1
            }
        }
    }

    /// The line of the key, or of the nearest table around it.
    func line(of key: String) -> Int? {
        var key = key[...]
        while true {
            if let line = lines[String(key)] { return line }
            guard let end = key.utf8.lastIndex(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "[") }) else {
                return nil
            }
            key = key[..<end]
        }
    }

    /// A dotted name without spaces and quotes around its parts.
    private static func name(_ text: Substring.UTF8View) -> String {
        String(decoding: text.filter { !" \t\"'\r".utf8.contains($0) }, as: UTF8.self)
    }

    /// `[backends.options]` belongs to the last `[[backends]]`.
    private static func resolved(_ name: String, _ counts: [Substring: Int]) -> String {
        guard let dot = name.utf8.firstIndex(of: UInt8(ascii: ".")), let count = counts[name[..<dot]], count > 0 else {
            return name
        }
        return "\(name[..<dot])[\(count - 1)]\(name[dot...])"
    }
}
