/// Draws what `nexus top` shows: what is wrong first, then the backends, what is under way and what has ended. Pure.
public struct TopScreen {
    public static let smallest = (columns: 40, rows: 8)

    private let state: TopState
    private let columns: Int
    private let rows: Int
    private let now: Double
    private let clock: @Sendable (Int64) -> String

    /// - Parameters:
    ///   - now: seconds of the monotonic clock.
    ///   - clock: a time of day for Unix seconds.
    public init(
        _ state: TopState, columns: Int, rows: Int, now: Double, clock: @escaping @Sendable (Int64) -> String
    ) {
        self.state = state
        self.columns = columns
        self.rows = rows
        self.now = now
        self.clock = clock
    }

    /// At most as many lines as the screen has rows, none wider than it.
    public var lines: [StyledLine] {
        guard columns >= Self.smallest.columns, rows >= Self.smallest.rows else {
            return [StyledLine("too small: \(Self.smallest.columns) x \(Self.smallest.rows) at least").cut(to: columns)]
        }
        var lines = [header]
        guard let picture = state.picture else {
            lines.append(StyledLine())
            lines.append(StyledLine(state.silence == nil ? "Connecting…" : "Trying again every second."))
            return finished(lines)
        }
        lines.append(totals(picture))
        lines += troubles(picture)
        let tables = [backends(picture), active(picture), records(picture)]
        // A blank line, the heading, and one row at least of each; the line of keys.
        let shares = Self.shares(of: rows - lines.count - 1 - 2 * tables.count, among: tables.map(\.rows.count))
        for (table, share) in zip(tables, shares) where share > 0 || table.rows.isEmpty {
            lines.append(StyledLine())
            lines += table.lines(rows: share, columns: columns)
        }
        return finished(lines)
    }

    /// With the line of keys at the bottom.
    private func finished(_ lines: [StyledLine]) -> [StyledLine] {
        var lines = Array(lines.prefix(rows - 1))
        while lines.count < rows - 1 { lines.append(StyledLine()) }
        lines.append(StyledLine("q quit   space \(state.isPaused ? "go on" : "pause")", .dim))
        return lines.map { $0.cut(to: columns) }
    }

    /// Rows for each table: what it needs if that is no more than its share; what one leaves, the others have.
    static func shares(of rows: Int, among wanted: [Int]) -> [Int] {
        var (shares, left) = (wanted.map { _ in 0 }, max(0, rows))
        while left > 0 {
            let hungry = wanted.indices.filter { shares[$0] < wanted[$0] }
            guard !hungry.isEmpty else { break }
            let each = max(1, left / hungry.count)
            for index in hungry where left > 0 {
                let more = min(each, wanted[index] - shares[index], left)
                shares[index] += more
                left -= more
            }
        }
        return shares
    }

    // MARK: Parts

    private var header: StyledLine {
        var line = StyledLine("nexus \(CellText.clean(state.picture?.version ?? ""))  ", .heading)
        line.append(CellText.clean(state.address))
        if let silence = state.silence {
            line.append("  no answer for \(Figures.duration(seconds: now - silence.since)): ", .bad)
            line.append(CellText.clean(silence.reason), .bad)
        } else if state.isPaused {
            line.append("  paused", .warning)
        } else if state.isStale(at: now) {
            line.append("  out of date", .warning)
        } else if let uptime = state.picture?.uptime {
            line.append("  up \(Figures.duration(seconds: Double(uptime)))")
        }
        return line
    }

    private func totals(_ picture: TopPicture) -> StyledLine {
        var line = StyledLine()
        func add(_ label: String, _ value: String?, _ style: CellStyle = .plain) {
            guard let value else { return }
            line.append(line.text.isEmpty ? "" : "   ")
            line.append(value, style)
            line.append(" " + label)
        }
        add(picture.requests == 1 ? "request" : "requests", picture.requests.map(Figures.count))
        if let errors = picture.errors {
            add(errors == 1 ? "error" : "errors", Figures.count(errors), errors > 0 ? .warning : .plain)
        }
        add("a second", state.rate.map(Figures.rate))
        add("in flight", picture.activeTotal.map(Figures.count))
        let up = picture.backends.filter { Self.style(of: $0.state) == .good }.count
        add("of \(picture.backends.count) backends well", "\(up)", up < picture.backends.count ? .bad : .plain)
        return line
    }

