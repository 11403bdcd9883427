import Core

/// Makes the page of `GET /`: complete without a script. Parts of it are made by themselves as well, for the script to put in
/// the place of the old ones: nothing else draws the page. Immutable; callable from any thread.
public struct PageRenderer: Sendable {
    /// For `content-security-policy`: nothing but the gateway's own files, no inline script or style, no framing.
    public static let contentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    /// For `content-type`.
    public static let contentType = "text/html; charset=utf-8"

    private let template = Template(AssetStore.shared.template)

    public init() {}

    /// - Parameter parts: only these, in the order they stand on the page; nil: the whole page.
    public func render(_ state: PageState, parts: Set<PagePart>? = nil) -> [UInt8] {
        let page = Page(state, needsMatrix: parts?.contains(.models) ?? true)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(65_536)
        var isWanted = parts == nil
        for segment in template.segments {
            switch segment {
            case .begin(let part): isWanted = parts?.contains(part) ?? true
            case .end: isWanted = parts == nil
            case .markup(let markup) where isWanted: bytes += markup
            case .slot(.initialData) where isWanted: bytes += page.data
            case .slot(let slot) where isWanted: bytes += page.content(of: slot).bytes
            case .markup, .slot: break
            }
        }
        return bytes
    }
}

/// What stands in the places of the template at one instant.
private struct Page {
    private let state: PageState
    private let history: [HistoryEntry]
    private let matrix: ModelMatrix

    /// - Parameter needsMatrix: it takes time and memory in proportion to all models of all backends.
    init(_ state: PageState, needsMatrix: Bool) {
        self.state = state
        history = Array(state.history.suffix(HistoryRows.limit))
        matrix = ModelMatrix(needsMatrix ? state.backends : [])
    }

    /// The folder of the page's files.
    private static let assets: HTML = "/assets/\(AssetStore.shared.version)"

    /// The modules of the page's script, so that a browser need not read one to learn of the next.
    private static let preloads: HTML = AssetStore.shared.scriptModules.reduce(into: "") { html, name in
        html += "<link rel=\"modulepreload\" href=\"\(assets)/\(name)\">\n"
    }

    /// Escaped for a script element by the encoder.
    var data: [UInt8] {
        ContractEncoder.pageData(statistics: state.stats, backends: state.backends, history: history)
    }

    func content(of slot: Template.Slot) -> HTML {
        switch slot {
        case .version: "\(state.version)"
        case .assets: Self.assets
        case .preloads: Self.preloads
        case .now: "\(state.now)"
        case .down: "\(unhealthy + degraded)"
        case .started: "\(state.now - Int64(clamping: state.stats.uptimeSeconds))"
        case .renderedAt: "\(Format.clock(state.now, now: state.now) ?? Format.nothing)"
        case .troubleHidden: hidden(state.trouble.isEmpty)
        case .troubleItems: TroubleStrip.render(state.trouble, now: state.now)
        case .uptime: "\(Format.uptime(seconds: state.stats.uptimeSeconds))"
        case .totalRequests: "\(Format.count(state.stats.requests.total))"
        case .requestsNote: "\(requestsNote)"
        case .activeBackends: "\(Format.count(healthy))"
        case .backendsNote: "\(backendsNote)"
        case .backendsNoteClass: unhealthy + degraded > 0 ? " bad" : ""
        case .availableModels: "\(Format.count(availableModels))"
        case .instance: "\(id: state.instance.id)"
        case .inFlight: "\(Format.count(state.backends.reduce(0) { $0 + $1.pendingRequests }))"
        case .waitingNote: state.waiting > 0 ? "\(Format.count(state.waiting)) waiting" : ""
        case .activeNote: "\(ActiveRows.note(state.active))"
        case .activeHidden: hidden(state.active.total == 0)
        case .activeRows: ActiveRows.render(state.active, mayWatch: state.mayWatch)
        case .noActiveHidden: hidden(state.active.total > 0)
        case .backendSwitches: BackendSwitches.render(state.options, count: state.backends.count)
        case .backendLayout: layout == .tiles ? "backend-grid tiles" : "backend-grid"
        case .backendCards: cards.render
        case .noBackendsHidden: hidden(!state.backends.isEmpty)
        case .matrixHidden: hidden(matrix.modelCount == 0)
        case .matrixHead: matrix.head
        case .matrixRows: matrix.body
        case .matrixNote: matrix.note
        case .noModelsHidden: hidden(matrix.modelCount > 0)
        case .historyHidden: hidden(history.isEmpty)
        case .historyRows: HistoryRows.render(history, now: state.now)
        case .noHistoryHidden: hidden(!history.isEmpty)
        case .initialData: ""
        }
    }

    private var layout: PageOptions.Layout { state.options.layout(of: state.backends.count) }

    private var cards: BackendCards {
        BackendCards(
            views: state.backends, troubles: state.trouble.items, actions: state.actions, now: state.now,
            layout: layout,
            grouping: state.options.grouping(of: state.backends.count))
    }

    /// Models that at least one backend has which serves.
    private var availableModels: Int {
        var names: Set<String> = []
        for view in state.backends where view.status.serves {
            for model in view.models { names.insert(model.id) }
        }
        return names.count
    }

    private var healthy: Int { state.backends.count { $0.status == .healthy } }
    private var unhealthy: Int { state.backends.count { $0.status == .unhealthy } }

    private var degraded: Int { state.backends.count { $0.status == .degraded } }

    private var requestsNote: String {
        let errors = state.stats.requests.errors
        if errors == 0 { return "" }
        return "\(Format.count(errors)) \(errors == 1 ? "error" : "errors") "
            + "(\(Format.percent(errors, of: state.stats.requests.total)))"
    }

    private var backendsNote: String {
        if state.backends.isEmpty { return "" }
        return "of \(Format.count(state.backends.count))"
            + (unhealthy > 0 ? ", \(Format.count(unhealthy)) unhealthy" : "")
            + (degraded > 0 ? ", \(Format.count(degraded)) degraded" : "")
    }

    private func hidden(_ isHidden: Bool) -> HTML { isHidden ? " hidden" : "" }
}
