import Core

/// A part of the page: a section with that id, which can be had by itself.
public enum PagePart: String, CaseIterable, Sendable {
    case trouble, summary, backends, history, models

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

/// Everything that the page shows, at one instant.
public struct PageState: Sendable {
    public var stats: Statistics
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
