import Core

/// The newest requests.
enum HistoryRows {
    static let limit = 100

    /// - Parameter entries: oldest first, as the history gives them.
    static func render(_ entries: [HistoryEntry], now: Int64) -> HTML {
        var html: HTML = ""
        for entry in entries.suffix(limit).reversed() { html += row(entry, now: now) }
        return html
    }

    private static func row(_ entry: HistoryEntry, now: Int64) -> HTML {
        """
        <tr role="row" data-seq="\(entry.sequence)" data-key="\(entry.sequence) \(id: entry.requestID)">\
        <td role="cell" class="time"><a class="open" \
        href="#overview&amp;request=\(address: entry.requestID)&amp;seq=\(entry.sequence)">\
        \(time(entry.timestamp, now: now))</a></td>\
        <td role="cell" class="model"><bdi class="name">\(entry.model.isEmpty ? Format.nothing : entry.model)</bdi></td>\
        <td role="cell" class="backend"><bdi class="name">\(entry.backendID)</bdi></td>\
        <td role="cell" class="number duration">\(Format.duration(milliseconds: entry.durationMilliseconds))</td>\
        <td role="cell" class="status">\(status(entry))</td></tr>
        """
    }

    private static func time(_ timestamp: Int64, now: Int64) -> HTML {
        guard let instant = Timestamp.rfc3339(Double(timestamp)), let clock = Format.clock(timestamp, now: now) else {
            return "\(Format.nothing)"
        }
        return "<time datetime=\"\(instant)\" data-kind=\"clock\">\(clock)</time>"
    }

    private static func status(_ entry: HistoryEntry) -> HTML {
        var html: HTML =
            switch entry.status {
            case .success: "<span class=\"badge success\"><span aria-hidden=\"true\">✓</span> Success</span>"
            case .error: "<span class=\"badge error\"><span aria-hidden=\"true\">✕</span> Error</span>"
            }
        let detail = detail(entry)
        if !detail.isEmpty { html += "<span class=\"detail\">\(detail)</span>" }
        if entry.route.count > 1 { html += chain(entry.route) }
        if let message = entry.errorMessage { html += "<span class=\"error-message\">\(message)</span>" }
        return html
    }

    /// Who was asked one after another, and why it went on.
    private static func chain(_ route: [RouteStep]) -> HTML {
        var html: HTML = "<ol class=\"chain\" aria-label=\"Attempts\">"
        for step in route {
            if let failure = step.failure {
                html += """
                    <li class="failed"><span aria-hidden="true">✕</span> <bdi class="name">\(step.backend)</bdi> \
                    <span class="why">failed: \(failure)</span></li>
                    """
            } else {
                html += "<li><span aria-hidden=\"true\">→</span> <bdi class=\"name\">\(step.backend)</bdi></li>"
            }
        }
        html += "</ol>"
        return html
    }

    private static func detail(_ entry: HistoryEntry) -> String {
        var parts: [String] = []
        if entry.status == .error, entry.statusCode > 0 { parts.append("HTTP \(entry.statusCode)") }
        if entry.attempts > 1, entry.route.count < 2 { parts.append("\(entry.attempts) attempts") }
        if entry.stream, let first = entry.timeToFirstByteMilliseconds {
            parts.append("first byte \(Format.duration(milliseconds: first))")
        }
        if let prompt = entry.promptTokens { parts.append("\(Format.count(prompt)) tokens in") }
        if let completion = entry.completionTokens {
            parts.append("\(entry.tokensEstimated ? "about " : "")\(Format.count(completion)) tokens out")
        }
        if let speed = entry.tokensPerSecond { parts.append("\(Format.rate(speed)) tokens/s") }
        return parts.joined(separator: " · ")
    }
}
