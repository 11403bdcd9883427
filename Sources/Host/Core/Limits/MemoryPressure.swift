/// How much of the memory for requests and answers is in use, and with it what is given up: first what costs least (see
/// `MemoryWatch`). Pure.
///
/// Requests that begin stop at `requestPercent`, so that those under way have the rest for their answers.
public enum MemoryPressure: Int, Comparable, Sendable {
    /// Nothing is given up.
    case none
    /// Connections end with their answers, and what their buffers hold is free.
    case closing
    /// Whoever holds memory and does not move loses it; no request that needs more gets in.
    case evicting
    /// Who holds most loses it.
    case resetting

    /// Percent of the limit from which on each of them holds.
    public static let closingPercent = 70
    /// Also how much requests may take.
    public static let requestPercent = 85
    public static let resettingPercent = 95

    /// - Parameters:
    ///   - used: bytes that are taken.
    ///   - limit: bytes that there are; positive.
    public init(used: Int, limit: Int) {
        self =
            if used >= Self.share(limit, Self.resettingPercent) {
                .resetting
            } else if used >= Self.share(limit, Self.requestPercent) {
                .evicting
            } else if used >= Self.share(limit, Self.closingPercent) {
                .closing
            } else {
                .none
            }
    }

    /// So many percent of a limit, without a product that could overflow.
    static func share(_ limit: Int, _ percent: Int) -> Int { limit / 100 * percent + limit % 100 * percent / 100 }

    public static func < (left: MemoryPressure, right: MemoryPressure) -> Bool { left.rawValue < right.rawValue }
}
