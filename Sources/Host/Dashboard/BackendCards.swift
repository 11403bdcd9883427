import Core

/// The cards of all backends, those that need a look first; small ones for large fleets.
struct BackendCards {
    /// Names of models on one card; the matrix has them all.
    static let modelsShown = 6
    /// Bytes of an error on a small card; the drawer has it whole.
    private static let shortError = 120
    /// Metadata in which the registry may say since when the status is what it is (RFC 3339).
    static let sinceKey = "status_since"

    let views: [BackendView]
    /// Of anything, the worst first.
    let troubles: [Trouble]
    /// Of any backends, in the order they are shown.
    let actions: [PageAction]
    let now: Int64
    let layout: PageOptions.Layout
    let grouping: PageOptions.Grouping

    var render: HTML {
        let actions = Dictionary(grouping: actions) { $0.progress.backendID }
        let troubles = told
        var html: HTML = ""
        for (name, members) in groups(troubles) {
            if let name {
                html += """
                    <h3 class="backend-group" data-key="group \(id: name)"><bdi class="name">\(name)</bdi> \
                    <span class="note">\(Format.count(members.count))</span></h3>
                    """
            }
            for view in members { html += card(view, troubles[view.id] ?? [], actions[view.id] ?? []) }
        }
        return html
    }

    /// What is wrong with each backend that its state does not say already: a backend may be well by its probes while all that it is
    /// asked for fails.
    private var told: [String: [Trouble]] {
        let failing = Set(views.lazy.filter { $0.shownState == .failing }.map(\.id))
        let untold = troubles.filter { trouble in
            switch trouble.kind {
            case .errorRate, .resting: true
            case .breakerOpen: !failing.contains(trouble.backendID ?? "")
            default: false
            }
        }
        return Dictionary(grouping: untold) { $0.backendID ?? "" }
    }

    /// By state; those that are well come last, and among them first what is in trouble.
    private func sorted(_ troubles: [String: [Trouble]]) -> [BackendView] {
        func rank(_ view: BackendView) -> (Int, Int) { (view.shownState.urgency, troubles[view.id] == nil ? 1 : 0) }
        return views.sorted { one, other in
            let (first, second) = (rank(one), rank(other))
            return first == second ? (one.name, one.id) < (other.name, other.id) : first < second
        }
    }

    /// In the order of the first, and so of the worst, of each.
    private func groups(_ troubles: [String: [Trouble]]) -> [(name: String?, members: [BackendView])] {
        let sorted = sorted(troubles)
        guard grouping != .none else { return [(nil, sorted)] }
        var order: [String] = []
        var members: [String: [BackendView]] = [:]
        for view in sorted {
            let name = group(of: view)
            if members[name] == nil { order.append(name) }
            members[name, default: []].append(view)
        }
        return order.map { ($0, members[$0] ?? []) }
    }

    private func group(of view: BackendView) -> String {
        switch grouping {
        case .none, .trouble: view.shownState.word
        case .type: view.backendType
        case .host: Self.host(of: view.url)
        }
    }

