/// Which instant tells what is too old: that of the wall clock, unless it has jumped ahead. Then what would be too old by the jump alone
/// stays until the clock has stood by it for a while: one that was set wrong, as at a start before the time is known, would else delete
/// everything. Pure.
struct RetentionClock {
    /// Instants of a file that anybody may have written.
    private static let believed: ClosedRange<Int64> = 0...(1 << 40)

    /// What the wall clock showed at an instant of the monotonic one.
    private var known: (wall: Int64, instant: UInt64)?
    private var jumpedAt: UInt64?
    /// Seconds by which it has jumped, as long as that is not believed.
    private(set) var jump: Int64?

    /// - Parameters:
    ///   - newest: when the newest of what there is was written, in Unix seconds; nil: there is nothing.
    ///   - instant: nanoseconds of the monotonic clock.
    init(newest: Int64?, instant: UInt64) {
        known = newest.map { (min(max($0, Self.believed.lowerBound), Self.believed.upperBound), instant) }
    }

    /// When the newest was written, by a clock that had stood by what it showed: a run before this one may have ended within the hour in
    /// which a jump is not believed.
    /// - Parameter ends: Unix seconds, of the newest first.
    static func newest(of ends: [Int64]) -> Int64? {
        let ends = ends.map { min(max($0, believed.lowerBound), believed.upperBound) }
        guard let last = ends.first else { return nil }
        let hour = (last - Int64(StoreLimits.clockPatience))...(last + StoreLimits.clockJump)
        for (after, before) in zip(ends, ends.dropFirst()) {
            guard hour.contains(after) else { break }
            if before < after - StoreLimits.clockJump { return before }
        }
        return last
    }

    /// - Parameters:
    ///   - wall: what the wall clock shows.
    ///   - instant: nanoseconds of the monotonic clock.
    mutating func now(wall: Int64, instant: UInt64) -> Int64 {
        guard let known else { return believe(wall, instant) }
        let expected = known.wall + Int64((instant - min(instant, known.instant)) / 1_000_000_000)
        guard wall - expected > StoreLimits.clockJump else { return believe(wall, instant) }
        let since = jumpedAt ?? instant
        guard instant - min(instant, since) < StoreLimits.clockPatience * 1_000_000_000 else {
            return believe(wall, instant)
        }
        (jumpedAt, jump) = (since, wall - expected)
        return expected
    }

    private mutating func believe(_ wall: Int64, _ instant: UInt64) -> Int64 {
        (known, jumpedAt, jump) = ((wall, instant), nil, nil)
        return wall
    }
}

extension RetentionClock {
    /// For the log; nil: nothing has begun.
    static func words(before: Int64?, after: Int64?, path: String) -> String? {
        guard before == nil, let after else { return nil }
        return "the clock is \(after / (24 * 3600)) days ahead of the newest in \(path): for an hour nothing more is "
            + "deleted there for its age"
    }
}
