import Synchronization

/// How well attempts go, by backend and model. A sink of the ledger; callable from any thread.
public final class QualityFigures: LedgerSink {
    /// A model at a backend, and how its attempts went.
    public struct Pair: Sendable, Equatable {
        /// Its id.
        public var backend: String
        /// Its name at the backends.
        public var model: String
        /// In the order of `QualityWindows.names`.
        public var sums: [QualitySums]
    }

    private struct Key: Hashable {
        var backend: String
        var model: String
    }

    /// Pairs whose figures are kept; about 4 KB each. One that had no attempt for a day makes room for a new one.
    public static let limit = 4000
    private static let day: Int64 = 24 * 3600
    /// Attempts in five minutes below which nothing follows from a share.
    public static let minimumAttempts: UInt64 = 10

    private struct Table {
        var pairs: [Key: QualityWindows] = [:]
        /// Of a full table: until when none of its pairs can have been without an attempt for a day. Unix seconds.
        var fullUntil = Int64.min
    }

    private let table = Mutex(Table())

    public init() {}

    public func take(_ entries: [HistoryEntry]) {
        table.withLock { table in
            for entry in entries where entry.attempts > 0 {
                if entry.route.isEmpty {
                    Self.countPlain(entry, in: &table)
                } else {
                    Self.countSteps(entry, in: &table)
                }
            }
        }
    }

    /// Of one attempt at the only backend.
    private static func countPlain(_ entry: HistoryEntry, in table: inout Table) {
        guard entry.status == .success, let model = entry.knownModel else { return }
        var sums = QualitySums()
        sums.attempts = 1
        sums.note(entry, firstToken: entry.timeToFirstByteMilliseconds)
        add(sums, backend: entry.backendID, model: model, of: entry, in: &table)
    }

    private static func countSteps(_ entry: HistoryEntry, in table: inout Table) {
        for step in entry.route {
            guard let model = step.model else { continue }
            var sums = QualitySums()
            switch step.end {
            // What was cancelled, or refused here, says nothing.
            case .open: continue
            case .failed:
                guard step.isBlamed else { continue }
                (sums.attempts, sums.failures) = (1, 1)
            case .answered:
                sums.attempts = 1
                sums.note(
                    entry,
                    firstToken: entry.stream ? step.firstByteMilliseconds : entry.timeToFirstByteMilliseconds)
            case .hedgedAway:
                // It would have taken longer still. What was asked beside it was merely not fast enough.
                guard entry.stream, !step.reason.isHedge, let waited = step.waitedMilliseconds else { continue }
                (sums.firstTokens, sums.firstTokenMilliseconds) = (1, Tally(waited))
            }
            add(sums, backend: step.backend, model: model, of: entry, in: &table)
        }
    }

    private static func add(
        _ sums: QualitySums, backend: String, model: String, of entry: HistoryEntry,
        in table: inout Table
    ) {
        let key = Key(backend: backend, model: model)
        if let index = table.pairs.index(forKey: key) {
            return table.pairs.values[index].add(sums, at: entry.timestamp)
        }
        guard makeRoom(in: &table, now: entry.timestamp) else { return }
        var windows = QualityWindows()
        windows.add(sums, at: entry.timestamp)
        table.pairs[key] = windows
    }

    /// A full table is gone through no more often than something in it can have become old, which no request is to pay for.
    private static func makeRoom(in table: inout Table, now: Int64) -> Bool {
        guard table.pairs.count >= limit else { return true }
        guard now > table.fullUntil else { return false }
        table.pairs = table.pairs.filter { $0.value.last >= now - day }
        // What has an attempt meanwhile is the younger for it.
        table.fullUntil = (table.pairs.values.lazy.map(\.last).min() ?? now) + day
        return table.pairs.count < limit
    }

    /// Those that had an attempt within a day, by backend and model.
    /// - Parameter now: Unix seconds.
    public func pairs(now: Int64) -> [Pair] {
        table.withLock { $0.pairs }
            .compactMap { key, windows in
                let sums = windows.sums(at: now)
                return sums.contains { $0.attempts > 0 }
                    ? Pair(backend: key.backend, model: key.model, sums: sums) : nil
            }
            .sorted { ($0.backend, $0.model) < ($1.backend, $1.model) }
    }

    /// Where attempts failed in the last minute, and how many there were.
    /// - Parameter now: Unix seconds.
    public func failing(now: Int64) -> [(backend: String, model: String, sums: QualitySums)] {
        table.withLock { $0.pairs }
            .compactMap { key, windows in
                guard windows.last > now - 120 else { return nil }
                let sums = windows.lastMinute(at: now)
                return sums.failures > 0 ? (key.backend, key.model, sums) : nil
            }
            .sorted { ($0.backend, $0.model) < ($1.backend, $1.model) }
    }

    /// The share of attempts that failed in five minutes, by backend and model, where there were enough.
    /// - Parameter now: Unix seconds.
    public func errorRates(now: Int64) -> [String: [String: Double]] {
        var rates: [String: [String: Double]] = [:]
        for (key, windows) in table.withLock({ $0.pairs }) {
            let sums = windows.newest(at: now)
            guard sums.failures > 0, sums.attempts >= Self.minimumAttempts else { continue }
            rates[key.backend, default: [:]][key.model] = sums.errorRate
        }
        return rates
    }
}

extension QualitySums {
    /// Takes the times of an attempt that went well.
    /// - Parameter first: milliseconds from the attempt's start.
    fileprivate mutating func note(_ entry: HistoryEntry, firstToken first: UInt64?) {
        if let first {
            firstTokens = 1
            firstTokenMilliseconds += first
        }
        if let tokens = entry.completionTokens, let speed = entry.tokensPerSecond, speed > 0, speed.isFinite {
            timedTokens += tokens
            generation.add(seconds: Double(tokens) / speed)
        }
    }
}
