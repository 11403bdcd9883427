/// Names found by their letters in any case. Of names that differ in nothing else the first in order is found. Letters
/// beyond ASCII stay as they are: what names models has none.
public struct NameSpellings: Sendable {
    /// By what all spellings have in common.
    private let names: [String: String]

    public init(_ names: some Sequence<String> = []) {
        self.names = Dictionary(names.map { (Self.folded($0), $0) }, uniquingKeysWith: min)
    }

    /// The name that differs from this one in the case of letters at most.
    public func name(_ spelling: String) -> String? { names.isEmpty ? nil : names[Self.folded(spelling)] }

    private static func folded(_ name: String) -> String {
        guard name.utf8.contains(where: { $0 &- 0x41 < 26 }) else { return name }
        return String(decoding: name.utf8.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }, as: UTF8.self)
    }
}
