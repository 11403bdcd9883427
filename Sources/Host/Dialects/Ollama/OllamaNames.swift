/// Names of models, whose tag is "latest" when there is none.
public enum OllamaNames {
    private static let latest = ":latest"

    /// The same name with the tag "latest", or, if it has that, without it; nil for one that has another tag.
    public static func counterpart(_ name: String) -> String? {
        let (bytes, tag) = (name.utf8, latest.utf8)
        if bytes.suffix(tag.count).elementsEqual(tag, by: { $0 == $1 || ($0 &- 0x41 < 26 && $0 | 0x20 == $1) }) {
            return bytes.count > tag.count ? String(decoding: bytes.dropLast(tag.count), as: UTF8.self) : nil
        }
        // A colon before the last slash belongs to a port, not to a tag.
        guard !name.isEmpty, name.split(separator: "/").last?.contains(":") != true else { return nil }
        return name + latest
    }
}
