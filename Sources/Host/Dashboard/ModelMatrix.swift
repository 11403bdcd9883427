import Core

/// Which model is where: one row a model, one column a backend.
struct ModelMatrix {
    /// A table is for looking at; beyond this `GET /v1/models` is the better view.
    static let columnLimit = 60
    private static let longest = 300
    private static let shortest = 25
    /// Cells of the whole table, so that a large fleet does not make a page that no phone can show.
    private static let cellLimit = 2500

    /// Rows beside so many columns.
    static func rowLimit(columns: Int) -> Int {
        min(longest, max(shortest, cellLimit / max(1, min(columns, columnLimit))))
    }

    private var rowLimit: Int { Self.rowLimit(columns: columns.count) }

    private struct Row {
        var contextLength: UInt64 = 0
        var capabilities: Capabilities = []
        var columns: Set<Int> = []
    }

    private let columns: [BackendView]
    private let rows: [(id: String, row: Row)]

    /// Models that at least one backend has which serves.
    var modelCount: Int { rows.count }

    init(_ views: [BackendView]) {
        let columns = views.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
        var rows: [String: Row] = [:]
        for (index, view) in columns.enumerated() where view.status.serves {
            for model in view.models {
                rows[model.id, default: Row()].contextLength =
                    max(rows[model.id]?.contextLength ?? 0, model.contextLength)
                rows[model.id]?.capabilities.formUnion(model.capabilities)
                rows[model.id]?.columns.insert(index)
            }
        }
        self.columns = columns
        self.rows = rows.map { (id: $0.key, row: $0.value) }.sorted { $0.id < $1.id }
    }

    var head: HTML {
        var html: HTML = "<th scope=\"col\">Model</th><th scope=\"col\" class=\"number\">Context</th>"
        for view in columns.prefix(Self.columnLimit) {
            html +=
                "<th scope=\"col\" class=\"backend-column\" data-key=\"\(id: view.id)\"><bdi class=\"name\">\(view.name)</bdi>"
            if view.status != .healthy {
                html += "<small class=\"\(view.status.rawValue.lowercased())\">\(view.status.rawValue)</small>"
            }
            html += "</th>"
        }
        return html
    }

    var body: HTML {
        var html: HTML = ""
        for (id, row) in rows.prefix(rowLimit) {
            html +=
                "<tr data-key=\"\(id: id)\"><th scope=\"row\"><bdi class=\"name model-name\">\(id)</bdi>\(badges(row.capabilities))</th>"
            html += "<td class=\"number\">\(Format.context(row.contextLength))</td>"
            for column in columns.indices.prefix(Self.columnLimit) {
                html +=
                    row.columns.contains(column)
                    ? "<td class=\"available\" aria-label=\"available\">✓</td>"
                    : "<td class=\"missing\" aria-label=\"not available\">–</td>"
            }
            html += "</tr>"
        }
        return html
    }

    /// What the table leaves out; empty when it is complete.
    var note: String {
        var parts: [String] = []
        if rows.count > rowLimit { parts.append(Format.count(rows.count - rowLimit, "model", "models")) }
        if columns.count > Self.columnLimit {
            parts.append(Format.count(columns.count - Self.columnLimit, "backend", "backends"))
        }
        return parts.isEmpty ? "" : "Not shown: \(parts.joined(separator: ", ")). GET /v1/models lists everything."
    }

    private func badges(_ capabilities: Capabilities) -> HTML {
        var html: HTML = ""
        if capabilities.contains(.vision) { html += "<span class=\"badge capability\">vision</span>" }
        if capabilities.contains(.tools) { html += "<span class=\"badge capability\">tools</span>" }
        if capabilities.contains(.jsonMode) { html += "<span class=\"badge capability\">JSON</span>" }
        return html
    }
}
