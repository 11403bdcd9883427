import Synchronization

/// Until when one server wants to be left alone, as it said itself: as a whole, or for one of its models. Pure; instants are
/// nanoseconds of one monotonic clock.
public struct RestTable: Sendable {
    private struct Rest: Sendable {
        var since: UInt64
        var until: UInt64
    }

    /// Models that rest by themselves. Where more are told of at once, the server as a whole rests instead.
    public static let modelLimit = 256

    private var whole: Rest?
    private var models: [String: Rest] = [:]

    public init() {}

    /// - Parameter model: it alone; nil: all of them.
    public mutating func rest(_ model: String?, until: UInt64, now: UInt64) {
        let rest = Rest(since: now, until: until)
        guard let model else {
            whole = rest
            return
        }
        if models[model] == nil, models.count >= Self.modelLimit { models = models.filter { $0.value.until > now } }
        guard models[model] != nil || models.count < Self.modelLimit else {
            // That one more model rests is no word of the server's that all of it rests for less.
            if until > whole?.until ?? 0 { whole = rest }
            return
        }
        models[model] = rest
    }

    /// When the server may be asked for the model; 0, or a time that is over: now.
    public func end(for model: String) -> UInt64 { max(whole?.until ?? 0, models[model]?.until ?? 0) }

    /// One that is to be left alone.
    public struct Resting: Sendable, Equatable {
        /// Nil: the whole server.
        public var model: String?
        public var since: UInt64
        public var until: UInt64
    }

    /// Those that rest, the whole server first, then by name.
    public func all(now: UInt64) -> [Resting] {
        var all = models.map { Resting(model: $0.key, since: $0.value.since, until: $0.value.until) }
            .sorted { $0.model ?? "" < $1.model ?? "" }
        if let whole { all.insert(Resting(model: nil, since: whole.since, until: whole.until), at: 0) }
        return all.filter { $0.until > now }
    }

    /// When nothing rests any more.
    public var latest: UInt64 { models.values.reduce(whole?.until ?? 0) { max($0, $1.until) } }

    /// An attempt went well: what it was begun in spite of is over. One that was under way when the server asked for its rest
    /// says nothing of that.
    /// - Parameter began: when the attempt did.
    public mutating func served(_ model: String, began: UInt64) {
        if let whole, began >= whole.since { self.whole = nil }
        if let rest = models[model], began >= rest.since { models[model] = nil }
    }
}

/// The rests of one server, for all event loops. While it wants none, asking is one atomic load.
public final class Rests: Sendable {
    /// When the last of them ends.
    private let latest = Atomic<UInt64>(0)
    private let table = Mutex(RestTable())

    public init() {}

    public func rest(_ model: String?, until: UInt64, now: UInt64) {
        change { $0.rest(model, until: until, now: now) }
    }

    public func served(_ model: String, began: UInt64) {
        // What was over before the attempt began is none that it was begun in spite of.
        guard latest.load(ordering: .relaxed) > began else { return }
        change { $0.served(model, began: began) }
    }

    /// Until when the server is to be left alone with this model; 0: it is not.
    public func end(for model: String, now: UInt64) -> UInt64 {
        guard latest.load(ordering: .relaxed) > now else { return 0 }
        let end = table.withLock { $0.end(for: model) }
        return end > now ? end : 0
    }

    /// As in `RestTable`.
    public func all(now: UInt64) -> [RestTable.Resting] {
        latest.load(ordering: .relaxed) > now ? table.withLock { $0 }.all(now: now) : []
    }

    private func change(_ body: (inout RestTable) -> Void) {
        table.withLock { table in
            body(&table)
            latest.store(table.latest, ordering: .relaxed)
        }
    }
}
