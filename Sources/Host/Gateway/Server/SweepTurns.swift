import NIOCore

/// Whose turn it is to be looked after: a round goes through all connections of a loop, a few at a time, so that thousands of them
/// hold up no request. Pure.
///
/// What is taken out of the roster while a round is under way has the last of them take its place, which may so be left out until the next
/// round.
struct SweepTurns {
    /// From the beginning of a round to that of the next one.
    static let round = TimeAmount.milliseconds(250)
    /// Connections of a turn, if `most` turns are enough for all.
    static let few = 256
    /// Turns of a round: one every 5 ms.
    static let most = 50

    private var next = 0
    /// Rounds that have begun.
    private(set) var rounds = 0

    struct Turn: Equatable {
        /// Places in the roster.
        var places: Range<Int>
        var beginsRound: Bool
        /// Until the next turn.
        var pause: TimeAmount
    }

    /// - Parameter count: connections that there are now.
    mutating func turn(of count: Int) -> Turn {
        let share = max(Self.few, (count + Self.most - 1) / Self.most)
        let turns = max(1, (count + share - 1) / share)
        let begins = next == 0 || next >= count
        if begins { (next, rounds) = (0, rounds &+ 1) }
        let places = next..<min(count, next + share)
        next = places.upperBound < count ? places.upperBound : 0
        return Turn(places: places, beginsRound: begins, pause: .nanoseconds(Self.round.nanoseconds / Int64(turns)))
    }
}
