import Yams

/// A YAML text as plain values with their lines. Pure; what it costs is bounded by the text's size.
///
/// The parser never sees an alias: it would build what the alias stands for into the tree each time, and looks through whole trees
/// where they are keys, which a few lines can make endless. `AliasMarks` hides them from it, and they are followed here, where what
/// they add up to is counted.
enum YAMLText {
    enum Limits {
        /// Tables and lists within each other.
        static let depth = 64
        /// Values of one file, those counted again that an alias repeats.
        static let values = 100_000
        /// Members of one table, items of one list.
        static let members = 4096
    }

    /// - Throws: the first thing that is wrong with it. No message repeats a value of the file.
    static func value(of text: String) throws(ImportProblem) -> SourceValue {
        let hidden = try AliasMarks.hide(in: text)
        let parser: Parser
        let root: Node?
        do {
            parser = try Parser(yaml: hidden, encoding: .utf8)
            root = try parser.singleRoot()
        } catch {
            throw problem(error, in: hidden)
        }
        guard let root else { throw ImportProblem("the file is empty") }
        // Nodes know their anchors only while the parser lives.
        defer { withExtendedLifetime(parser) {} }
        var reading = Reading()
        return try reading.value(of: root, depth: 0)
    }

    private static func problem(_ error: any Error, in text: String) -> ImportProblem {
        switch error as? YamlError {
        case .scanner(_, let words, let mark, _), .parser(_, let words, let mark, _):
            // The parser has a limit of its own, far above ours, and speaks of it to programmers.
            if words.contains("nesting level") { return tooDeep(mark.line) }
            return ImportProblem(line: mark.line, "this is not YAML: \(words)")
        case .composer(_, let words, let mark, _):
            return ImportProblem(
                line: mark.line, words.contains("another document") ? "the file holds more than one document" : words)
        case .duplicatedKeysInMapping(let names, let context):
            let name = names.first.map { AliasMarks.restored($0) } ?? ""
            return ImportProblem(line: context.mark.line, "\(quoted(name)) is there twice in one table")
        default:
            return ImportProblem("this is not YAML")
        }
    }

    private static func tooDeep(_ line: Int) -> ImportProblem {
        ImportProblem(line: line, "tables and lists lie deeper than \(Limits.depth) levels within each other")
    }

    static func checkCount(_ count: Int, _ line: Int) throws(ImportProblem) {
        guard count > Limits.members else { return }
        throw ImportProblem(
            line: line, "a table or a list has more than \(Limits.members) entries; no configuration has so many")
    }

    /// Follows the nodes of one text in their order.
    private struct Reading {
        /// What an anchor stands for, and how many values that is.
        private var anchors: [String: (value: SourceValue, count: Int)] = [:]
        private var count = 0

        mutating func value(of node: Node, depth: Int) throws(ImportProblem) -> SourceValue {
            let line = node.mark?.line ?? 0
            guard depth < Limits.depth else {
                throw tooDeep(line)
            }
            if case .scalar(let scalar) = node, let name = AliasMarks.name(in: scalar) {
                guard let known = anchors[name] else {
                    throw ImportProblem(line: line, "*\(name) stands for nothing: no &\(name) is before it")
                }
                try add(known.count, line)
                var value = known.value
                value.line = line
                return value
            }
            let before = count
            try add(1, line)
            let content = try content(of: node, line, depth)
            let value = SourceValue(content, line: line)
            if let anchor = node.anchor { anchors[anchor.rawValue] = (value, count - before) }
            return value
        }

        private mutating func add(_ more: Int, _ line: Int) throws(ImportProblem) {
            count += more
            guard count <= Limits.values else {
                throw ImportProblem(
                    line: line,
                    "there are more than \(Limits.values) values, with those that aliases (*name) repeat; no configuration has so many"
                )
            }
        }

        private mutating func content(
            of node: Node, _ line: Int, _ depth: Int
        ) throws(ImportProblem) -> SourceValue.Content {
            switch node {
            case .scalar(let scalar): return PlainScalar.content(of: scalar)
            case .sequence(let items):
                var list: [SourceValue] = []
                try YAMLText.checkCount(items.count, line)
                for item in items { list.append(try value(of: item, depth: depth + 1)) }
                return .list(list)
            case .mapping(let pairs):
                try YAMLText.checkCount(pairs.count, line)
                var own: [SourceValue.Member] = []
                var merged: [SourceValue.Member] = []
                for (key, item) in pairs {
                    let keyLine = key.mark?.line ?? line
                    guard let name = try value(of: key, depth: depth + 1).text else {
                        throw ImportProblem(
                            line: keyLine, "a table or a list is the name of a value here; it must be a text")
                    }
                    let value = try value(of: item, depth: depth + 1)
                    if name == "<<" {
                        merged += try Self.merged(value)
                    } else {
                        own.append(SourceValue.Member(name: name, line: keyLine, value: value))
                    }
                }
                let members = try Self.together(own, merged)
                try YAMLText.checkCount(members.count, line)
                return .table(members)
            case .alias: return .null
            }
        }

        /// What `<<: *name` brings in: the members of a table, or those of several.
        private static func merged(_ value: SourceValue) throws(ImportProblem) -> [SourceValue.Member] {
            if let members = value.members { return members }
            var all: [SourceValue.Member] = []
            for item in value.list ?? [] {
                guard let members = item.members else { break }
                all += members
            }
            guard !all.isEmpty || value.list?.isEmpty == true else {
                throw ImportProblem(line: value.line, "<< takes a table, or a list of tables")
            }
            return all
        }

        /// What a table says itself goes over what it takes from others, of which the first counts (YAML's merge key).
        private static func together(
            _ own: [SourceValue.Member], _ merged: [SourceValue.Member]
        ) throws(ImportProblem) -> [SourceValue.Member] {
            var seen: Set<String> = []
            for member in own where !seen.insert(member.name).inserted {
                throw ImportProblem(line: member.line, "\(quoted(member.name)) is there twice in one table")
            }
            return own + merged.filter { seen.insert($0.name).inserted }
        }
    }
}
