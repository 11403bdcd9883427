/// A table for a terminal whose rows come in batches: its header stands once, and a column that has become wider stays so. Pure.
public struct GrowingTable: Sendable {
    /// Cells of the terminal that a column keeps at the most: one long name does not move all that come after it.
    private static let widest = 60
    private let header: [String]
    private var widths: [Int]
    private var hasHeader = false

    /// - Parameter header: names of the columns.
    public init(_ header: [String]) {
        self.header = header.map(CellText.clean)
        widths = self.header.map { CellText.width($0) }
    }

    /// Lines of these rows, behind the header where it has not been shown.
    public mutating func lines(_ rows: [[String]]) -> [String] {
        var rows = rows.map { $0.map(CellText.clean) }
        for row in rows {
            for (column, text) in row.enumerated() {
                widths[column] = max(widths[column], min(CellText.width(text), Self.widest))
            }
        }
        if !hasHeader { rows.insert(header, at: 0) }
        hasHeader = true
        return rows.map(line)
    }

    /// The last cell is as long as it is, and nothing ends with spaces.
    private func line(_ row: [String]) -> String {
        var line = ""
        for (column, text) in row.enumerated() {
            line += text
            if column < row.count - 1 {
                line += String(repeating: " ", count: max(0, widths[column] - CellText.width(text)) + 2)
            }
        }
        while line.last == " " { line.removeLast() }
        return line
    }
}
