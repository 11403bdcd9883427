/// Sums of tokens and times over many exchanges.
public struct TokenFigures: Sendable, Equatable {
    public private(set) var prompt = Tally()
    public private(set) var completion = Tally()
    public private(set) var cached = Tally()
    /// Tokens of answers whose speed is known, and the time they took.
    private var timedTokens = Tally()
    private var generation = TimeTally()
    private var firstTokens = Tally()
    private var firstTokenMilliseconds = Tally()

    public init() {}

    public mutating func add(_ entry: HistoryEntry) {
        prompt += entry.promptTokens ?? 0
        cached += entry.cachedTokens ?? 0
        if let tokens = entry.completionTokens {
            completion += tokens
            if let speed = entry.tokensPerSecond, speed > 0, speed.isFinite {
                timedTokens += tokens
                generation.add(seconds: Double(tokens) / speed)
            }
        }
        if entry.status == .success, let first = entry.timeToFirstByteMilliseconds {
            firstTokens += 1
            firstTokenMilliseconds += first
        }
    }

    public var generationSeconds: Double { generation.seconds }

    /// Over all answers whose speed is known; nil before the first.
    public var tokensPerSecond: Double? {
        generation.seconds > 0 ? Double(timedTokens.value) / generation.seconds : nil
    }

    /// Mean of the successes for which it is known; nil before the first.
    public var timeToFirstTokenMilliseconds: Double? {
        firstTokens.value > 0 ? Double(firstTokenMilliseconds.value) / Double(firstTokens.value) : nil
    }
}

/// How often values fell below each of some bounds; seconds.
public struct Histogram: Sendable, Equatable {
    /// Upper bounds of the buckets: those that OpenTelemetry's conventions for generative AI give for durations.
    public static let bounds = [
        0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    ]

    /// Values in each bucket alone; one more than there are bounds.
    public private(set) var counts = [Tally](repeating: 0, count: bounds.count + 1)
    private var total = TimeTally()

    public var sum: Double { total.seconds }
    public var count: Tally { counts.reduce(0, +) }

    public init() {}

    /// What is no number, or no duration, is left out.
    public mutating func add(_ seconds: Double) {
        guard seconds >= 0, seconds.isFinite else { return }
        counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
        total.add(seconds: seconds)
    }
}
