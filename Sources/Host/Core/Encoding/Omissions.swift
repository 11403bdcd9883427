import JSON

/// What was left out of a value so that it fits into one message. Written as its `truncated` member:
/// the number of elements for a list, of UTF-8 bytes for a text, e.g. `{"models": 512, "url": 1048000}`.
struct Omissions {
    private var counts: [(member: String, count: Int)] = []

    var isEmpty: Bool { counts.isEmpty }

    /// Nothing when `count` is 0.
    mutating func note(_ member: String, count: Int) {
        if count > 0 { counts.append((member, count)) }
    }

    func write(to json: inout JSONWriter) {
        guard !counts.isEmpty else { return }
        json.key("truncated")
        json.beginObject()
        for (member, count) in counts {
            json.key(member)
            json.integer(count)
        }
        json.endObject()
    }
}

/// Cuts texts of one value at a common number of bytes and notes what was lost.
struct TextCutter {
    /// Tried one after the other. The last bounds six texts at 9,216 bytes even if every byte needs `\u00XX`.
    static let limits = [2048, 1024, 512, 256]

    let limit: Int
    var omitted: Omissions

    /// The longest prefix within the limit that ends between two characters.
    mutating func cut(_ text: String, member: String) -> String {
        let count = text.utf8.count
        guard count > limit else { return text }
        let prefix = Self.prefix(of: text, bytes: limit)
        omitted.note(member, count: count - prefix.utf8.count)
        return prefix
    }

    static func prefix(of text: String, bytes: Int) -> String {
        let utf8 = text.utf8
        guard var end = utf8.index(utf8.startIndex, offsetBy: bytes, limitedBy: utf8.endIndex), end < utf8.endIndex
        else { return text }
        while end > utf8.startIndex, utf8[end] & 0xC0 == 0x80 { end = utf8.index(before: end) }
        // A copy: a slice would look beyond its end, into whatever cluster a hostile text has there.
        let prefix = String(text[..<end])
        let count = prefix.count
        // The next scalar may belong to the last character.
        let next = text.unicodeScalars[end]
        guard count > 1, (prefix + String(next)).count == count else { return prefix }
        return String(prefix.dropLast())
    }
}
