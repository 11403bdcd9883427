/// A picture of horizontal bars, in groups, as SVG: readable on light and on dark ground, without a script or a font of its own.
struct Plot {
    struct Bar {
        var label: String
        /// What is drawn dark, and how far it goes on in a lighter shade; in the unit of the axis.
        var value: Double
        var end: Double
        /// Stands behind the bar.
        var note: String
        /// The one that is looked at.
        var isMarked: Bool
    }

    struct Group {
        var title: String
        var bars: [Bar]
    }

    var title: String
    var axis: String
    var groups: [Group]
    /// The axis goes by tenfold steps; otherwise it begins at zero.
    var isLogarithmic = true

    private static let (left, width, right) = (150.0, 420.0, 130.0)
    private static let (line, gap, top) = (16.0, 30.0, 44.0)

    var svg: String {
        let height = Self.top + groups.reduce(0) { $0 + Self.gap + Double($1.bars.count) * Self.line } + 34
        let all = Self.left + Self.width + Self.right
        var text = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.number(all)) \(Self.number(height))" \
            width="\(Self.number(all))" height="\(Self.number(height))" role="img" aria-label="\(Self.escaped(title))">
            <style>
            text{font:12px system-ui,sans-serif;fill:#24292f}.b{font-weight:600}.s{fill:#57606a;font-size:11px}
            .g{stroke:#d0d7de}.v{fill:#6e7781}.e{fill:#6e7781;opacity:.4}.m .v{fill:#0969da}.m .e{fill:#0969da}
            @media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}.g{stroke:#30363d}
            .v{fill:#9198a1}.e{fill:#9198a1}.m .v{fill:#4493f8}.m .e{fill:#4493f8}}
            </style>
            <text class="b" x="8" y="20">\(Self.escaped(title))</text>

            """
        for (place, label) in marks {
            let x = Self.number(place)
            text += """
                <line class="g" x1="\(x)" y1="\(Self.number(Self.top - 10))" x2="\(x)" y2="\(Self.number(height - 30))"/>\
                <text class="s" x="\(x)" y="\(Self.number(height - 16))" text-anchor="middle">\(label)</text>

                """
        }
        text +=
            #"<text class="s" x="\#(Self.number(Self.left))" y="\#(Self.number(height - 3))">\#(Self.escaped(axis))</text>"#
            + "\n"
        var y = Self.top
        for group in groups {
            y += Self.gap
            text += #"<text class="b" x="8" y="\#(Self.number(y - 8))">\#(Self.escaped(group.title))</text>"# + "\n"
            for bar in group.bars {
                text += draw(bar, at: y)
                y += Self.line
            }
        }
        return text + "</svg>\n"
    }

    private func draw(_ bar: Bar, at y: Double) -> String {
        let (value, end) = (place(bar.value), max(place(bar.value), place(bar.end)))
        func rectangle(_ kind: String, _ from: Double, _ to: Double) -> String {
            #"<rect class="\#(kind)" x="\#(Self.number(from))" y="\#(Self.number(y + 3))" width="\#(Self.number(max(0.5, to - from)))" height="10"/>"#
        }
        return
            #"<g\#(bar.isMarked ? #" class="m""# : "")><text x="\#(Self.number(Self.left - 8))" y="\#(Self.number(y + 12))" text-anchor="end">\#(Self.escaped(bar.label))</text>"#
            + rectangle("v", Self.left, value) + (end > value ? rectangle("e", value, end) : "")
            + #"<text class="s" x="\#(Self.number(end + 6))" y="\#(Self.number(y + 12))">\#(Self.escaped(bar.note))</text></g>"#
            + "\n"
    }

    // MARK: The axis

    private var most: Double { max(groups.flatMap(\.bars).map { max($0.value, $0.end) }.max() ?? 1, 1e-9) }
    private var least: Double {
        let least = groups.flatMap(\.bars).map(\.value).filter { $0 > 0 }.min() ?? 0.1
        var bound = 1.0
        while bound > least { bound /= 10 }
        return bound
    }
    private var steps: Int {
        var (steps, bound) = (1, least * 10)
        while bound < most { (steps, bound) = (steps + 1, bound * 10) }
        return steps
    }

    private func place(_ value: Double) -> Double {
        guard isLogarithmic else { return Self.left + Self.width * min(1, value / most) }
        guard value > least else { return Self.left }
        return Self.left + Self.width * naturalLogarithm(value / least) / naturalLogarithm(10) / Double(steps)
    }

    private var marks: [(Double, String)] {
        guard isLogarithmic else { return [0, most / 2, most].map { (place($0), Self.short($0)) } }
        var value = least
        return (0...steps).map { _ in
            defer { value *= 10 }
            return (place(value), Self.short(value))
        }
    }

    // MARK: Words

    /// Three digits that say something.
    static func short(_ value: Double) -> String {
        if value >= 100 { return String(Int(value.rounded())) }
        let factor = value >= 10 ? 10.0 : value >= 1 ? 100 : 1000
        return number((value * factor).rounded() / factor)
    }

    private static func number(_ value: Double) -> String {
        let thousandths = Int((value * 1000).rounded())
        let (whole, rest) = abs(thousandths).quotientAndRemainder(dividingBy: 1000)
        guard rest > 0 else { return (thousandths < 0 ? "-" : "") + "\(whole)" }
        var digits = String(rest)
        digits = String(repeating: "0", count: 3 - digits.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return (thousandths < 0 ? "-" : "") + "\(whole).\(digits)"
    }

    private static func escaped(_ text: String) -> String {
        var all = ""
        for character in text {
            switch character {
            case "&": all += "&amp;"
            case "<": all += "&lt;"
            case "\"": all += "&quot;"
            default: all.append(character)
            }
        }
        return all
    }
}
