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

    private let pairs = Mutex<[Key: QualityWindows]>([:])

    public init() {}

    public func take(_ entries: [HistoryEntry]) {
        pairs.withLock { pairs in
            for entry in entries where entry.attempts > 0 {
                if entry.route.isEmpty {
                    Self.countPlain(entry, in: &pairs)
                } else {
                    Self.countSteps(entry, in: &pairs)
                }
            }
        }
    }

    /// Of one attempt at the only backend.
    private static func countPlain(_ entry: HistoryEntry, in pairs: inout [Key: QualityWindows]) {
        guard entry.status == .success, let model = entry.knownModel else { return }
        var sums = QualitySums()
        sums.attempts = 1
        sums.note(entry, firstToken: entry.timeToFirstByteMilliseconds)
        add(sums, backend: entry.backendID, model: model, of: entry, in: &pairs)
    }

    private static func countSteps(_ entry: HistoryEntry, in pairs: inout [Key: QualityWindows]) {
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
            add(sums, backend: step.backend, model: model, of: entry, in: &pairs)
        }
    }

    private static func add(
        _ sums: QualitySums, backend: String, model: String, of entry: HistoryEntry,
        in pairs: inout [Key: QualityWindows]
    ) {
        let key = Key(backend: backend, model: model)
        if let index = pairs.index(forKey: key) { return pairs.values[index].add(sums, at: entry.timestamp) }
        guard makeRoom(in: &pairs, now: entry.timestamp) else { return }
        var windows = QualityWindows()
        windows.add(sums, at: entry.timestamp)
        pairs[key] = windows
    }

    private static func makeRoom(in pairs: inout [Key: QualityWindows], now: Int64) -> Bool {
        guard pairs.count >= limit else { return true }
        guard let oldest = pairs.min(by: { $0.value.last < $1.value.last }), oldest.value.last < now - day
        else { return false }
        pairs[oldest.key] = nil
        return true
    }

    /// Those that had an attempt within a day, by backend and model.
    /// - Parameter now: Unix seconds.
    public func pairs(now: Int64) -> [Pair] {
        pairs.withLock { $0 }
            .compactMap { key, windows in
                let sums = windows.sums(at: now)
                return sums.contains { $0.attempts > 0 }
                    ? Pair(backend: key.backend, model: key.model, sums: sums) : nil
            }
            .sorted { ($0.backend, $0.model) < ($1.backend, $1.model) }
    }

    /// The share of attempts that failed in five minutes, by backend and model, where there were enough.
    /// - Parameter now: Unix seconds.
    public func errorRates(now: Int64) -> [String: [String: Double]] {
        var rates: [String: [String: Double]] = [:]
        for (key, windows) in pairs.withLock({ $0 }) {
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
