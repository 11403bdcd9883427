/// Whether all event loops turn: each one beats, and whoever looks knows which have not done so in time. Pure.
public struct LoopBeats: Sendable, Equatable {
    /// Nanoseconds without a beat, after which a loop is stuck.
    private let patience: UInt64
    private var wereStuck: [Int] = []

    public init(patience: UInt64) { self.patience = patience }

    /// What a look has found.
    public struct Look: Sendable, Equatable {
        /// Indices of the loops that have not beaten in time.
        public var stuck: [Int]
        /// These are others than at the look before.
        public var isNews: Bool
        /// For how long the one that has waited longest has not, in nanoseconds.
        public var longest: UInt64

        /// The gateway may be called alive.
        public var isAlive: Bool { stuck.isEmpty }
    }

    /// - Parameters:
    ///   - beats: when each loop has beaten last.
    ///   - now: on the same clock.
    public mutating func look(at beats: [UInt64], now: UInt64) -> Look {
        // A beat may come between the look at the clock and this one.
        let ages = beats.map { now > $0 ? now - $0 : 0 }
        let stuck = ages.indices.filter { ages[$0] > patience }
        defer { wereStuck = stuck }
        return Look(stuck: stuck, isNews: stuck != wereStuck, longest: ages.max() ?? 0)
    }
}
