import Core
import Glibc

/// Writes what a study found: a table into docs/routing.md, and pictures beside it.
public enum StudyReport {
    public struct Failure: Error {
        public let message: String
    }

    private static let (begin, end) = ("<!-- study: written by make routing-study -->\n", "<!-- end of study -->\n")

    /// - Parameter folder: that of the documents.
    public static func write(_ rows: [Study.Row], into folder: String) throws(Failure) {
        let page = folder + "/routing.md"
        let text = try read(page)
        guard let first = text.range(of: begin), let last = text.range(of: end) else {
            throw Failure(message: "\(page) has no place for the study")
        }
        mkdir(folder + "/routing", 0o755)
        for (name, plot) in plots(rows) {
            let svg = plot.svg
            guard svg.utf8.count < 30_000 else {
                throw Failure(message: "\(name) is too large: \(svg.utf8.count) bytes")
            }
            try write(svg, to: "\(folder)/routing/\(name).svg")
        }
        try write(
            String(text[..<first.upperBound]) + "\n" + table(rows) + "\n" + String(text[last.lowerBound...]), to: page)
    }

    // MARK: The table

    static func table(_ rows: [Study.Row]) -> String {
        var text = """
            | backends | what | strategy | p50 | p99 | mean | displaced | retries | loads | failed |
            | --: | --- | --- | --: | --: | --: | --: | --: | --: | --: |

            """
        for row in rows {
            let name = row.strategy == .smart ? "**smart**" : "`\(row.strategy.rawValue)`"
            let isFirst = row.strategy == .smart
            text +=
                "| \(isFirst ? String(row.scenario.backends) : "") | \(isFirst ? row.scenario.name : "") | \(name) | "
                + [row.median, row.p99, row.mean].map { Plot.short($0) + " s" }.joined(separator: " | ")
                + " | \(Int(row.displaced.rounded())) % | \(row.retries) | \(row.loads) | \(row.failed) |\n"
        }
        return text
    }

    // MARK: The pictures

    private static func plots(_ rows: [Study.Row]) -> [(name: String, plot: Plot)] {
        var names: [String] = []
        for row in rows where !names.contains(row.scenario.name) { names.append(row.scenario.name) }
        var plots: [(String, Plot)] = names.map { name in
            (file(name), waits(name, rows.filter { $0.scenario.name == name }))
        }
        let ofModels = rows.filter { $0.scenario.isOfModels }
        if !ofModels.isEmpty {
            plots.append(
                (
                    "loads",
                    Plot(
                        title: "Models that had to be loaded, per hundred requests", axis: "loads per hundred requests",
                        groups: groups(ofModels) { row in
                            let share = Double(row.loads) / Double(max(1, row.answered)) * 100
                            return (share, share, "\(Plot.short(share)) (\(row.loads))")
                        }, isLogarithmic: false)
                ))
        }
        plots.append(
            (
                "work",
                Plot(
                    title: "Requests that did not go where the capacity is", axis: "percent of all requests",
                    groups: groups(rows.filter { $0.scenario.isSteady }) { row in
                        (row.displaced, row.displaced, "\(Int(row.displaced.rounded())) %")
                    }, isLogarithmic: false)
            ))
        return plots
    }

    private static func waits(_ name: String, _ rows: [Study.Row]) -> Plot {
        Plot(
            title: "Time to the first token: \(name)", axis: "seconds; dark: half of the requests, light: 99 of 100",
            groups: groups(rows) { row in
                (row.median, row.p99, "\(Plot.short(row.median)) / \(Plot.short(row.p99)) s")
            })
    }

    private static func groups(
        _ rows: [Study.Row], _ bar: (Study.Row) -> (value: Double, end: Double, note: String)
    ) -> [Plot.Group] {
        var groups: [Plot.Group] = []
        for row in rows {
            let title = "\(row.scenario.backends) backends"
            if groups.last?.title != title { groups.append(Plot.Group(title: title, bars: [])) }
            let (value, end, note) = bar(row)
            groups[groups.count - 1].bars.append(
                Plot.Bar(
                    label: row.strategy.rawValue, value: value, end: end, note: note, isMarked: row.strategy == .smart))
        }
        return groups
    }

    private static func file(_ name: String) -> String {
        String(name.prefix { $0 != "," }.map { $0 == " " ? "-" : $0 })
    }

    // MARK: Files

    private static func read(_ path: String) throws(Failure) -> String {
        guard let file = fopen(path, "r") else { throw Failure(message: "\(path) cannot be read") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&piece, 1, piece.count, file), count > 0 { bytes += piece[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func write(_ text: String, to path: String) throws(Failure) {
        guard let file = fopen(path, "w") else { throw Failure(message: "\(path) cannot be written") }
        let bytes = Array(text.utf8)
        let count = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, count == bytes.count else { throw Failure(message: "\(path) cannot be written") }
    }
}

extension String {
    /// Where a text stands first.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
