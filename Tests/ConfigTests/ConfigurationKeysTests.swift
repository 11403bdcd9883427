import Core
import JSON
import Testing

@testable import Config

@Suite struct ConfigurationKeysTests {
    @Test func everyKeyThatIsReadIsExplainedAndNoOther() {
        let asked = AskedKey.all.map(\.path)
        let explained = KeyMeaning.all.map(\.path)

        #expect(asked.filter { !explained.contains($0) } == [], "a reader asks for them; they need a KeyMeaning")
        #expect(explained.filter { !asked.contains($0) } == [], "no reader asks for them")
        #expect(Set(explained).count == explained.count)
    }

    @Test func everyKeyHasADefaultOrWordsForIt() {
        let usual = Dictionary(uniqueKeysWithValues: KeyMeaning.all.map { ($0.path, $0.usual) })
        // The older name of a key has none: it is not there.
        let without = AskedKey.all.filter { $0.kind.isValue && $0.usual == nil && (usual[$0.path] ?? nil) == nil }

        #expect(without.map(\.path) == ["server.request_timeout_seconds"])
    }

    @Test func readersTellTypeRangeAndDefault() {
        func key(_ path: String) -> AskedKey? { AskedKey.all.first { $0.path == path } }

        #expect(key("server.port") == AskedKey(path: "server.port", kind: .integer(0...65535), usual: 8000))
        #expect(key("timeouts.gap_seconds")?.usual == 120 && key("timeouts.total_seconds")?.usual == 0)
        #expect(key("routing.strategy")?.kind == .choice(Configuration.Routing.Strategy.allCases.map(\.rawValue)))
        #expect(key("backends[].timeouts.models.NAME.queue_seconds")?.kind == .seconds(1...3600, isLimit: false))
        #expect(key("server.hostnames")?.usual == [])
    }

    @Test func theFileOfConfigInitShowsEveryKeyWithItsDefaultAndNoOther() {
        let shown = DefaultFileLines.keys(of: DefaultFile.text)
        // Names of its own stand for any.
        func isAsked(_ path: String) -> Bool { AskedKey.all.contains { $0.path == path } }
        let missing = AskedKey.all.filter { key in
            key.kind.isValue && shown[key.path] == nil && !Self.shownElsewhere.contains(where: key.path.hasPrefix)
                && key.path != "server.request_timeout_seconds"
        }
        #expect(missing.map(\.path) == [])
        #expect(shown.keys.filter { !isAsked($0) }.sorted() == [])
        for key in AskedKey.all {
            guard let usual = key.usual, let line = shown[key.path], !line.isCommentedOut else { continue }
            let text = String(decoding: usual.bytes, as: UTF8.self)
            // 1 and 1.0 are one number.
            #expect(
                line.value == text || Double(line.value) != nil && Double(line.value) == Double(text), "\(key.path)")
        }
    }

    /// What a table repeats that is shown once, and what is shown within a value.
    private static let shownElsewhere = [
        "timeouts.models.NAME.", "backends[].timeouts.", "routing.aliases.NAME[]", "logging.levels.",
    ]
}

/// Keys of the file that `nexus config init` writes, also those that are commented out.
private enum DefaultFileLines {
    struct Line {
        var value: String
        var isCommentedOut: Bool
    }

    /// Of tables with names of their own, what is under `NAME`; not the names.
    static func keys(of text: String) -> [String: Line] {
        var found: [String: Line] = [:]
        var table = ""
        for whole in text.split(separator: "\n") {
            let isComment = whole.hasPrefix("# ")
            let line = isComment ? whole.dropFirst(2) : whole
            if line.hasPrefix("[") {
                let header = line.prefix { $0 != "#" }.filter { $0 != " " }
                let name = header.filter { $0 != "[" && $0 != "]" }
                let path = name.split(separator: "\"").first.map(String.init) ?? ""
                table = (name.contains("\"") ? path + AskedKey.anyName : path)
                if table == "keys" || table == "backends" || table.hasPrefix("backends.") {
                    table = table.replacing("backends", with: "backends[]").replacing("keys", with: "keys[]")
                }
                continue
            }
            guard let equals = line.firstIndex(of: "=") else { continue }
            let key = line[..<equals].filter { $0 != " " }
            // Sentences and names that operators choose.
            guard key.wholeMatch(of: /[a-z_]+/) != nil, line[..<equals].split(separator: " ").count == 1 else {
                continue
            }
            let path = "\(table).\(key)"
            guard AskedKey.all.contains(where: { $0.path == path }) || !isComment || !table.isEmpty else { continue }
            let value = line[line.index(after: equals)...].split(separator: " #")[0]
            found[path] = Line(value: value.filter { $0 != " " }, isCommentedOut: isComment)
        }
        return found
    }
}
