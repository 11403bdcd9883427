/// What decides where a request goes, of one backend at one instant: plain numbers, read in one go, since it is asked of each
/// candidate of each request.
public struct BackendGauge: Sendable {
    /// Lower wins.
    public let priority: Int
    /// Requests that the server has to do, those of others included as far as it tells.
    public let work: Int
    /// Requests that it works on at once; at least 1.
    public let slots: Int
    /// Failures in a row of the last seconds, a few at most.
    public let failures: Int
    /// Until when it is asked only if no other can be, in nanoseconds of the monotonic clock; 0: it is not.
    public let asideUntil: UInt64
}

/// The same of one model at one backend.
public struct ModelGauge: Sendable {
    /// Nothing is known.
    public static let unknown = ModelGauge(answerTime: 0, readiness: .unknown, errorRate: 0)

    /// Milliseconds until an answer began, of late; 0: not known.
    public let answerTime: Double
    public let readiness: ModelReadiness
    /// The share of failures in the last five minutes, 0...1.
    public let errorRate: Double
}

extension BackendSnapshot {
    /// - Parameters:
    ///   - model: for which it would be asked.
    ///   - now: nanoseconds of the monotonic clock.
    public func gauge(for model: String, now: UInt64) -> BackendGauge {
        BackendGauge(
            priority: identity.priority, work: counters.load, slots: counters.slots ?? 1,
            failures: counters.recentFailures(now: now), asideUntil: counters.asideUntil(model, now: now))
    }
}
