import Simulation
import Testing

/// A fleet of which more is asked than it can do.
@Suite struct OverloadTests {
    @Test(arguments: 1...3) func goodputStaysWhenThreeTimesAsMuchIsAsked(seed: UInt64) {
        let best = [0.8, 1, 1.2].map { Overload.run(share: $0, seed: seed).goodput }.max() ?? 0
        let overload = Overload.run(share: 3, seed: seed)

        #expect(best > 0.5 && overload.goodput >= 0.9 * best, "\(overload.goodput) of \(best) a second")
    }

    @Test(arguments: 1...3) func whoCannotBeServedIsToldAtOnce(seed: UInt64) {
        let overload = Overload.run(share: 3, seed: seed)

        #expect(overload.refused > 100 && overload.slowestRefusal < 0.005, "\(overload.slowestRefusal) s")
    }
}
