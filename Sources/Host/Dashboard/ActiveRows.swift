import Core

/// The exchanges under way, the oldest first.
enum ActiveRows {
    /// Rows of the table; the live updates hold as many.
    static let limit = ActiveExchanges.updateLimit

    /// - Parameter mayWatch: the viewer may watch their text.
    static func render(_ list: ActiveExchanges, mayWatch: Bool = false) -> HTML {
        var html: HTML = ""
        for exchange in list.exchanges.prefix(limit) { html += row(exchange, mayWatch) }
        return html
    }

    /// How many there are in which phase, and what is not shown.
    static func note(_ list: ActiveExchanges) -> String {
        if list.total == 0 { return "" }
        var parts = ExchangePhase.allCases.compactMap { phase -> String? in
            guard let count = list.phases[phase], count > 0 else { return nil }
            return "\(Format.count(count)) \(phase.rawValue)"
        }
        let hidden = list.total - min(limit, list.exchanges.count)
        if hidden > 0 { parts.append("\(Format.count(hidden)) of them not shown") }
        if list.silentLoops > 0 {
            parts.append("\(Format.count(list.silentLoops, "event loop", "event loops")) did not tell of theirs")
        }
        return parts.joined(separator: " · ")
    }

    private static func row(_ exchange: ActiveExchange, _ mayWatch: Bool) -> HTML {
        var html: HTML = """
            <tr role="row" data-key="\(exchange.key.text)">\
            <td role="cell" class="number elapsed"><span data-kind="elapsed" \
            data-elapsed="\(exchange.elapsedMilliseconds)">\(Format.duration(milliseconds: exchange.elapsedMilliseconds))\
            </span></td>\
            <td role="cell" class="phase">\(phase(exchange))</td>\
            <td role="cell" class="model"><bdi class="name">\
            \(exchange.model.isEmpty ? Format.nothing : short(exchange.model))</bdi>
            """
        if let served = exchange.servedModel { html += "<small>as <bdi class=\"name\">\(short(served))</bdi></small>" }
        html += "</td><td role=\"cell\" class=\"backend\">"
        if let backend = exchange.backend { html += "<bdi class=\"name\">\(short(backend))</bdi>" }
        if exchange.attempts > 1 { html += "<small>attempt \(exchange.attempts)</small>" }
        // For everybody: no one is watched in secret.
        if exchange.watchers > 0 {
            html += """
                <small class="watched"><span aria-hidden="true">◉</span> watched by \(Format.count(exchange.watchers))</small>
                """
        }
        html += """
            </td><td role="cell" class="client">\(exchange.client ?? "")<small>\(exchange.api)\
            \(exchange.stream ? ", stream" : "")</small></td>\
            <td role="cell" class="number tokens">\(tokens(exchange))</td>\
            <td role="cell" class="number speed">\(exchange.tokensPerSecond.map { "~" + Format.rate($0) } ?? "")</td>\
            <td role="cell" class="cancel">
            """
        if mayWatch {
            html += """
                <button type="button" class="button quiet small" data-watch="\(exchange.key.text)" \
                aria-label="Watch the text of the request for \(short(exchange.model))">Watch</button>
                """
        }
        html += """
            <button type="button" class="button quiet danger small" \
            data-cancel="\(id: exchange.id)" data-exchange="\(exchange.key.text)" \
            aria-label="Cancel the request for \(short(exchange.model))">Cancel</button></td></tr>
            """
        return html
    }

    /// As a word, a shape and a colour.
    private static func phase(_ exchange: ActiveExchange) -> HTML {
        let place = exchange.place.map { ", place \(Format.count($0))" } ?? ""
        return """
            <span class="badge phase-\(exchange.phase.rawValue)"><span aria-hidden="true">\(exchange.phase.mark)</span> \
            \(exchange.phase.rawValue)\(place)</span>
            """
    }

    /// Counted by the events of a stream.
    private static func tokens(_ exchange: ActiveExchange) -> String {
        exchange.tokens.map { "~" + Format.count($0) } ?? ""
    }

    private static func short(_ text: String) -> String { EntryLimits.cut(text, to: EntryLimits.model) }
}

extension ExchangePhase {
    fileprivate var mark: String {
        switch self {
        case .routing: "◇"
        case .queued: "⋯"
        case .connecting: "↗"
        case .loading: "⇣"
        case .prefill: "◔"
        case .streaming: "▶"
        case .answering: "▷"
        }
    }
}
