import Simulation
import Testing

/// The gateway runs inside a simulation (docs/simulation.md).
@Suite(.serialized) struct SimulationTests {
    private static let threads = 2

    @Test func withoutFaultsEveryRequestIsAnsweredRightly() {
        let batch = Batch.run(from: 1, faults: [], threads: Self.threads) { $0.seeds < 50 }
        for outcome in batch.failed { Issue.record("seed \(outcome.seed), faultless: \(outcome.violation ?? "")") }
    }

    /// `make simulate SEED=n` replays a run that fails here. Seed 806 once found a client that was slow to send its body, and a
    /// backend that was blamed for it.
    @Test(.timeLimit(.minutes(10))) func whateverFaultsStrikeTheRulesHold() {
        let batch = Batch.run(from: 1, threads: Self.threads) { $0.seeds < 2000 }
        for outcome in batch.failed {
            Issue.record("seed \(outcome.seed): \(outcome.violation ?? "")")
        }
        for (rare, count) in zip(Rare.allCases, batch.rare) {
            #expect(count > 0, "no run comes to this: \(rare)")
        }
        for (fault, count) in zip(Fault.allCases, batch.faults) {
            #expect(count > 0, "no run has this fault: \(fault)")
        }
    }

    @Test func theSameSeedDoesTheSame() {
        let one = Batch.run(from: 1, threads: 1) { $0.seeds < 30 }
        let other = Batch.run(from: 1, threads: Self.threads) { $0.seeds < 30 }
        #expect(one.checksum == other.checksum && one.steps == other.steps)
    }
}
