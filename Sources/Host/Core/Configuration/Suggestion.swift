/// Finds what somebody may have meant.
public enum Suggestion {
    /// The candidate with the fewest edits, if those are few for its length.
    public static func nearest(_ text: String, in candidates: [String]) -> String? {
        // Nothing much longer is a slip of the pen.
        guard text.utf8.count <= 100 else { return nil }
        let text = text.lowercased()
        if text.count > 2, let longer = candidates.first(where: { $0.hasPrefix(text) }) { return longer }
        return candidates.map { ($0, distance(text, $0)) }
            .filter { $0.1 <= ($0.0.count > 3 ? max(2, $0.0.count / 3) : 1) }
            .min { $0.1 < $1.1 }?.0
    }

    /// Levenshtein distance.
    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right)
        var row = Array(0...right.count)
        for (i, a) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in right.enumerated() {
                let above = row[j + 1]
                row[j + 1] = a == b ? diagonal : min(diagonal, above, row[j]) + 1
                diagonal = above
            }
        }
        return row[right.count]
    }
}
