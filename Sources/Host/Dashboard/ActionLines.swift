import Core

/// The actions under way at one backend, and how those ended that ended just now.
enum ActionLines {
    /// Seconds for which an end is shown.
    static let endShown: Int64 = 60

    static func render(_ actions: [PageAction], now: Int64) -> HTML {
        let shown = actions.filter { action in action.endedAt.map { now - $0 < endShown } ?? true }
        if shown.isEmpty { return "" }
        var html: HTML = "<ul class=\"actions\" aria-label=\"Actions\">"
        for action in shown { html += line(action.progress) }
        html += "</ul>"
        return html
    }

    private static func line(_ progress: ActionProgress) -> HTML {
        var html: HTML = """
            <li class="action \(progress.status.rawValue)" data-key="\(id: progress.id)">\
            <span class="action-name">\(progress.action)</span>
            """
        switch progress.status {
        case .running:
            if let message = progress.message { html += "<span class=\"detail\">\(message)</span>" }
            html += bar(progress)
        case .succeeded:
            html += "<span class=\"badge success\"><span aria-hidden=\"true\">✓</span> Done</span>"
        case .failed:
            html += "<span class=\"badge error\"><span aria-hidden=\"true\">✕</span> Failed</span>"
        case .cancelled:
            html += "<span class=\"badge\"><span aria-hidden=\"true\">–</span> Cancelled</span>"
        }
        if let error = progress.error { html += "<span class=\"error-message\">\(error)</span>" }
        html += "</li>"
        return html
    }

    /// Without a value while the amount of work is unknown.
    private static func bar(_ progress: ActionProgress) -> HTML {
        guard let fraction = progress.fraction else {
            return "<progress aria-label=\"\(progress.action)\">running</progress>"
        }
        let percent = (fraction * 100).whole(in: 0...100)
        return """
            <progress aria-label="\(progress.action)" max="100" value="\(percent)">\(percent)%</progress>\
            <span class="share" aria-hidden="true">\(percent)%</span>
            """
    }
}
