import Terminal

/// Aligned columns for a terminal.
enum TextTable {
    static func render(_ header: [String], _ rows: [[String]]) -> String {
        var table = GrowingTable(header)
        return table.lines(rows).joined(separator: "\n")
    }
}

/// Numbers of things, in words.
enum Counted {
    /// "1 request", "2 requests".
    static func words(_ count: Int64, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}
