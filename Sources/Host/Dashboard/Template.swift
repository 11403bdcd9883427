/// The page with its `{{places}}`, taken apart once.
struct Template: Sendable {
    /// What the renderer fills in. The raw value stands between the braces in `index.html`.
    enum Slot: String, CaseIterable, Sendable {
        case version
        case assets
        case preloads
        case now
        case instance
        case down
        case started
        case renderedAt = "rendered-at"
        case troubleHidden = "trouble-hidden"
        case troubleItems = "trouble-items"
        case uptime
        case totalRequests = "total-requests"
        case requestsNote = "requests-note"
        case activeBackends = "active-backends"
        case backendsNote = "backends-note"
        case backendsNoteClass = "backends-note-class"
        case availableModels = "available-models"
        case inFlight = "in-flight"
        case waitingNote = "waiting-note"
        case activeNote = "active-note"
        case activeHidden = "active-hidden"
        case activeRows = "active-rows"
        case noActiveHidden = "no-active-hidden"
        case backendSwitches = "backend-switches"
        case backendLayout = "backend-layout"
        case backendCards = "backend-cards"
        case noBackendsHidden = "no-backends-hidden"
        case matrixHidden = "matrix-hidden"
        case matrixHead = "matrix-head"
        case matrixRows = "matrix-rows"
        case matrixNote = "matrix-note"
        case noModelsHidden = "no-models-hidden"
        case historyHidden = "history-hidden"
        case historyRows = "history-rows"
        case noHistoryHidden = "no-history-hidden"
        case initialData = "initial-data"
    }

    enum Segment: Sendable, Equatable {
        case markup([UInt8])
        case slot(Slot)
        /// `{{part NAME}}`: what follows belongs to the part, up to `{{end}}`.
        case begin(PagePart)
        case end
    }

    let segments: [Segment]

    /// Braces around anything but a slot's name stay as they are.
    init(_ source: [UInt8]) {
        var segments: [Segment] = []
        var markup: [UInt8] = []
        var rest = source[...]
        while let byte = rest.first {
            if let (segment, after) = Self.segment(at: rest) {
                if !markup.isEmpty { segments.append(.markup(markup)) }
                markup = []
                segments.append(segment)
                rest = after
            } else {
                markup.append(byte)
                rest = rest.dropFirst()
            }
        }
        if !markup.isEmpty { segments.append(.markup(markup)) }
        self.segments = segments
    }

    private static let longestName = 64

    private static func segment(at rest: ArraySlice<UInt8>) -> (Segment, ArraySlice<UInt8>)? {
        let opening = UInt8(ascii: "{")
        let closing = UInt8(ascii: "}")
        guard rest.starts(with: [opening, opening]) else { return nil }
        let inner = rest.dropFirst(2).prefix(longestName)
        guard let end = inner.firstIndex(of: closing),
            rest[end...].starts(with: [closing, closing]),
            let segment = segment(named: String(decoding: inner[..<end], as: UTF8.self))
        else { return nil }
        return (segment, rest[(end + 2)...])
    }

    private static func segment(named name: String) -> Segment? {
        if name == "end" { return .end }
        if name.hasPrefix("part ") { return PagePart(rawValue: String(name.dropFirst(5))).map { .begin($0) } }
        return Slot(rawValue: name).map { .slot($0) }
    }
}
