/// A screen as a picture (SVG), for pages that show what a terminal does. Pure.
public enum ScreenPicture {
    /// Of one cell, in the picture's units: those of a usual monospaced font of 14.
    private static let cell = (width: 8.4, height: 18.0)
    private static let margin = 16.0

    /// - Parameter lines: as they stand on the screen, one below the other.
    public static func svg(_ lines: [StyledLine]) -> String {
        let columns = lines.map { CellText.width($0.text) }.max() ?? 0
        let width = short(Double(columns) * cell.width + 2 * margin)
        let height = short(Double(lines.count) * cell.height + 2 * margin)
        var svg = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" role="img" \
            font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14">
            <rect width="100%" height="100%" rx="8" fill="#14181d"/>

            """
        for (index, line) in lines.enumerated() {
            let baseline = short(margin + Double(index) * cell.height + 13)
            var column = 0
            for piece in line.pieces {
                let cells = CellText.width(piece.text)
                svg += text(piece, at: column, cells: cells, baseline: baseline)
                column += cells
            }
        }
        return svg + "</svg>"
    }

    /// Each piece has its own place and width, so that columns stand below each other in every font.
    private static func text(_ piece: StyledLine.Piece, at column: Int, cells: Int, baseline: String) -> String {
        let words = piece.text.drop { $0 == " " }
        let shown = String(words.reversed().drop { $0 == " " }.reversed())
        guard !shown.isEmpty else { return "" }
        let lead = piece.text.count - words.count
        let start = short(margin + Double(column + lead) * cell.width)
        let length = short(Double(CellText.width(shown)) * cell.width)
        return "<text x=\"\(start)\" y=\"\(baseline)\" textLength=\"\(length)\" \(piece.style.attributes) "
            + "xml:space=\"preserve\">\(escaped(shown))</text>\n"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }

    /// With one digit behind the point at the most.
    private static func short(_ number: Double) -> String {
        let tenths = Int((number * 10).rounded())
        return tenths.isMultiple(of: 10) ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}

extension CellStyle {
    /// On the picture's dark ground.
    fileprivate var attributes: String {
        switch self {
        case .plain: "fill=\"#d7dde4\""
        case .heading: "fill=\"#ffffff\" font-weight=\"bold\""
        case .dim: "fill=\"#8b96a3\""
        case .good: "fill=\"#6cc98a\""
        case .warning: "fill=\"#e6b450\""
        case .bad: "fill=\"#ff7a70\" font-weight=\"bold\""
        case .inverse: "fill=\"#ffffff\" font-weight=\"bold\""
        }
    }
}
