import Core

/// A part of the page: a section with that id, which can be had by itself.
public enum PagePart: String, CaseIterable, Sendable {
    case trouble, summary, active, backends, history, models

    /// Those that the query of `GET /` names, e.g. "parts=summary,history"; nil: it names none, and the whole page is meant.
    /// Names that are no part are left out.
    public static func named(inQuery query: String) -> Set<PagePart>? {
        for pair in query.split(separator: "&") where pair.hasPrefix("parts=") {
            return Set(
                pair.dropFirst("parts=".count).split(separator: ",").compactMap { PagePart(rawValue: String($0)) })
        }
        return nil
    }
}

/// An operator's action as the page shows it.
public struct PageAction: Sendable, Equatable {
    public var progress: ActionProgress
    /// Unix seconds; nil while it runs.
    public var endedAt: Int64?

    public init(_ progress: ActionProgress, endedAt: Int64? = nil) {
        self.progress = progress
        self.endedAt = endedAt
    }
}

/// How the page is to be drawn: what its query says.
public struct PageOptions: Sendable, Equatable {
    /// How backends are drawn.
    public enum Layout: String, Sendable, CaseIterable {
        case cards, tiles
    }

    /// What backends stand under.
    public enum Grouping: String, Sendable, CaseIterable {
        case none, trouble, type, host
    }

    /// Nil: by the size of the fleet.
    public var layout: Layout?
    public var grouping: Grouping?

    public init(layout: Layout? = nil, grouping: Grouping? = nil) {
        self.layout = layout
        self.grouping = grouping
    }

    /// From the query of `GET /`, e.g. "layout=tiles&group=host". What is no such thing counts as not said.
    public init(query: String) {
        for pair in query.split(separator: "&") {
            if pair.hasPrefix("layout=") { layout = Layout(rawValue: String(pair.dropFirst("layout=".count))) }
            if pair.hasPrefix("group=") { grouping = Grouping(rawValue: String(pair.dropFirst("group=".count))) }
        }
    }

    /// Backends from which on they are drawn small, and under what is the matter with them.
    static let largeFleet = 13

    func layout(of count: Int) -> Layout { layout ?? (count >= Self.largeFleet ? .tiles : .cards) }
    func grouping(of count: Int) -> Grouping { grouping ?? (count >= Self.largeFleet ? .trouble : .none) }
}

/// Everything that the page shows, at one instant.
public struct PageState: Sendable {
    public var stats: Statistics
    /// The run of the gateway that all of this is of.
    public var instance = GatewayInstance(id: "", startedAt: 0)
    public var options = PageOptions()
    /// The exchanges under way; empty where that part of the page is not wanted.
    public var active = ActiveExchanges()
    /// The viewer may watch the text of exchanges.
    public var mayWatch = false
    /// Requests that wait for a place.
    public var waiting = 0
    /// What is wrong.
    public var trouble: TroubleList
    public var backends: [BackendView]
    /// Oldest first; the newest 100 are shown.
    public var history: [HistoryEntry]
    /// Those under way, and those that have ended.
    public var actions: [PageAction]
    /// Of the gateway.
    public var version: String
    /// Unix seconds.
    public var now: Int64

    public init(
        stats: Statistics = Statistics(), trouble: TroubleList = TroubleList(), backends: [BackendView] = [],
        history: [HistoryEntry] = [],
        actions: [PageAction] = [], version: String, now: Int64
    ) {
        self.stats = stats
        self.trouble = trouble
        self.backends = backends
        self.history = history
        self.actions = actions
        self.version = version
        self.now = now
    }
}
