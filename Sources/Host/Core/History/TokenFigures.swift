/// Sums of tokens and times over many exchanges.
public struct TokenFigures: Sendable, Equatable {
    public private(set) var prompt: UInt64 = 0
    public private(set) var completion: UInt64 = 0
    public private(set) var cached: UInt64 = 0
    /// Tokens of answers whose speed is known, and the seconds they took.
    private var timedTokens: UInt64 = 0
    public private(set) var generationSeconds = 0.0
    private var firstTokens: UInt64 = 0
    private var firstTokenMilliseconds: UInt64 = 0

    public init() {}

    public mutating func add(_ entry: HistoryEntry) {
        prompt += entry.promptTokens ?? 0
        cached += entry.cachedTokens ?? 0
        if let tokens = entry.completionTokens {
            completion += tokens
            if let speed = entry.tokensPerSecond, speed > 0 {
                timedTokens += tokens
                generationSeconds += Double(tokens) / speed
            }
        }
        if entry.status == .success, let first = entry.timeToFirstByteMilliseconds {
            firstTokens += 1
            firstTokenMilliseconds += first
        }
    }

    /// Over all answers whose speed is known; nil before the first.
    public var tokensPerSecond: Double? {
        generationSeconds > 0 ? Double(timedTokens) / generationSeconds : nil
    }

    /// Mean of the successes for which it is known; nil before the first.
    public var timeToFirstTokenMilliseconds: Double? {
        firstTokens > 0 ? Double(firstTokenMilliseconds) / Double(firstTokens) : nil
    }
}

/// How often values fell below each of some bounds; seconds.
public struct Histogram: Sendable, Equatable {
    /// Upper bounds of the buckets: those that OpenTelemetry's conventions for generative AI give for durations.
    public static let bounds = [
        0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    ]

    /// Values in each bucket alone; one more than there are bounds.
    public private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
    public private(set) var sum = 0.0
    public var count: UInt64 { counts.reduce(0, +) }

    public init() {}

    public mutating func add(_ seconds: Double) {
        counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
        sum += seconds
    }
}
