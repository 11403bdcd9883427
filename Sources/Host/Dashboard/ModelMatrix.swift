import Core

/// Which model is where: one row a model, one column a backend. Those of backends that do not serve now are there as well, with how
/// that stands; what is not known of such a backend is blank.
struct ModelMatrix {
    /// A table is for looking at; beyond this the view of models is the better one.
    static let columnLimit = 60
    private static let longest = 300
    private static let shortest = 25
    /// Cells of the whole table, so that a large fleet does not make a page that no phone can show.
    private static let cellLimit = 1250

    /// Rows beside so many columns.
    static func rowLimit(columns: Int) -> Int {
        min(longest, max(shortest, cellLimit / max(1, min(columns, columnLimit))))
    }

    private var rowLimit: Int { Self.rowLimit(columns: columns.count) }

    private struct Row {
        var contextLength: UInt64 = 0
        var capabilities: Capabilities = []
        var columns: Set<Int> = []
        /// A backend that serves has it.
        var isServed = false
    }

    private let columns: [BackendView]
    private let rows: [(id: String, row: Row)]

    /// Models that at least one backend has, or had when it was last well.
    var modelCount: Int { rows.count }

    init(_ views: [BackendView]) {
        let columns = views.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
        var rows: [String: Row] = [:]
        for (index, view) in columns.enumerated() {
            for model in view.models {
                var row = rows[model.id] ?? Row()
                row.contextLength = max(row.contextLength, model.contextLength)
                row.capabilities.formUnion(model.capabilities)
                row.columns.insert(index)
                row.isServed = row.isServed || view.status.serves
                rows[model.id] = row
            }
        }
        self.columns = columns
        // What can be asked for comes first, and stays where not all is shown.
        self.rows = rows.map { (id: $0.key, row: $0.value) }
            .sorted { ($0.row.isServed ? 0 : 1, $0.id) < ($1.row.isServed ? 0 : 1, $1.id) }
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
            let outClass: HTML = row.isServed ? "" : " class=\"out\""
            html +=
                "<tr\(outClass) data-key=\"\(id: id)\"><th scope=\"row\"><bdi class=\"name model-name\">\(id)</bdi>\(badges(row.capabilities))</th>"
            html += "<td class=\"number\">\(Format.context(row.contextLength))</td>"
            for (index, view) in columns.prefix(Self.columnLimit).enumerated() {
                html += cell(view, hasModel: row.columns.contains(index))
            }
            html += "</tr>"
        }
        return html
    }

    private func cell(_ view: BackendView, hasModel: Bool) -> HTML {
        if view.status.serves {
            return hasModel
                ? "<td class=\"available\" aria-label=\"available\">✓</td>"
                : "<td class=\"missing\" aria-label=\"not available\">–</td>"
        }
        let word = view.shownState.word
        if hasModel {
            return "<td class=\"out\" aria-label=\"not now: \(word.lowercased())\">(✓)</td>"
        }
        // One that is draining still tells what it has; of the others nothing is known.
        return view.status == .draining
            ? "<td class=\"missing\" aria-label=\"not available\">–</td>" : "<td class=\"missing\"></td>"
    }

    /// What the table leaves out, and where that is; empty when it is complete.
    var note: HTML {
        var parts: [String] = []
        if rows.count > rowLimit { parts.append(Format.count(rows.count - rowLimit, "model", "models")) }
        if columns.count > Self.columnLimit {
            parts.append(Format.count(columns.count - Self.columnLimit, "backend", "backends"))
        }
        if parts.isEmpty { return "" }
        return """
            Not shown: \(parts.joined(separator: ", ")). <a class="scripted" href="#models">The view of models</a>\
            <span class="scripted"> and </span><a href="/v1/models">GET /v1/models</a> list everything.
            """
    }

    private func badges(_ capabilities: Capabilities) -> HTML {
        var html: HTML = ""
        if capabilities.contains(.vision) { html += "<span class=\"badge capability\">vision</span>" }
        if capabilities.contains(.tools) { html += "<span class=\"badge capability\">tools</span>" }
        if capabilities.contains(.jsonMode) { html += "<span class=\"badge capability\">JSON</span>" }
        return html
    }
}
