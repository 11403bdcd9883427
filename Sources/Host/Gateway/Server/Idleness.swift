import NIOCore

/// How little is lost when an idle connection is closed to make room for another: the least compares lowest.
struct Idleness: Comparable {
    /// It has sent a request before, so a client stands behind it that may send the next.
    let hasSpoken: Bool
    let since: NIODeadline

    static func < (left: Idleness, right: Idleness) -> Bool {
        left.hasSpoken == right.hasSpoken ? left.since < right.since : !left.hasSpoken
    }
}
