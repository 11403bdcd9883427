import Simulation
import Testing

/// Faults that are put in on purpose, several at a time: each of these runs has one thread.
@Suite struct PlantedFaultTests {
    @Test(arguments: PlantedFault.allCases) func theOracleFindsWhatIsPlanted(_ planted: PlantedFault) {
        let found = (1...400 as ClosedRange<UInt64>).lazy.compactMap {
            Simulation.run(seed: $0, faults: planted.faults, planted: planted).violation
        }.first
        #expect(planted.words.contains { found?.contains($0) == true }, "\(found ?? "nothing was found")")
    }
}
