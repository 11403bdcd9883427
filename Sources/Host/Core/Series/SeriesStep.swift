/// What a series takes of one exchange that has ended, worked out once for all series that take it.
struct SeriesNote {
    var isError = false
    /// It was answered with 429 or 503.
    var isRefused = false
    var promptTokens: UInt64?
    var completionTokens: UInt64?
    var cachedTokens: UInt64?
    /// `completionTokens` is an estimate.
    var isEstimated = false
    /// Seconds in which `completionTokens` were generated; 0: not known.
    var generationSeconds: Float = 0
    /// Buckets of the durations of a success; see `LogBuckets`.
    var duration: UInt8?
    var firstToken: UInt8?

    init(_ entry: UnsafePointer<HistoryEntry>) {
        isError = entry.pointee.status == .error
        isRefused = entry.pointee.statusCode == 429 || entry.pointee.statusCode == 503
        promptTokens = entry.pointee.promptTokens
        completionTokens = entry.pointee.completionTokens
        cachedTokens = entry.pointee.cachedTokens
        isEstimated = entry.pointee.tokensEstimated
        if let tokens = completionTokens, let speed = entry.pointee.tokensPerSecond, speed > 0, speed.isFinite {
            generationSeconds = Float(Double(tokens) / speed)
        }
        guard !isError else { return }
        duration = LogBuckets.number(ofMilliseconds: entry.pointee.durationMilliseconds)
        firstToken = entry.pointee.timeToFirstByteMilliseconds.map(LogBuckets.number(ofMilliseconds:))
    }
}

/// Sums over the exchanges that ended within a step. A sum stops at its largest number.
struct SeriesSums: Sendable, Equatable {
    var requests: UInt32 = 0
    var errors: UInt32 = 0
    var refused: UInt32 = 0
    /// Attempts that failed by the backend's fault, also where another mended it.
    var failedAttempts: UInt32 = 0
    var promptTokens: UInt32 = 0
    var completionTokens: UInt32 = 0
    var cachedTokens: UInt32 = 0
    /// Tokens of answers whose speed is known, and how long they took.
    var timedTokens: Float = 0
    var generationSeconds: Float = 0
    var told: Told = []

    /// What at least one answer has told.
    struct Told: OptionSet, Sendable {
        let rawValue: UInt8
        static let prompt = Told(rawValue: 1)
        static let completion = Told(rawValue: 2)
        static let cached = Told(rawValue: 4)
        /// Some of `completionTokens` are estimates.
        static let estimate = Told(rawValue: 8)
    }

    mutating func add(_ note: SeriesNote) {
        Self.grow(&requests, 1)
        if note.isError { Self.grow(&errors, 1) }
        if note.isRefused { Self.grow(&refused, 1) }
        if let tokens = note.promptTokens {
            told.insert(.prompt)
            Self.grow(&promptTokens, tokens)
        }
        if let tokens = note.cachedTokens {
            told.insert(.cached)
            Self.grow(&cachedTokens, tokens)
        }
        guard let tokens = note.completionTokens else { return }
        told.insert(note.isEstimated ? [.completion, .estimate] : .completion)
        Self.grow(&completionTokens, tokens)
        if note.generationSeconds > 0, note.generationSeconds.isFinite {
            timedTokens += Float(tokens)
            generationSeconds += note.generationSeconds
        }
    }

    mutating func merge(_ other: SeriesSums) {
        Self.grow(&requests, UInt64(other.requests))
        Self.grow(&errors, UInt64(other.errors))
        Self.grow(&refused, UInt64(other.refused))
        Self.grow(&failedAttempts, UInt64(other.failedAttempts))
        Self.grow(&promptTokens, UInt64(other.promptTokens))
        Self.grow(&completionTokens, UInt64(other.completionTokens))
        Self.grow(&cachedTokens, UInt64(other.cachedTokens))
        timedTokens += other.timedTokens
        generationSeconds += other.generationSeconds
        told.formUnion(other.told)
    }

    mutating func addFailedAttempt() { Self.grow(&failedAttempts, 1) }

    private static func grow(_ sum: inout UInt32, _ amount: UInt64) {
        let (value, overflow) = sum.addingReportingOverflow(UInt32(truncatingIfNeeded: amount))
        sum = overflow || amount > UInt64(UInt32.max) ? .max : value
    }
}

/// What is kept of a step.
protocol SeriesElement: Sendable {
    init()
}

/// The exchanges that ended within a step.
/// - Parameter capacity: of the histograms.
struct SeriesStep<let capacity: Int>: SeriesElement {
    var sums = SeriesSums()
    var durations = LogHistogram<capacity>()
    var firstTokens = LogHistogram<capacity>()

    init() {}

    /// An exchange ended, or an attempt failed.
    var isUsed: Bool { sums.requests > 0 || sums.failedAttempts > 0 }

    mutating func add(_ note: SeriesNote, random: inout SeededRandom) {
        sums.add(note)
        if let duration = note.duration { durations.add(duration, random: &random) }
        if let firstToken = note.firstToken { firstTokens.add(firstToken, random: &random) }
    }

    mutating func merge<let other: Int>(_ step: SeriesStep<other>, random: inout SeededRandom) {
        sums.merge(step.sums)
        durations.merge(step.durations, random: &random)
        firstTokens.merge(step.firstTokens, random: &random)
    }
}

/// What a gauge showed when it was looked at within a step.
struct GaugeStep: SeriesElement, Equatable {
    private(set) var sum: Float = 0
    private(set) var highest: UInt32 = 0
    private(set) var samples: UInt16 = 0

    init() {}

    /// nil: nobody looked.
    var mean: Double? { samples == 0 ? nil : Double(sum) / Double(samples) }

    mutating func add(_ value: Int) {
        guard samples < .max else { return }
        sum += Float(max(0, value))
        highest = max(highest, UInt32(clamping: value))
        samples += 1
    }
}
