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

    /// Everything in it, to be kept; see `init(kept:)`.
    var kept: [Double] {
        [prompt, completion, cached, timedTokens, firstTokens, firstTokenMilliseconds].map { Double($0.value) }
            + [generation.seconds]
    }

    /// How many numbers `kept` holds.
    static let keptCount = 7

    /// - Parameter kept: may come from a file that anybody wrote.
    init(kept: some Collection<Double>) {
        let numbers = Array(kept)
        guard numbers.count == Self.keptCount else { return }
        let sums = numbers.map { Tally(UInt64($0.whole(in: 0...Int(Tally.limit)))) }
        (prompt, completion, cached) = (sums[0], sums[1], sums[2])
        (timedTokens, firstTokens, firstTokenMilliseconds) = (sums[3], sums[4], sums[5])
        generation.add(seconds: numbers[6])
    }

    static func += (sum: inout TokenFigures, other: TokenFigures) {
        sum.prompt += other.prompt.value
        sum.completion += other.completion.value
        sum.cached += other.cached.value
        sum.timedTokens += other.timedTokens.value
        sum.firstTokens += other.firstTokens.value
        sum.firstTokenMilliseconds += other.firstTokenMilliseconds.value
        sum.generation.add(seconds: other.generation.seconds)
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

    /// Everything in it, to be kept; see `init(kept:)`.
    var kept: [Double] { counts.map { Double($0.value) } + [total.seconds] }

    /// How many numbers `kept` holds.
    static let keptCount = bounds.count + 2

    /// - Parameter kept: may come from a file that anybody wrote.
    init(kept: some Collection<Double>) {
        let numbers = Array(kept)
        guard numbers.count == Self.keptCount else { return }
        counts = numbers.dropLast().map { Tally(UInt64($0.whole(in: 0...Int(Tally.limit)))) }
        total.add(seconds: numbers[numbers.count - 1])
    }

    static func += (sum: inout Histogram, other: Histogram) {
        for (index, count) in other.counts.enumerated() { sum.counts[index] += count.value }
        sum.total.add(seconds: other.total.seconds)
    }

    /// Which of the buckets a value belongs to.
    public static func bucket(_ seconds: Double) -> Int { bounds.firstIndex { seconds <= $0 } ?? bounds.count }

    /// What is no number, or no duration, is left out.
    public mutating func add(_ seconds: Double) {
        guard seconds >= 0, seconds.isFinite else { return }
        counts[Self.bucket(seconds)] += 1
        total.add(seconds: seconds)
    }
}
