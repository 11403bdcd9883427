import Synchronization

/// What is counted of exchanges in the words of OpenTelemetry's conventions for generative AI: by operation and model. Since the start
/// of the program alone. A sink of the ledger; callable from any thread.
public final class GenAIFigures: LedgerSink {
    public struct Key: Sendable, Hashable {
        /// `gen_ai.operation.name`.
        public var operation: String
        /// The model's name at the backends, or `GenAI.other`.
        public var model: String
    }

    /// Of one operation with one model.
    public struct Sums: Sendable, Equatable {
        /// Seconds from a request to the end of its answer; of those that failed apart.
        public internal(set) var durations = FixedHistogram(Histogram.bounds)
        public internal(set) var failures = FixedHistogram(Histogram.bounds)
        /// Seconds from a request to the first token of its answer.
        public internal(set) var firstTokens = FixedHistogram(Self.firstTokenBounds)
        /// Seconds between two tokens of an answer.
        public internal(set) var tokenTimes = FixedHistogram(Self.tokenTimeBounds)
        /// Tokens of prompts, and of answers.
        public internal(set) var input = FixedHistogram(Self.tokenBounds)
        public internal(set) var output = FixedHistogram(Self.tokenBounds)

        // The bounds are those that the conventions give.
        static let firstTokenBounds = [
            0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
        ]
        static let tokenTimeBounds = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5]
        static let tokenBounds: [Double] = [
            1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
        ]

        mutating func add(_ entry: HistoryEntry) {
            let seconds = Double(entry.durationMilliseconds) / 1000
            if entry.status == .success { durations.add(seconds) } else { failures.add(seconds) }
            if let tokens = entry.promptTokens { input.add(Double(tokens)) }
            if let tokens = entry.completionTokens { output.add(Double(tokens)) }
            guard entry.status == .success else { return }
            if let first = entry.timeToFirstByteMilliseconds { firstTokens.add(Double(first) / 1000) }
            if let speed = entry.tokensPerSecond, speed > 0 { tokenTimes.add(1 / speed) }
        }
    }

    /// Pairs that are told apart: those that come first. Further ones are counted as `GenAI.other`, of which there is one for each
    /// operation; a time series that has begun never ends.
    public static let limit = 100

    private struct Table {
        var rows: [(key: Key, sums: Sums)] = []
        var places: [Key: Int] = [:]
        /// The row of the last exchange, and what it was asked for: mostly the next one is of the same.
        var last = 0
        var lastEndpoint = ""
        var lastModel: String?

        mutating func row(of entry: HistoryEntry) -> Int {
            if !rows.isEmpty, entry.endpoint == lastEndpoint, entry.knownModel == lastModel { return last }
            var key = Key(
                operation: GenAI.operation(endpoint: entry.endpoint), model: entry.knownModel ?? GenAI.other)
            if rows.count >= GenAIFigures.limit, places[key] == nil { key.model = GenAI.other }
            if let place = places[key] {
                last = place
            } else {
                last = rows.count
                places[key] = last
                rows.append((key, Sums()))
            }
            (lastEndpoint, lastModel) = (entry.endpoint, entry.knownModel)
            return last
        }
    }

    private let table = Mutex(Table())

    public init() {}

    public func take(_ entries: [HistoryEntry]) {
        table.withLock { table in
            for entry in entries {
                let row = table.row(of: entry)
                table.rows[row].sums.add(entry)
            }
        }
    }

    public var count: Int { table.withLock { $0.rows.count } }

    /// By operation and model, in order.
    public var all: [(key: Key, sums: Sums)] {
        table.withLock { $0.rows }.sorted { ($0.key.operation, $0.key.model) < ($1.key.operation, $1.key.model) }
    }
}
