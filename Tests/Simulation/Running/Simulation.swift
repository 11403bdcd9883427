import Core

/// A run of the gateway that one number decides.
public enum Simulation {
    /// Tasks of the loop after which a run is held to have no end.
    private static let stepLimit: UInt64 = 2_000_000

    /// What came of one run.
    public struct Outcome: Sendable {
        public let seed: UInt64
        /// What did not hold; nil: all did.
        public let violation: String?
        public let virtualSeconds: Double
        public let steps: UInt64
        public let asks: Int
        /// In the order of `Fault.allCases` and `Rare.allCases`.
        public let faults: [Int]
        public let rare: [Int]
        /// Of everything that happened: the same for the same seed.
        public let checksum: UInt64
        /// The last things that happened, if it was not printed.
        public let lines: [String]
    }

    /// - Parameters:
    ///   - faults: that may strike; none: all must go well.
    ///   - planted: a fault of the gateway, to see whether it is found.
    ///   - prints: what happens, as it happens.
    public static func run(
        seed: UInt64, faults: [Fault] = Fault.allCases, planted: PlantedFault? = nil, prints: Bool = false
    ) -> Outcome {
        do {
            let world = try World(seed: seed, faults: faults, planted: planted, prints: prints)
            world.run(stepLimit: stepLimit)
            let steps = world.loop.steps
            let seconds = Double(world.loop.elapsed) / 1e9
            let (checksum, lines, rare) = (world.trace.checksum, world.trace.lines, world.oracle.rares.counts)
            world.end()
            return Outcome(
                seed: seed, violation: world.oracle.violation, virtualSeconds: seconds, steps: steps,
                asks: world.book.notes.count, faults: world.chaos.counts, rare: rare,
                checksum: checksum,
                lines: lines)
        } catch {
            return Outcome(
                seed: seed, violation: "the run cannot be set up: \(error)", virtualSeconds: 0, steps: 0, asks: 0,
                faults: [], rare: [], checksum: 0, lines: [])
        }
    }
}
