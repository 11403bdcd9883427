/// What series tell of each step. The names are part of `GET /v1/series`.
public enum SeriesMetric: String, Sendable, CaseIterable {
    /// Exchanges that ended.
    case requests
    case errors
    /// Answered with 429 or 503.
    case refused
    case failedAttempts = "failed_attempts"
    case durationP50 = "duration_p50_ms"
    case durationP95 = "duration_p95_ms"
    case durationP99 = "duration_p99_ms"
    case firstTokenP50 = "ttft_p50_ms"
    case firstTokenP95 = "ttft_p95_ms"
    case firstTokenP99 = "ttft_p99_ms"
    case tokensPerSecond = "tokens_per_second"
    case promptTokens = "prompt_tokens"
    case completionTokens = "completion_tokens"
    /// 1 where some of `completionTokens` are estimates.
    case estimated = "tokens_estimated"
    case cachedTokens = "cached_tokens"
    case inFlight = "in_flight"
    case inFlightMost = "in_flight_max"
    case queued
    case queuedMost = "queued_max"

    /// Of the durations, nil for others.
    var durationShare: Double? {
        switch self {
        case .durationP50: 0.5
        case .durationP95: 0.95
        case .durationP99: 0.99
        default: nil
        }
    }

    /// It takes the histograms.
    public var isQuantile: Bool { durationShare != nil || firstTokenShare != nil }

    /// Of the times to the first token, nil for others.
    var firstTokenShare: Double? {
        switch self {
        case .firstTokenP50: 0.5
        case .firstTokenP95: 0.95
        case .firstTokenP99: 0.99
        default: nil
        }
    }
}
