import Core

/// The cards of all backends, those that need a look first.
enum BackendCards {
    /// Names of models on one card; the matrix has them all.
    static let modelsShown = 6
    /// Metadata in which the registry may say since when the status is what it is (RFC 3339).
    static let sinceKey = "status_since"

    /// - Parameter actions: of any backends, in the order they are shown.
    static func render(_ views: [BackendView], actions: [PageAction], now: Int64) -> HTML {
        let actions = Dictionary(grouping: actions) { $0.progress.backendID }
        var html: HTML = ""
        for view in sorted(views) { html += card(view, actions[view.id] ?? [], now: now) }
        return html
    }

    static func sorted(_ views: [BackendView]) -> [BackendView] {
        views.sorted { ($0.status.urgency, $0.name, $0.id) < ($1.status.urgency, $1.name, $1.id) }
    }

    private static func card(_ view: BackendView, _ actions: [PageAction], now: Int64) -> HTML {
        var html: HTML = """
            <article class="backend-card \(view.status.cardClass)" data-id="\(view.id)" data-key="\(view.id)"><header>\
            <h3 class="backend-name">\(view.name)</h3>\(badge(view.status))</header>\
            <p class="backend-url">\(view.url)</p>
            """
        if let error = view.lastError {
            html += "<p class=\"backend-error\"><strong>Last error:</strong> \(error)</p>"
        }
        if view.status != .healthy, let since = view.metadata[sinceKey] {
            html += """
                <p class="backend-since">\(view.status.rawValue) since \
                <time datetime="\(since)" data-kind="clock">\(since)</time></p>
                """
        }
        html += """
            <dl class="facts">\
            <div><dt>Type</dt><dd>\(view.backendType)</dd></div>\
            <div><dt>Requests</dt><dd>\(Format.count(view.totalRequests))</dd></div>\
            <div><dt>Avg latency</dt><dd>\(Format.latency(milliseconds: view.averageLatencyMilliseconds))</dd></div>\
            <div><dt>Pending</dt><dd>\(Format.count(view.pendingRequests))</dd></div>\
            <div><dt>Priority</dt><dd>\(view.priority)</dd></div>\
            <div><dt>Last check</dt><dd>\(lastCheck(view, now: now))</dd></div>\
            </dl>
            """
        html += ActionLines.render(actions, now: now)
        html += chips(view.models)
        html += "</article>"
        return html
    }

    static func badge(_ status: BackendStatus) -> HTML {
        """
        <span class="badge \(status.rawValue.lowercased())"><span aria-hidden="true">\(status.mark)</span> \
        \(status.rawValue)</span>
        """
    }

    private static func lastCheck(_ view: BackendView, now: Int64) -> HTML {
        guard let check = view.lastHealthCheck, let instant = Timestamp.rfc3339(check) else { return "never" }
        let age = Format.age(seconds: now - Int64(check.rounded(.down)))
        return "<time datetime=\"\(instant)\" data-kind=\"age\">\(age)</time>"
    }

    private static func chips(_ models: [Model]) -> HTML {
        if models.isEmpty { return "<p class=\"note backend-models\">No models</p>" }
        var html: HTML = "<ul class=\"chips backend-models\" aria-label=\"Models\">"
        for model in models.prefix(modelsShown) { html += "<li>\(model.id)</li>" }
        if models.count > modelsShown {
            html += "<li class=\"more\">\(Format.count(models.count - modelsShown)) more</li>"
        }
        html += "</ul>"
        return html
    }
}

extension BackendStatus {
    /// Place in the order of the cards.
    fileprivate var urgency: Int {
        switch self {
        case .unhealthy: 0
        case .degraded: 1
        case .unknown: 2
        case .draining: 3
        case .healthy: 4
        }
    }

    fileprivate var cardClass: String {
        switch self {
        case .healthy: "healthy"
        case .degraded: "unhealthy degraded"
        case .unhealthy: "unhealthy"
        case .unknown: "unknown"
        case .draining: "unknown draining"
        }
    }

    /// So that nobody needs to see the colour.
    fileprivate var mark: String {
        switch self {
        case .healthy: "✓"
        case .degraded: "!"
        case .unhealthy: "✕"
        case .unknown: "?"
        case .draining: "↓"
        }
    }
}
