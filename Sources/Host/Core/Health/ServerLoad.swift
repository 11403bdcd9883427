/// How busy a server is, other clients' requests included. Nil where it does not tell.
public struct ServerLoad: Sendable, Equatable {
    /// More than any server works on. Larger numbers count as this one.
    public static let limit = 1_000_000

    /// Requests it works on at once at most.
    public let slots: Int?
    public let running: Int?
    public let waiting: Int?
    /// Share of its memory for contexts that is in use, 0...1.
    public let cacheUse: Double?

    public init(slots: Int? = nil, running: Int? = nil, waiting: Int? = nil, cacheUse: Double? = nil) {
        func bounded(_ count: Int?) -> Int? { count.map { min(max(0, $0), Self.limit) } }
        self.slots = bounded(slots)
        self.running = bounded(running)
        self.waiting = bounded(waiting)
        self.cacheUse = cacheUse.flatMap { $0.isFinite ? min(max(0, $0), 1) : nil }
    }

    /// Requests it has to do.
    var total: Int { (running ?? 0) + (waiting ?? 0) }

    /// What is shown of it beside the backend.
    var labels: [String: String] {
        var labels: [String: String] = [:]
        if let slots { labels["slots"] = String(slots) }
        if let running { labels["running"] = String(running) }
        if let waiting { labels["waiting"] = String(waiting) }
        if let cacheUse { labels["cache_use"] = String((cacheUse * 100).whole(in: 0...100)) + " %" }
        return labels
    }
}
