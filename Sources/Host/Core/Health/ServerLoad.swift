/// How busy a server is, other clients' requests included. Nil where it does not tell.
public struct ServerLoad: Sendable, Equatable {
    /// Requests it works on at once at most.
    public var slots: Int?
    public var running: Int?
    public var waiting: Int?
    /// Share of its memory for contexts that is in use, 0...1.
    public var cacheUse: Double?

    public init(slots: Int? = nil, running: Int? = nil, waiting: Int? = nil, cacheUse: Double? = nil) {
        self.slots = slots
        self.running = running
        self.waiting = waiting
        self.cacheUse = cacheUse
    }

    /// What is shown of it beside the backend.
    var labels: [String: String] {
        var labels: [String: String] = [:]
        if let slots { labels["slots"] = String(slots) }
        if let running { labels["running"] = String(running) }
        if let waiting { labels["waiting"] = String(waiting) }
        if let cacheUse { labels["cache_use"] = String(Int((cacheUse * 100).rounded())) + " %" }
        return labels
    }
}
