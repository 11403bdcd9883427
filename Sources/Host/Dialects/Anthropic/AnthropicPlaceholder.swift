/// What a model reads in place of what it cannot be shown. A conversation brings all that was ever in it with each request, so
/// refusing one block would end it for good.
enum AnthropicPlaceholder {
    static func block(ofType type: String, _ warnings: inout AnthropicWarnings) -> String {
        warnings.add("Blocks of type \(type) were replaced by a note: they are not known here.")
        return "[A block of type \(type.prefix(64)) stood here, which cannot be shown to this model.]"
    }

    static func pdf(_ title: String?, _ warnings: inout AnthropicWarnings) -> String {
        warnings.add("PDF documents were replaced by a note: send their text, or images of their pages.")
        return "[A PDF document\(named(title)) stood here, which this model cannot read.]"
    }

    /// - Parameter kind: "A document", "An image".
    static func file(_ kind: String, _ title: String?, _ warnings: inout AnthropicWarnings) -> String {
        warnings.add("Files of Anthropic's Files API were replaced by a note: send them in the request itself.")
        return "[\(kind)\(named(title)) stood here, which cannot be shown to this model.]"
    }

    static func source(_ kind: String, _ type: String, _ warnings: inout AnthropicWarnings) -> String {
        warnings.add("Sources of type \(type) were replaced by a note: they are not known here.")
        return "[\(kind) stood here, which cannot be shown to this model.]"
    }

    private static func named(_ title: String?) -> String { title.map { " named \"\($0.prefix(200))\"" } ?? "" }
}
