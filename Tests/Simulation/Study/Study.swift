import AdapterHost
import Core
import Dispatch
import Synchronization

/// How the strategies do in the same situations. The same in every process.
public enum Study {
    /// One strategy in one scenario, over all seeds.
    public struct Row: Sendable {
        public let scenario: StudyScenario
        public let strategy: Configuration.Routing.Strategy
        let outcome: StudyRun.Outcome

        public var mean: Double { outcome.mean }
        public var median: Double { outcome.percentile(50) }
        public var p99: Double { outcome.percentile(99) }
        public var retries: Int { outcome.retries }
        public var loads: Int { outcome.loads }
        public var failed: Int { outcome.failed }
        /// All that was measured.
        public var figures: [Double] { outcome.waits + outcome.served.map(Double.init) }
        public var answered: Int { outcome.waits.count }
        /// Of the requests, in percent, how many would have to be elsewhere for each backend to do its part of the work.
        public var displaced: Double {
            let all = Double(max(1, outcome.served.reduce(0, +)))
            let sum = outcome.capacity.reduce(0, +)
            return zip(outcome.served, outcome.capacity).reduce(0) {
                $0 + abs(Double($1.0) / all - $1.1 / sum) * 50
            }
        }
    }

    /// - Parameters:
    ///   - seeds: nil: as many as the scenario wants.
    ///   - threads: that work at once.
    ///   - tell: called with each row when it is there, on any thread.
    public static func run(
        _ scenarios: [StudyScenario], seeds: ClosedRange<UInt64>? = nil, threads: Int,
        tell: @escaping @Sendable (Row) -> Void = { _ in }
    ) -> [Row] {
        let work = scenarios.flatMap { scenario in
            Configuration.Routing.Strategy.allCases.map { (scenario, $0) }
        }
        let state = Mutex((next: 0, rows: [Row?](repeating: nil, count: work.count)))
        let shared = Shared(state)
        let done = DispatchGroup()
        for _ in 0..<max(1, threads) {
            done.enter()
            DetachedThread.run("study") {
                while let index = shared.take(work.count) {
                    let (scenario, strategy) = work[index]
                    var all = StudyRun.Outcome()
                    for seed in seeds ?? 1...scenario.runs { all.add(StudyRun.run(scenario, strategy, seed: seed)) }
                    let row = Row(scenario: scenario, strategy: strategy, outcome: all)
                    shared.set(row, at: index)
                    tell(row)
                }
                done.leave()
            }
        }
        done.wait()
        return shared.rows.compactMap { $0 }
    }

    private final class Shared: Sendable {
        private let state: Mutex<(next: Int, rows: [Row?])>
        init(_ state: consuming sending Mutex<(next: Int, rows: [Row?])>) { self.state = state }
        func take(_ count: Int) -> Int? {
            state.withLock { state in
                guard state.next < count else { return nil }
                state.next += 1
                return state.next - 1
            }
        }
        func set(_ row: Row, at index: Int) { state.withLock { $0.rows[index] = row } }
        var rows: [Row?] { state.withLock { $0.rows } }
    }

    /// How much worse `smart` is than the best of the others, in percent; below zero: it is better.
    public struct Verdict: Sendable {
        public let scenario: StudyScenario
        public let mean: Double
        public let median: Double
        public let p99: Double
        public let bestMean: Configuration.Routing.Strategy
        public let bestMedian: Configuration.Routing.Strategy
        public let bestP99: Configuration.Routing.Strategy
    }

    public static func verdicts(_ rows: [Row]) -> [Verdict] {
        var verdicts: [Verdict] = []
        for row in rows where row.strategy == .smart {
            let others = rows.filter { $0.scenario.title == row.scenario.title && $0.strategy != .smart }
            guard let mean = others.min(by: { $0.mean < $1.mean }), let p99 = others.min(by: { $0.p99 < $1.p99 }),
                let median = others.min(by: { $0.median < $1.median })
            else { continue }
            verdicts.append(
                Verdict(
                    scenario: row.scenario, mean: (row.mean / mean.mean - 1) * 100,
                    median: (row.median / median.median - 1) * 100, p99: (row.p99 / p99.p99 - 1) * 100,
                    bestMean: mean.strategy, bestMedian: median.strategy, bestP99: p99.strategy))
        }
        return verdicts
    }
}
