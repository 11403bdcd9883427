/// Tells from samples of what a loop is in whether one call holds it up. Pure; times are monotonic nanoseconds.
struct StallDetector {
    /// A call that takes longer is reported.
    static let threshold: UInt64 = 100_000_000
    /// While it lasts, it is reported again after each of these.
    static let repetition: UInt64 = 1_000_000_000

    enum Finding: Equatable {
        /// The call has not returned for that long.
        case stalled(LoopActivity.Sample, nanoseconds: UInt64)
        /// It goes on; reported once a second.
        case stillStalled(LoopActivity.Sample, nanoseconds: UInt64)
        /// It has returned, after about that long.
        case ended(LoopActivity.Sample, nanoseconds: UInt64)
    }

    private var current: LoopActivity.Sample?
    private var since: UInt64 = 0
    private var nextReport: UInt64?

    init() {}

    mutating func observe(_ sample: LoopActivity.Sample?, now: UInt64) -> Finding? {
        guard sample == current, let sample else {
            let before = current
            let wasReported = nextReport != nil
            let began = since
            current = sample
            since = now
            nextReport = nil
            return wasReported ? before.map { .ended($0, nanoseconds: now - began) } : nil
        }
        let lasted = now - since
        if let next = nextReport {
            guard now >= next else { return nil }
            nextReport = next + Self.repetition
            return .stillStalled(sample, nanoseconds: lasted)
        }
        guard lasted >= Self.threshold else { return nil }
        nextReport = now + Self.repetition
        return .stalled(sample, nanoseconds: lasted)
    }
}
