import Shims

/// Text in the cells of a terminal. What comes from servers and clients passes through here: it must neither steer the terminal
/// nor shift its columns.
public enum CellText {
    /// The text without controls, and without the marks that turn the direction of what follows (UAX #9).
    public static func clean(_ text: String) -> String {
        var clean = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x00..<0x20, 0x7F...0x9F: clean.append("?")
            case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: continue
            default: clean.append(scalar)
            }
        }
        return String(clean)
    }

    /// Cells that one character takes: 0, 1 or 2.
    static func width(_ character: Character) -> Int {
        if let ascii = character.asciiValue { return ascii < 0x20 || ascii == 0x7F ? 0 : 1 }
        let widths = character.unicodeScalars.map { nexus_cell_width($0.value) }
        // What the system does not know is drawn as one box.
        return Int(min(2, max(widths.max() ?? 1, widths.contains(-1) ? 1 : 0)))
    }

    public static func width(_ text: String) -> Int { text.reduce(0) { $0 + width($1) } }

    /// Exactly that many cells: cut with an ellipsis, or filled with spaces.
    /// - Parameter isNumber: it stands on the right.
    public static func fit(_ text: String, _ cells: Int, isNumber: Bool = false) -> String {
        guard cells > 0 else { return "" }
        var (fitting, used) = ("", 0)
        for character in text {
            let width = width(character)
            guard used + width <= cells else {
                // There is more: the last cell says so.
                while used > cells - 1, let last = fitting.popLast() { used -= self.width(last) }
                return fitting + "…" + String(repeating: " ", count: cells - used - 1)
            }
            fitting.append(character)
            used += width
        }
        let space = String(repeating: " ", count: cells - used)
        return isNumber ? space + fitting : fitting + space
    }
}
