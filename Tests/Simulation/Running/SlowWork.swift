import Core

@testable import AdapterHost

/// What would be done on other threads, the gateway's and the adapters', is done later on the run's own; much later where all of
/// them are busy.
final class SlowWork: @unchecked Sendable {
    private let loop: VirtualLoop
    private let chaos: Chaos
    private let oracle: Oracle
    private let trace: Trace
    private var random: SeededRandom
    private var count = 0

    init(_ loop: VirtualLoop, _ chaos: Chaos, _ oracle: Oracle, _ trace: Trace, seed: UInt64) {
        self.loop = loop
        self.chaos = chaos
        self.oracle = oracle
        self.trace = trace
        random = SeededRandom(seed: seed)
    }

    var isUnderWay: Bool { count > 0 }

    var pool: WorkPool { WorkPool(bytes: 512 * 1024 * 1024) { [self] work in take(work) } }

    private func take(_ work: @escaping () -> Void) {
        oracle.sometimes(.workedElsewhere)
        var delay = UInt64.random(in: 1_000...30_000_000, using: &random)
        if chaos.strikes(.slowWork) {
            trace.note("all threads are busy")
            delay = UInt64.random(in: 1_000_000_000...10_000_000_000, using: &random)
        }
        count += 1
        loop.after(delay) { [self] in
            work()
            // Behind what brings its result back.
            loop.soon { [self] in count -= 1 }
        }
    }
}
