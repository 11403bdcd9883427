import Core

/// What is wrong, above everything else: each trouble in words, with a link to where it can be seen or mended. Nothing when all is
/// well. Its element is a list, `.trouble-item`s with `data-kind` and `data-severity`.
enum TroubleStrip {
    /// The last second of the year 9999.
    private static let latest = 253_402_300_799

    static func render(_ list: TroubleList, now: Int64) -> HTML {
        var html: HTML = ""
        for trouble in list.items { html += item(trouble, now: now) }
        if list.omitted > 0 {
            html += "<li class=\"trouble-more\" data-key=\"more\">\(Format.count(list.omitted)) more</li>"
        }
        return html
    }

    private static func item(_ trouble: Trouble, now: Int64) -> HTML {
        let instant = Timestamp.text(seconds: trouble.since)
        let second = Int64(clamping: trouble.since.whole(in: 0...latest))
        let clock = Format.clock(second, now: now) ?? instant
        var html: HTML = """
            <li class="trouble-item" data-kind="\(trouble.kind.rawValue)" data-severity="\(trouble.severity.name)" \
            data-id="\(trouble.id)" data-key="\(trouble.id)">\
            <span class="trouble-mark"><span aria-hidden="true">\(trouble.severity.mark)</span> \
            \(trouble.severity.word)</span> \
            <a class="trouble-link" href="#\(trouble.link)"><bdi class="trouble-what">\(trouble.what)</bdi></a> \
            <span class="trouble-since">\(trouble.joint) <time datetime="\(instant)" data-kind="clock">\(clock)</time></span>
            """
        if !trouble.why.isEmpty { html += ": <bdi class=\"trouble-why\">\(trouble.why)</bdi>" }
        html += "</li>"
        return html
    }
}

extension Trouble.Severity {
    /// So that nobody needs to see the colour.
    fileprivate var mark: String {
        switch self {
        case .critical: "✕"
        case .warning: "!"
        case .notice: "i"
        }
    }

    fileprivate var word: String {
        switch self {
        case .critical: "Critical"
        case .warning: "Warning"
        case .notice: "Notice"
        }
    }
}
