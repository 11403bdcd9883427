/// A value of another gateway's file, and where it stands there.
struct SourceValue: Equatable, Sendable {
    enum Content: Equatable, Sendable {
        case null
        case bool(Bool)
        /// As it is written; `number` reads it.
        case number(String)
        case text(String)
        case list([SourceValue])
        /// In the order of the file; no name is there twice.
        case table([Member])
    }

    struct Member: Equatable, Sendable {
        var name: String
        /// Of the name, from 1.
        var line: Int
        var value: SourceValue
    }

    var content: Content
    /// In the file, from 1; 0: unknown.
    var line: Int

    init(_ content: Content, line: Int) {
        self.content = content
        self.line = line
    }

    var isNull: Bool { content == .null }
    var members: [Member]? { if case .table(let members) = content { members } else { nil } }
    var list: [SourceValue]? { if case .list(let items) = content { items } else { nil } }

    /// A text; of a number and a truth value what stands in the file, as there are names like `7` and `on`.
    var text: String? {
        switch content {
        case .text(let text), .number(let text): text
        case .bool(let flag): flag ? "true" : "false"
        default: nil
        }
    }

    /// A number, also one in quotes; nil for what is none, and for what is not finite.
    var number: Double? {
        switch content {
        case .number(let text), .text(let text): Double(text).flatMap { $0.isFinite ? $0 : nil }
        default: nil
        }
    }

    /// True or false, also as the words that YAML 1.1 knows.
    var bool: Bool? {
        switch content {
        case .bool(let flag): return flag
        case .text(let text):
            switch text.lowercased() {
            case "true", "yes", "on": return true
            case "false", "no", "off": return false
            default: return nil
            }
        default: return nil
        }
    }

    subscript(name: String) -> SourceValue? { members?.first { $0.name == name }?.value }
}
