import JSON

/// The reference of the configuration, made of what its readers ask for: docs/reference/configuration.md.
public enum ConfigurationReference {
    /// Paths of all keys that hold a value.
    public static var paths: [String] { AskedKey.all.filter(\.kind.isValue).map(\.path) }

    /// - Parameter startOnly: paths of keys that a reload leaves as they are.
    public static func markdown(startOnly: Set<String>) -> String {
        let asked = Dictionary(AskedKey.all.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        var text = head
        for meaning in KeyMeaning.all {
            guard let key = asked[meaning.path] else { continue }
            if key.kind.isValue {
                text += row(key, meaning, isStartOnly: startOnly.contains(key.path))
            } else {
                text += section(key, meaning)
            }
        }
        return text + "\n" + variables
    }

    private static let head = """
        # Configuration

        <!-- Made from the code (NEXUS_WRITE_DOCS=1 swift test --filter ReferenceTests); a test compares the two. -->

        Every key of `nexus.toml`, as the gateway's own readers take it. `nexus config init` writes a file with all of them,
        `nexus config check` says what is wrong with one, with line numbers, and `nexus config reload` has a running gateway read
        it again. Unknown keys and bad values are errors; a reload with an error changes nothing. *Restart* stands by keys that a
        reload leaves as they are. `NAME` stands for a name that you choose, such as a model's.

        """

    private static func section(_ key: AskedKey, _ meaning: KeyMeaning) -> String {
        let path = key.path.replacing("[]", with: "")
        var header = key.kind == .tables ? "[[\(path)]]" : "[\(path)]"
        if case .names(_, .object) = key.kind { header = "[\(path).\(AskedKey.anyName)]" }
        let level = path.contains(".") ? "###" : "##"
        var text = "\n\(level) `\(header)`\n\n\(meaning.words)"
        if case .names(let words, let sample) = key.kind {
            text += " Under each key: \(words)."
            if let usual = meaning.usual { text += " Without the table \(usual)." }
            if sample == .null { return text + "\n" }
        }
        return text + "\n\n| key | type | default | what it does |\n|---|---|---|---|\n"
    }

    private static func row(_ key: AskedKey, _ meaning: KeyMeaning, isStartOnly: Bool) -> String {
        let name = key.path.split(separator: ".").last.map(String.init) ?? key.path
        let usual = meaning.usual ?? key.usual.map(shown) ?? "none"
        let words = meaning.words + (isStartOnly ? " *Restart.*" : "")
        return "| `\(name)` | \(key.type(named: name)) | \(usual) | \(words) |\n"
    }

    private static func shown(_ value: JSONValue) -> String {
        "`" + String(decoding: value.bytes, as: UTF8.self) + "`"
    }

    private static var variables: String {
        var text = """
            ## Environment

            Flags go over the environment, that over the file, that over the defaults.

            | variable | what it does |
            |---|---|

            """
        for variable in EnvironmentVariable.all { text += "| `\(variable.name)` | \(variable.words) |\n" }
        return text
    }
}

extension AskedKey.Kind {
    /// It is no table, and a row of its own.
    var isValue: Bool {
        switch self {
        case .table, .tables, .names: false
        default: true
        }
    }
}

extension AskedKey {
    /// In words, with unit and range.
    func type(named name: String) -> String {
        switch kind {
        case .string(let limit, let mayBeEmpty): "text, \(mayBeEmpty ? "" : "not empty, ")at most \(limit) bytes"
        case .strings: "array of texts"
        case .oneOrMoreStrings: "text, or an array of them"
        case .integer(let range): integer(range, named: name)
        case .seconds(let range, let isLimit):
            "seconds, \(Self.short(range.lowerBound)) to \(Self.short(range.upperBound))"
                + (isLimit ? "; 0: any time" : "")
        case .share: "number above 0, at most 1"
        case .ratio: "number, 0 to 1"
        case .bool: "`true` or `false`"
        case .choice(let names): names.map { "`\"\($0)\"`" }.joined(separator: ", ")
        case .table: "table"
        case .tables: "array of tables"
        case .names: "table of names"
        }
    }

    private func integer(_ range: ClosedRange<Int>, named name: String) -> String {
        let unit =
            name.hasSuffix("_bytes")
            ? "bytes" : name.hasSuffix("_days") ? "days" : name.hasSuffix("_percent") ? "percent" : "whole number"
        guard unit == "bytes" else { return "\(unit), \(range.lowerBound) to \(range.upperBound)" }
        return "bytes, \(Self.size(range.lowerBound)) to \(Self.size(range.upperBound))"
    }

    private static func short(_ number: Double) -> String {
        number == number.rounded() ? "\(Int(number))" : "\(number)"
    }

    /// 67108864 is 64 MiB.
    private static func size(_ bytes: Int) -> String {
        var (value, units) = (bytes, ["TiB", "GiB", "MiB", "KiB"][...])
        var unit = ""
        while value >= 1024, value.isMultiple(of: 1024), let next = units.popLast() {
            (value, unit) = (value / 1024, next)
        }
        return unit.isEmpty ? "\(bytes)" : "\(bytes) (\(value) \(unit))"
    }
}