    /// Of an address; all of it where there is none.
    static func host(of url: String) -> String {
        guard let start = url.firstRange(of: "://")?.upperBound else { return url }
        let authority = url[start...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let place = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? authority
        if place.hasPrefix("[") { return String(place.prefix { $0 != "]" }) + "]" }
        return String(place.prefix { $0 != ":" })
    }

    private func card(_ view: BackendView, _ troubles: [Trouble], _ actions: [PageAction]) -> HTML {
        layout == .tiles ? tile(view, troubles, actions) : whole(view, troubles, actions)
    }

    private func whole(_ view: BackendView, _ troubles: [Trouble], _ actions: [PageAction]) -> HTML {
        let trouble: HTML = troubles.isEmpty ? "" : " troubled"
        var html: HTML = """
            <article class="backend-card \(view.shownState.cardClass)\(trouble)" data-id="\(id: view.id)" data-key="\(id: view.id)">\
            <header>\(heading(view))\(Self.badge(view.shownState))</header>\
            <p class="backend-url">\(view.url)</p>
            """
        if let error = view.lastError {
            html += "<p class=\"backend-error\"><strong>Last error:</strong> \(error)</p>"
        }
        for trouble in troubles { html += line(trouble) }
        html += since(view)
        html += """
            <dl class="facts">\
            <div><dt>Type</dt><dd>\(view.backendType)</dd></div>\
            <div><dt>Requests</dt><dd>\(Format.count(view.totalRequests))</dd></div>\
            <div><dt>Avg latency</dt><dd>\(Format.latency(milliseconds: view.averageLatencyMilliseconds))</dd></div>\
            <div><dt>Pending</dt><dd>\(Format.count(view.pendingRequests))</dd></div>\
            <div><dt>Priority</dt><dd>\(view.priority)</dd></div>\
            <div><dt>Last check</dt><dd>\(lastCheck(view))</dd></div>\
            </dl>
            """
        html += ActionLines.render(actions, now: now)
        html += Self.chips(view.models)
        html += "</article>"
        return html
    }

    private func tile(_ view: BackendView, _ troubles: [Trouble], _ actions: [PageAction]) -> HTML {
        let trouble: HTML = troubles.isEmpty ? "" : " troubled"
        var html: HTML = """
            <article class="backend-card tile \(view.shownState.cardClass)\(trouble)" data-id="\(id: view.id)" \
            data-key="\(id: view.id)">\(heading(view))<p class="tile-facts">\(Self.badge(view.shownState)) \
            \(Format.count(view.pendingRequests)) pending · \
            \(Format.latency(milliseconds: view.averageLatencyMilliseconds))</p>
            """
        if let error = view.lastError {
            html += "<p class=\"backend-error\">\(EntryLimits.cutBytes(error, to: Self.shortError))</p>"
        } else if let trouble = troubles.first {
            html += line(trouble)
        }
        html += ActionLines.render(actions, now: now)
        html += "</article>"
        return html
    }

    /// In words, and not by the colour alone.
    private func line(_ trouble: Trouble) -> HTML {
        let reason = trouble.why.isEmpty ? "" : ": \(trouble.why)"
        let words =
            layout == .tiles ? EntryLimits.cutBytes(trouble.what + reason, to: Self.shortError) : trouble.what + reason
        return """
            <p class="backend-trouble" data-severity="\(trouble.severity.name)"><span aria-hidden="true">!</span> \
            <bdi>\(words)</bdi></p>
            """
    }

    /// Its name, which opens what is known of it.
    private func heading(_ view: BackendView) -> HTML {
        """
        <h3 class="backend-name"><a class="open" href="#overview&amp;backend=\(address: view.id)">\
        <bdi class="name">\(view.name)</bdi></a></h3>
        """
    }

    static func badge(_ state: ShownState) -> HTML {
        """
        <span class="badge \(state.badgeClass)"><span aria-hidden="true">\(state.mark)</span> \
        \(state.word)</span>
        """
    }

    private func since(_ view: BackendView) -> HTML {
        guard view.shownState != .healthy else {
            guard view.flaps > 0 else { return "" }
            return
                "<p class=\"backend-since\">Was not well \(Format.count(view.flaps, "time", "times")) within the hour</p>"
        }
        var html: HTML = ""
        let since = view.stateSince.flatMap(Timestamp.rfc3339) ?? view.metadata[Self.sinceKey]
        if let since {
            html += """
                <p class="backend-since">\(view.shownState.word) since \
                <time datetime="\(since)" data-kind="clock">\(Format.clock(rfc3339: since, now: now))</time>\
                \(view.flaps > 1 ? ", \(Format.count(view.flaps)) times within the hour" : "")</p>
                """
        }
        if let reason = view.stateReason { html += "<p class=\"backend-since\">\(reason)</p>" }
        return html
    }

    private func lastCheck(_ view: BackendView) -> HTML {
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

/// How backends are drawn, as links that say it in the page's query: they work without a script.
enum BackendSwitches {
    static func render(_ options: PageOptions, count: Int) -> HTML {
        guard count > 1 else { return "" }
        let (layout, grouping) = (options.layout(of: count), options.grouping(of: count))
        var html: HTML = "<div class=\"switches\"><span class=\"switch\" role=\"group\" aria-label=\"Size\">"
        for each in PageOptions.Layout.allCases {
            html += link(each.rawValue, isOn: each == layout, PageOptions(layout: each, grouping: options.grouping))
        }
        html += "</span><span class=\"switch\" role=\"group\" aria-label=\"Group by\"><span class=\"note\">Group</span>"
        for each in PageOptions.Grouping.allCases {
            html += link(each.rawValue, isOn: each == grouping, PageOptions(layout: options.layout, grouping: each))
        }
        html += "</span></div>"
        return html
    }

    private static func link(_ name: String, isOn: Bool, _ options: PageOptions) -> HTML {
        var query: [String] = []
        if let layout = options.layout { query.append("layout=\(layout.rawValue)") }
        if let grouping = options.grouping { query.append("group=\(grouping.rawValue)") }
        let current: HTML = isOn ? " aria-current=\"true\"" : ""
        return "<a href=\"/?\(query.joined(separator: "&"))#overview\" data-option=\"\(name)\"\(current)>\(name)</a>"
    }
}

/// How a backend stands, in the page's words.
enum ShownState: Int, Sendable {
    /// In the order of the cards.
    case down, failing, goingDown, goingUp, unknown, draining, healthy

    var word: String {
        switch self {
        case .down: "Unhealthy"
        case .failing: "Degraded"
        case .goingDown: "Going down"
        case .goingUp: "Going up"
        case .unknown: "Unknown"
        case .draining: "Draining"
        case .healthy: "Healthy"
        }
    }

    fileprivate var urgency: Int { rawValue }

    /// `healthy`, `unhealthy` or `unknown`, as the dashboard's contract has them, and what it is besides.
    fileprivate var cardClass: String {
        switch self {
        case .healthy: "healthy"
        case .goingDown: "healthy going-down"
        case .failing: "unhealthy degraded"
        case .down: "unhealthy"
        case .goingUp: "unhealthy going-up"
        case .unknown: "unknown"
        case .draining: "unknown draining"
        }
    }

    fileprivate var badgeClass: String {
        switch self {
        case .healthy: "healthy"
        case .goingDown: "going-down"
        case .failing: "degraded"
        case .down: "unhealthy"
        case .goingUp: "going-up"
        case .unknown: "unknown"
        case .draining: "draining"
        }
    }

    /// So that nobody needs to see the colour.
    fileprivate var mark: String {
        switch self {
        case .healthy: "✓"
        case .goingDown: "↘"
        case .failing: "!"
        case .down: "✕"
        case .goingUp: "↗"
        case .unknown: "?"
        case .draining: "⤓"
        }
    }
}

extension BackendView {
    var shownState: ShownState {
        switch state {
        case .healthy: .healthy
        case .goingDown: .goingDown
        case .degraded: .failing
        case .unhealthy: .down
        case .goingUp: .goingUp
        case .unknown: .unknown
        case .draining: .draining
        }
    }
}
