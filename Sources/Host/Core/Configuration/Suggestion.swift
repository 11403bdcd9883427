/// Finds what somebody may have meant.
public enum Suggestion {
    enum Limits {
        /// Bytes of a text that may be a slip of the pen.
        static let typed = 100
        /// Letters of a name that is too short to be told from others once one is wrong.
        static let short = 2
        /// Letters of a beginning that tells which name is meant.
        static let beginning = 3
    }

    /// The name that begins so, else the one with the fewest slips, if those are few for its length.
    public static func nearest(_ typed: String, in names: [String]) -> String? {
        guard typed.utf8.count <= Limits.typed else { return nil }
        let letters = Self.letters(typed)
        if let longer = names.first(where: { begins(letters, Self.letters($0)) }) { return longer }
        return names.map { ($0, distance(letters, Self.letters($0))) }
            .filter { $0.1 <= slips(of: $0.0) }
            .min { $0.1 < $1.1 }?.0
    }

    /// Whether a name may be what somebody wanted to type.
    public static func isNear(_ typed: String, _ name: String) -> Bool { nearest(typed, in: [name]) != nil }

    /// Letters are compared in either case.
    private static func letters(_ text: String) -> [UInt8] { Array(text.lowercased().utf8) }

    private static func begins(_ typed: [UInt8], _ name: [UInt8]) -> Bool {
        typed.count >= Limits.beginning && name.starts(with: typed)
    }

    /// How many may be wrong in it: of a short one a letter, of a longer one a third. Else something else is meant.
    private static func slips(of name: String) -> Int {
        let count = name.utf8.count
        return count <= Limits.short ? 0 : max(1, count / 3)
    }

    /// Levenshtein distance, where two neighbours that have changed places are one slip.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var (before, row) = ([Int](), Array(0...right.count))
        for i in left.indices {
            var next = [i + 1]
            for j in right.indices {
                var least = min(row[j] + (left[i] == right[j] ? 0 : 1), row[j + 1] + 1, next[j] + 1)
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    least = min(least, before[j - 1] + 1)
                }
                next.append(least)
            }
            (before, row) = (row, next)
        }
        return row[right.count]
    }
}
