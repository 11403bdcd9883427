/// How fast places become free, as the newest admissions show. Pure; instants are nanoseconds of one monotonic clock.
struct AdmissionPace: Sendable {
    /// Admissions that count.
    static let limit = 32

    private var times: [UInt64] = []
    /// The oldest of as many as count.
    private var next = 0

    mutating func note(_ now: UInt64) {
        guard times.count == Self.limit else { return times.append(now) }
        times[next] = now
        next = (next + 1) % Self.limit
    }

    /// Whole seconds in which so many may be admitted; nil: there were too few to tell.
    func seconds(for count: Int, now: UInt64) -> Double? {
        guard times.count > 1 else { return nil }
        let oldest = times[next]
        let span = Double(now > oldest ? now - oldest : 1)
        return (Double(count) * span / Double(times.count - 1) / 1e9).rounded(.up)
    }
}
