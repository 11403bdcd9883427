import Terminal

/// Aligned columns for a terminal.
enum TextTable {
    static func render(_ header: [String], _ rows: [[String]]) -> String {
        let rows = ([header] + rows).map { $0.map(CellText.clean) }
        let widths = header.indices.map { column in rows.map { CellText.width($0[column]) }.max() ?? 0 }
        return rows.map { row in
            let line = row.enumerated().map { column, text in
                column == row.count - 1
                    ? text : text + String(repeating: " ", count: widths[column] - CellText.width(text))
            }.joined(separator: "  ")
            return line.last == " " ? String(line.reversed().drop { $0 == " " }.reversed()) : line
        }.joined(separator: "\n")
    }
}

/// Numbers of things, in words.
enum Counted {
    /// "1 request", "2 requests".
    static func words(_ count: Int64, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}
