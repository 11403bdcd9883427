/// The SHA-256 of a file's content, by which one file is told from another whatever it is called and wherever it is.
public struct ContentHash: Sendable, Hashable, Comparable {
    /// 64 small hexadecimal digits.
    public let text: String

    /// - Parameter bytes: all of the content.
    public init(of bytes: [UInt8]) { text = Hexadecimal.text(SHA256.hash(bytes)) }

    /// - Parameter hash: of the whole content.
    public init(_ hash: SHA256) { text = Hexadecimal.text(hash.finished()) }

    /// 64 hexadecimal digits, with or without "sha256:" before them; nil: it is none.
    public init?(text: String) {
        let digits = text.hasPrefix("sha256:") ? text.dropFirst(7) : text[...]
        guard digits.utf8.count == 64, let bytes = Hexadecimal.bytes(digits) else { return nil }
        self.text = Hexadecimal.text(bytes)
    }

    /// Enough of it to tell it from others, for people.
    public var short: String { String(text.prefix(12)) }

    public static func < (one: ContentHash, other: ContentHash) -> Bool { one.text < other.text }
}
