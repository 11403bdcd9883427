/// Everything that is known of some exchanges within some time.
struct PointSum {
    private(set) var requests = Tally()
    private(set) var errors = Tally()
    private(set) var refused = Tally()
    private(set) var failedAttempts = Tally()
    private(set) var promptTokens = Tally()
    private(set) var completionTokens = Tally()
    private(set) var cachedTokens = Tally()
    private(set) var timedTokens = 0.0
    private(set) var generationSeconds = 0.0
    private(set) var told: SeriesSums.Told = []
    private(set) var durations = HistogramSum()
    private(set) var firstTokens = HistogramSum()

    mutating func add<let capacity: Int>(_ step: borrowing SeriesStep<capacity>) {
        let sums = step.sums
        requests += UInt64(sums.requests)
        errors += UInt64(sums.errors)
        refused += UInt64(sums.refused)
        failedAttempts += UInt64(sums.failedAttempts)
        promptTokens += UInt64(sums.promptTokens)
        completionTokens += UInt64(sums.completionTokens)
        cachedTokens += UInt64(sums.cachedTokens)
        timedTokens += Double(sums.timedTokens)
        generationSeconds += Double(sums.generationSeconds)
        told.formUnion(sums.told)
        durations.add(step.durations)
        firstTokens.add(step.firstTokens)
    }

    mutating func add(_ minute: KeptMinute) {
        requests += minute.requests.value
        errors += minute.errors.value
        refused += minute.refused.value
        failedAttempts += minute.failedAttempts.value
        promptTokens += minute.promptTokens.value
        completionTokens += minute.completionTokens.value
        cachedTokens += minute.cachedTokens.value
        timedTokens += minute.timedTokens
        generationSeconds += minute.generationSeconds
        told.formUnion(SeriesSums.Told(rawValue: minute.told))
        durations.add(minute.durations)
        firstTokens.add(minute.firstTokenTimes)
    }

    mutating func reset() {
        (requests, errors, refused, failedAttempts) = (0, 0, 0, 0)
        (promptTokens, completionTokens, cachedTokens) = (0, 0, 0)
        (timedTokens, generationSeconds, told) = (0, 0, [])
        durations.reset()
        firstTokens.reset()
    }

    var isUsed: Bool { requests.value > 0 || failedAttempts.value > 0 }

    /// Of all answers whose speed is known.
    var tokensPerSecond: Double? { generationSeconds > 0 ? timedTokens / generationSeconds : nil }

    /// The share by which a quantile of it may be off.
    var error: Double { max(durations.error, firstTokens.error) }

    /// nil: not known.
    func value(_ metric: SeriesMetric) -> Double? {
        if let share = metric.durationShare { return durations.quantile(share) }
        if let share = metric.firstTokenShare { return firstTokens.quantile(share) }
        return switch metric {
        case .requests: Double(requests.value)
        case .errors: Double(errors.value)
        case .refused: Double(refused.value)
        case .failedAttempts: Double(failedAttempts.value)
        case .tokensPerSecond: tokensPerSecond
        case .promptTokens: tokens(promptTokens, .prompt)
        case .completionTokens: tokens(completionTokens, .completion)
        case .cachedTokens: tokens(cachedTokens, .cached)
        case .estimated: told.contains(.completion) ? (told.contains(.estimate) ? 1 : 0) : nil
        default: nil
        }
    }

    /// Where nobody asked there were none; where no answer told of them, nothing is known.
    private func tokens(_ sum: Tally, _ kind: SeriesSums.Told) -> Double? {
        requests.value == 0 || told.contains(kind) ? Double(sum.value) : nil
    }
}
