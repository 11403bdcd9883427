import Synchronization

/// Takes the one terminal record of every exchange: numbers it, keeps the newest in the history, counts it, and
/// publishes it. Callable from any thread; one short lock around plain data.
public final class Journal: Sendable {
    private struct ModelFigures {
        var requests: UInt64 = 0
        var milliseconds: UInt64 = 0
    }

    private struct State {
        var ring: HistoryRing
        var sequence: UInt64 = 0
        var totals = Statistics.Requests()
        var models: [String: ModelFigures] = [:]
    }

    /// Models that are counted one by one; the names come from clients, so there is a bound. Later ones are
    /// counted together under `otherModels`.
    public static let modelLimit = 1000
    public static let otherModels = "(other)"

    private let state: Mutex<State>
    private let broadcaster: Broadcaster

    public init(capacity: Int, broadcaster: Broadcaster) {
        state = Mutex(State(ring: HistoryRing(capacity: capacity)))
        self.broadcaster = broadcaster
    }

    /// `entry.timestamp` is the wall clock's now in Unix seconds.
    public func record(_ entry: HistoryEntry) {
        var entry = EntryLimits.clean(entry, now: entry.timestamp)
        state.withLock { state in
            state.sequence += 1
            entry.sequence = state.sequence
            state.ring.push(entry)
            state.totals.total += 1
            if entry.status == .success { state.totals.success += 1 } else { state.totals.errors += 1 }
            var name = entry.model
            if state.models.count >= Self.modelLimit, state.models[name] == nil { name = Self.otherModels }
            state.models[name, default: ModelFigures()].requests += 1
            state.models[name, default: ModelFigures()].milliseconds += entry.durationMilliseconds
        }
        broadcaster.publish(.requestComplete(entry))
    }

    /// Oldest first.
    public var entries: [HistoryEntry] { state.withLock { $0.ring.entries } }

    /// Entries after the given sequence number, oldest first.
    public func entries(after sequence: UInt64) -> [HistoryEntry] {
        entries.filter { $0.sequence > sequence }
    }

    public var totals: Statistics.Requests { state.withLock { $0.totals } }

    /// Sorted by name. Exchanges that named no model are left out.
    public var models: [Statistics.Model] {
        state.withLock { $0.models }
            .filter { !$0.key.isEmpty }
            .map { name, figures in
                Statistics.Model(
                    name: name, requests: figures.requests,
                    averageDurationMilliseconds: Double(figures.milliseconds) / Double(max(1, figures.requests)))
            }
            .sorted { $0.name < $1.name }
    }
}
