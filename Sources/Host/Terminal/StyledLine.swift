/// How a piece of a line looks. Its words say the same without it.
public enum CellStyle: Sendable, Equatable {
    case plain, heading, dim, good, warning, bad, inverse

    /// The parameters of "select graphic rendition" (ECMA-48, 8.3.117).
    var parameters: String {
        switch self {
        case .plain: "0"
        case .heading: "1"
        case .dim: "2"
        case .good: "32"
        case .warning: "33"
        case .bad: "31;1"
        case .inverse: "7"
        }
    }
}

/// One line of a screen.
public struct StyledLine: Sendable, Equatable {
    struct Piece: Sendable, Equatable {
        let text: String
        let style: CellStyle
    }

    private(set) var pieces: [Piece] = []

    init() {}

    init(_ text: String, _ style: CellStyle = .plain) { append(text, style) }

    /// - Parameter text: clean (`CellText.clean`).
    mutating func append(_ text: String, _ style: CellStyle = .plain) {
        if !text.isEmpty { pieces.append(Piece(text: text, style: style)) }
    }

    /// Without its looks.
    public var text: String { pieces.map(\.text).joined() }

    /// Cut to so many cells.
    func cut(to cells: Int) -> StyledLine {
        var (line, left) = (StyledLine(), cells)
        for piece in pieces where left > 0 {
            let width = CellText.width(piece.text)
            line.append(width <= left ? piece.text : CellText.fit(piece.text, left), piece.style)
            left -= min(width, left)
        }
        return line
    }

    /// For a terminal.
    /// - Parameter hasColour: false: the text alone.
    public func encoded(hasColour: Bool) -> String {
        guard hasColour else { return text }
        return pieces.map { piece in
            piece.style == .plain ? piece.text : "\u{1B}[\(piece.style.parameters)m\(piece.text)\u{1B}[0m"
        }.joined()
    }
}
