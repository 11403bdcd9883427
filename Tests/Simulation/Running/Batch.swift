import AdapterHost
import Core
import Dispatch
import Shims
import Synchronization

/// Many runs, on some threads at once: each run has a thread to itself.
public struct Batch: Sendable {
    public private(set) var seeds: UInt64 = 0
    public private(set) var virtualSeconds = 0.0
    public private(set) var steps: UInt64 = 0
    public private(set) var asks = 0
    /// Of all runs: the same for the same seeds, in every process.
    public private(set) var checksum: UInt64 = 0
    /// In the order of `Fault.allCases` and `Rare.allCases`.
    public private(set) var faults = Fault.allCases.map { _ in 0 }
    public private(set) var rare = Rare.allCases.map { _ in 0 }
    public private(set) var failed: [Simulation.Outcome] = []

    private mutating func add(_ outcome: Simulation.Outcome) {
        seeds += 1
        virtualSeconds += outcome.virtualSeconds
        steps += outcome.steps
        asks += outcome.asks
        checksum &+= (outcome.checksum &+ outcome.steps) &* (outcome.seed | 1)
        for (index, count) in outcome.faults.enumerated() { faults[index] += count }
        for (index, count) in outcome.rare.enumerated() { rare[index] += count }
        if outcome.violation != nil { failed.append(outcome) }
    }

    /// Runs seed after seed, from `first` on.
    /// - Parameters:
    ///   - goesOn: asked before each, with what there was until then.
    ///   - tell: called with each outcome, on one of the threads.
    public static func run(
        from first: UInt64, faults: [Fault] = Fault.allCases, threads: Int,
        while goesOn: @escaping @Sendable (Batch) -> Bool,
        tell: @escaping @Sendable (Simulation.Outcome) -> Void = { _ in }
    ) -> Batch {
        let shared = Shared(next: first)
        let done = DispatchGroup()
        for _ in 0..<max(1, threads) {
            done.enter()
            DetachedThread.run("simulation") {
                while let seed = shared.take(goesOn) {
                    // A crash tells the name of its thread.
                    nexus_name_thread("seed \(seed)")
                    let outcome = Simulation.run(seed: seed, faults: faults)
                    shared.batch.withLock { $0.batch.add(outcome) }
                    tell(outcome)
                }
                done.leave()
            }
        }
        done.wait()
        return shared.batch.withLock { $0.batch }
    }

    private final class Shared: Sendable {
        struct State {
            var batch = Batch()
            var next: UInt64
            var started: UInt64 = 0
        }
        let batch: Mutex<State>
        init(next: UInt64) { batch = Mutex(State(next: next)) }

        func take(_ goesOn: (Batch) -> Bool) -> UInt64? {
            batch.withLock { state in
                // With those that are under way.
                var sofar = state.batch
                sofar.seeds = state.started
                guard goesOn(sofar) else { return nil }
                defer {
                    state.next += 1
                    state.started += 1
                }
                return state.next
            }
        }
    }
}
