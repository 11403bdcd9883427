import Synchronization

/// What is counted of exchanges: in all, by model and by backend. A sink of the ledger; callable from any thread.
public final class ExchangeFigures: LedgerSink {
    struct ModelFigures {
        var requests: UInt64 = 0
        var milliseconds = Tally()
        var tokens = TokenFigures()

        mutating func add(_ entry: HistoryEntry) {
            requests += 1
            milliseconds += entry.durationMilliseconds
            tokens.add(entry)
        }

        func model(named name: String) -> Statistics.Model {
            Statistics.Model(
                name: name, requests: requests,
                averageDurationMilliseconds: Double(milliseconds.value) / Double(max(1, requests)), tokens: tokens)
        }
    }

    /// What is counted of the exchanges that a backend ended.
    public struct BackendFigures: Sendable, Equatable {
        /// Exchanges that it ended, well or not, in runs of the gateway before this one.
        public internal(set) var requestsBefore: UInt64 = 0
        /// The same in this run.
        public internal(set) var requests: UInt64 = 0
        public internal(set) var tokens = TokenFigures()
        public internal(set) var durations = Histogram()
        public internal(set) var firstTokens = Histogram()

        mutating func add(_ entry: HistoryEntry) {
            requests += 1
            tokens.add(entry)
            guard entry.status == .success else { return }
            durations.add(Double(entry.durationMilliseconds) / 1000)
            if let first = entry.timeToFirstByteMilliseconds { firstTokens.add(Double(first) / 1000) }
        }
    }

    struct State {
        var totals = Statistics.Requests()
        var models: [String: ModelFigures] = [:]
        var otherModels = ModelFigures()
        var backends: [String: BackendFigures] = [:]
    }

    /// Models that are counted one by one: those that a backend has or had, whatever names clients make up. Beyond this
    /// many, new ones are counted with the others; none is forgotten for another.
    public static let modelLimit = 10_000
    /// Backends whose figures are kept.
    public static let backendLimit = 1000

    let state = Mutex(State())

    public init() {}

    public func take(_ entries: [HistoryEntry]) {
        state.withLock { state in
            for entry in entries {
                state.totals.total += 1
                if entry.status == .success { state.totals.success += 1 } else { state.totals.errors += 1 }
                Self.countModel(of: entry, in: &state)
                if entry.backendID != HistoryEntry.noBackend { Self.count(entry, in: &state) }
            }
        }
    }

    private static func countModel(of entry: HistoryEntry, in state: inout State) {
        // A model that is gone keeps its place.
        let name = entry.knownModel ?? entry.model
        if state.models[name] != nil || entry.knownModel != nil && state.models.count < modelLimit {
            state.models[name, default: ModelFigures()].add(entry)
        } else {
            state.otherModels.add(entry)
        }
    }

    private static func count(_ entry: HistoryEntry, in state: inout State) {
        guard state.backends.count < backendLimit || state.backends[entry.backendID] != nil else { return }
        state.backends[entry.backendID, default: BackendFigures()].add(entry)
    }

    /// By the backend's id.
    public var backends: [String: BackendFigures] { state.withLock { $0.backends } }

    public var totals: Statistics.Requests { state.withLock { $0.totals } }

    /// Models that a backend has or had, and that were asked for; sorted by name.
    public var models: [Statistics.Model] {
        state.withLock { $0.models }.map { $1.model(named: $0) }.sorted { $0.name < $1.name }
    }

    /// All other exchanges together: that named no model, or one that no backend had.
    public var otherModels: Statistics.Model {
        state.withLock { $0.otherModels }.model(named: Statistics.otherName)
    }
}