    private func troubles(_ picture: TopPicture) -> [StyledLine] {
        let shown = picture.troubles.prefix(max(1, min(5, rows / 5)))
        var lines = shown.map { trouble in
            let (sign, style): (String, CellStyle) =
                switch trouble.severity {
                case "critical": ("✖ ", .bad)
                case "warning": ("▲ ", .warning)
                default: ("· ", .plain)
                }
            return StyledLine(sign + CellText.clean(trouble.words), style)
        }
        let more = Int64(picture.troubles.count - shown.count) + picture.troublesOmitted
        if more > 0 { lines.append(StyledLine("  and \(more) more", .warning)) }
        return lines
    }

    private func backends(_ picture: TopPicture) -> TextGrid {
        // Who is not well stands first, and is not pushed out by who is.
        let sorted = picture.backends.enumerated().sorted {
            (Self.rank($0.element.state), $0.offset) < (Self.rank($1.element.state), $1.offset)
        }
        return TextGrid(
            [
                .init("BACKEND", share: 3), .init("STATE", cells: 14), .init("NOW", cells: 5, isNumber: true),
                .init("REQUESTS", cells: 9, isNumber: true), .init("LATENCY", cells: 9, isNumber: true),
                .init("MODELS", cells: 6, isNumber: true), .init("WHY", share: 4),
            ],
            rows: sorted.map { _, backend in
                let style = Self.style(of: backend.state)
                return TextGrid.Row(
                    [
                        backend.name, Self.sign(of: style) + backend.state.lowercased(),
                        backend.pending.map(Figures.count) ?? "", backend.requests.map(Figures.count) ?? "",
                        // Before the first answer there is none.
                        backend.latency.map { $0 > 0 ? Figures.milliseconds($0) : "" } ?? "",
                        "\(backend.models)", style == .good ? "" : backend.error ?? "",
                    ], style: style == .good ? .plain : style)
            }, none: "No backends.")
    }

    private func active(_ picture: TopPicture) -> TextGrid {
        TextGrid(
            [
                .init("IN FLIGHT", share: 4), .init("BACKEND", share: 3), .init("PHASE", cells: 12),
                .init("ELAPSED", cells: 8, isNumber: true), .init("TOKENS", cells: 7, isNumber: true),
                .init("PER S", cells: 6, isNumber: true), .init("CLIENT", share: 2),
            ],
            rows: picture.active.map { request in
                TextGrid.Row([
                    request.model, request.backend ?? "-",
                    request.phase + (request.place.map { " (\($0))" } ?? ""), Figures.milliseconds(request.elapsed),
                    request.tokens.map { "~" + Figures.count($0) } ?? "", request.speed.map(Figures.rate) ?? "",
                    request.client ?? "",
                ])
            }, none: "Nothing is in flight.", total: picture.activeTotal.map(Int.init))
    }

    private func records(_ picture: TopPicture) -> TextGrid {
        TextGrid(
            [
                .init("ENDED", cells: 8), .init("MODEL", share: 4), .init("BACKEND", share: 3),
                .init("TOOK", cells: 8, isNumber: true), .init("RESULT", share: 5),
            ],
            rows: picture.records.map { record in
                let retried = record.attempts ?? 1 > 1 ? ", \(record.attempts ?? 1) attempts" : ""
                return TextGrid.Row(
                    [
                        clock(record.time), record.model, record.backend, Figures.milliseconds(record.duration),
                        record.isError ? "error\(retried): " + (record.message ?? "") : "ok" + retried,
                    ], style: record.isError ? .bad : .plain)
            }, none: "No requests yet.", isCut: true)
    }

    // MARK: States

    private static func style(of state: String) -> CellStyle {
        switch state.lowercased() {
        case "healthy": .good
        case "unhealthy", "down": .bad
        default: .warning
        }
    }

    private static func sign(of style: CellStyle) -> String {
        switch style {
        case .good: "● "
        case .bad: "✖ "
        default: "▲ "
        }
    }

    private static func rank(_ state: String) -> Int {
        switch style(of: state) {
        case .bad: 0
        case .warning: 1
        default: 2
        }
    }
}
