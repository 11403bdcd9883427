import Simulation
import Testing

@Suite(.serialized) struct SimulationTests {
    @Test func withoutFaultsEveryRequestIsAnsweredRightly() {
        for seed in 1...20 as ClosedRange<UInt64> {
            let outcome = Simulation.run(seed: seed, faults: [])
            #expect(outcome.violation == nil, "seed \(seed)")
        }
    }

    @Test func theSameSeedDoesTheSame() {
        for seed in 1...10 as ClosedRange<UInt64> {
            #expect(Simulation.run(seed: seed).checksum == Simulation.run(seed: seed).checksum, "seed \(seed)")
        }
    }
}
