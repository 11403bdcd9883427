/// Names of models, whose tag is "latest" when there is none.
public enum OllamaNames {
    private static let latest = ":latest"

    /// The name under which a model is known: the one asked for, else the same with or without the tag "latest"; the
    /// one asked for if none is.
    public static func resolve(_ asked: String, known: (String) -> Bool) -> String {
        if known(asked) { return asked }
        if asked.hasSuffix(latest) {
            let bare = String(asked.dropLast(latest.count))
            return !bare.isEmpty && known(bare) ? bare : asked
        }
        // A colon before the last slash belongs to a port, not to a tag.
        guard !asked.isEmpty, asked.split(separator: "/").last?.contains(":") != true else { return asked }
        return known(asked + latest) ? asked + latest : asked
    }
}
