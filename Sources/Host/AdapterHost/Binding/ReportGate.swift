/// How often one backend's reports are taken at once: a bucket of tokens. Pure; times are monotonic nanoseconds.
struct ReportGate: Sendable {
    private let burst: Double
    private let perSecond: Double
    private var tokens: Double
    private var last: UInt64?

    /// - Parameters:
    ///   - burst: reports that may come at once.
    ///   - perSecond: how fast further ones are allowed.
    init(burst: Double, perSecond: Double) {
        self.burst = burst
        self.perSecond = perSecond
        tokens = burst
    }

    /// True: take it now.
    mutating func admits(now: UInt64) -> Bool {
        if let last, now > last { tokens = min(burst, tokens + Double(now - last) / 1e9 * perSecond) }
        last = now
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}
