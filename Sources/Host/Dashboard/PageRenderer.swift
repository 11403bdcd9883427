import Core
import Glibc

/// Makes the page of `GET /`: complete without a script, and with the data a script starts from. Immutable; callable
/// from any thread.
public struct PageRenderer: Sendable {
    /// For `content-security-policy`: nothing but the gateway's own files, no inline script or style, no framing.
    public static let contentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    /// For `content-type`.
    public static let contentType = "text/html; charset=utf-8"

    private let template = Template(AssetStore.shared.template)

    public init() {}

    /// The page of this instant.
    /// - Parameter history: oldest first; the newest 100 are shown.
    public func render(
        stats: Statistics, backends: [BackendView], history: [HistoryEntry], version: String
    ) -> [UInt8] {
        render(stats: stats, backends: backends, history: history, version: version, now: Int64(time(nil)))
    }

    func render(
        stats: Statistics, backends: [BackendView], history: [HistoryEntry], version: String, now: Int64
    ) -> [UInt8] {
        let page = Page(
            stats: stats, backends: backends, history: history.suffix(HistoryRows.limit), version: version, now: now,
            matrix: ModelMatrix(backends))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(65_536)
        for segment in template.segments {
            switch segment {
            case .markup(let markup): bytes += markup
            case .slot(.initialData): bytes += page.data
            case .slot(let slot): bytes += page.content(of: slot).bytes
            }
        }
        return bytes
    }
}

/// What stands in the places of the template at one instant.
private struct Page {
    var stats: Statistics
    var backends: [BackendView]
    var history: [HistoryEntry]
    var version: String
    var now: Int64
    var matrix: ModelMatrix

    init(
        stats: Statistics, backends: [BackendView], history: ArraySlice<HistoryEntry>, version: String, now: Int64,
        matrix: ModelMatrix
    ) {
        self.stats = stats
        self.backends = backends
        self.history = Array(history)
        self.version = version
        self.now = now
        self.matrix = matrix
    }

    /// Escaped for a script element by the encoder.
    var data: [UInt8] { ContractEncoder.pageData(statistics: stats, backends: backends, history: history) }

    func content(of slot: Template.Slot) -> HTML {
        switch slot {
        case .version: "\(version)"
        case .renderedAt: "\(Timestamp.rfc3339(Double(now)) ?? Format.nothing)"
        case .uptime: "\(Format.uptime(seconds: stats.uptimeSeconds))"
        case .totalRequests: "\(Format.count(stats.requests.total))"
        case .requestsNote: "\(requestsNote)"
        case .activeBackends: "\(Format.count(healthy))"
        case .backendsNote: "\(backendsNote)"
        case .backendsNoteClass: unhealthy > 0 ? " bad" : ""
        case .availableModels: "\(Format.count(matrix.modelCount))"
        case .backendCards: BackendCards.render(backends, now: now)
        case .noBackendsHidden: hidden(!backends.isEmpty)
        case .matrixHidden: hidden(matrix.modelCount == 0)
        case .matrixHead: matrix.head
        case .matrixRows: matrix.body
        case .matrixNote: "\(matrix.note)"
        case .noModelsHidden: hidden(matrix.modelCount > 0)
        case .historyHidden: hidden(history.isEmpty)
        case .historyRows: HistoryRows.render(history, now: now)
        case .noHistoryHidden: hidden(!history.isEmpty)
        case .initialData: ""
        }
    }

    private var healthy: Int { backends.count { $0.status == .healthy } }
    private var unhealthy: Int { backends.count { $0.status == .unhealthy } }

    private var requestsNote: String {
        let errors = stats.requests.errors
        if errors == 0 { return "" }
        return "\(Format.count(errors)) \(errors == 1 ? "error" : "errors") "
            + "(\(Format.percent(errors, of: stats.requests.total)))"
    }

    private var backendsNote: String {
        if backends.isEmpty { return "" }
        return "of \(Format.count(backends.count))" + (unhealthy > 0 ? ", \(Format.count(unhealthy)) unhealthy" : "")
    }

    private func hidden(_ isHidden: Bool) -> HTML { isHidden ? " hidden" : "" }
}
