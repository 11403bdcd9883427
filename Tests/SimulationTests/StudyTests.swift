import Simulation
import Testing

/// How the strategies do, in a small part of what `make routing-study` runs (docs/routing.md).
@Suite(.serialized) struct StudyTests {
    /// Of all it is the one that is never far from the best.
    @Test(.timeLimit(.minutes(5))) func smartLosesToNoneByMuchAndWinsWhereModelsAreLoadedUnevenly() {
        let rows = Study.run(StudyScenario.few, seeds: 1...2, threads: 2)
        for verdict in Study.verdicts(rows) {
            let bound = verdict.scenario.isOfModels ? -50.0 : 5
            #expect(verdict.mean < bound, "\(verdict.scenario.title): the mean, beside \(verdict.bestMean.rawValue)")
            #expect(verdict.p99 < bound, "\(verdict.scenario.title): p99, beside \(verdict.bestP99.rawValue)")
        }
        for row in rows where row.strategy == .smart {
            #expect(row.failed * 100 <= row.answered, "\(row.scenario.title): \(row.failed) failed")
        }
    }

    @Test func theSameSeedMakesTheSameFigures() {
        let scenarios = Array(StudyScenario.few.prefix(2))
        let one = Study.run(scenarios, seeds: 1...1, threads: 1).map(\.figures)
        let other = Study.run(scenarios, seeds: 1...1, threads: 2).map(\.figures)
        #expect(one == other)
    }
}
