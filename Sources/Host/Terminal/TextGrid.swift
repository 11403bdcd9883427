/// Columns of fixed and of shared width, cut to the terminal.
struct TextGrid {
    struct Column {
        let title: String
        /// Of its own; 0: it shares what is left.
        let cells: Int
        let share: Int
        let isNumber: Bool

        init(_ title: String, cells: Int = 0, share: Int = 0, isNumber: Bool = false) {
            self.title = title
            self.cells = cells
            self.share = share
            self.isNumber = isNumber
        }
    }

    struct Row {
        let cells: [String]
        let style: CellStyle

        init(_ cells: [String], style: CellStyle = .plain) {
            self.cells = cells.map(CellText.clean)
            self.style = style
        }
    }

    private static let gap = 2
    /// A shared column is not narrower; the last ones go first.
    private static let narrowest = 6

    private let columns: [Column]
    let rows: [Row]
    /// Said where there is no row.
    private let none: String
    /// How many there are, where these are but some; nil: these are all.
    private let total: Int?
    /// It is the newest of many in any case: that some are not shown need not be said.
    private let isCut: Bool

    init(_ columns: [Column], rows: [Row], none: String, total: Int? = nil, isCut: Bool = false) {
        self.columns = columns
        self.rows = rows
        self.none = none
        self.total = total
        self.isCut = isCut
    }

    /// The heading and so many rows, the last of which says how many are not shown.
    func lines(rows count: Int, columns cells: Int) -> [StyledLine] {
        let widths = widths(cells)
        var lines = [StyledLine(text(columns.map(\.title), widths), .heading)]
        guard !rows.isEmpty else { return lines + [StyledLine(none, .dim)] }
        let all = max(total ?? 0, rows.count)
        let isAll = isCut || all <= count
        for row in rows.prefix(isAll ? count : count - 1) {
            lines.append(StyledLine(text(row.cells, widths), row.style))
        }
        if !isAll { lines.append(StyledLine("… and \(all - max(0, count - 1)) more", .dim)) }
        return lines
    }

    private func text(_ cells: [String], _ widths: [Int]) -> String {
        zip(zip(cells, columns), widths).filter { $0.1 > 0 }.map { cell, width in
            CellText.fit(cell.0, width, isNumber: cell.1.isNumber)
        }.joined(separator: String(repeating: " ", count: Self.gap))
    }

    /// Of each column; 0: there is no room for it.
    private func widths(_ cells: Int) -> [Int] {
        var shown = columns.count
        while shown > 1 {
            let used = columns.prefix(shown).reduce(Self.gap * (shown - 1)) {
                $0 + max($1.cells, $1.cells == 0 ? Self.narrowest : 0)
            }
            if used <= cells { break }
            shown -= 1
        }
        let fixed = columns.prefix(shown).reduce(Self.gap * (shown - 1)) { $0 + $1.cells }
        let shares = max(1, columns.prefix(shown).reduce(0) { $0 + $1.share })
        var left = max(0, cells - fixed)
        var last: Int?
        var widths = columns.indices.map { index -> Int in
            guard index < shown else { return 0 }
            guard columns[index].cells == 0 else { return columns[index].cells }
            last = index
            return max(0, cells - fixed) * columns[index].share / shares
        }
        for index in widths.indices where index < shown && columns[index].cells == 0 { left -= widths[index] }
        // What division leaves over.
        if let last { widths[last] += left }
        return widths
    }
}
