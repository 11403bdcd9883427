import NIOCore
import Synchronization

/// Tells all loops that the registry or the settings have changed. However often that is: one visit to a loop is under way
/// at a time, and it brings what is newest then.
final class LoopUpdates: Sendable {
    private final class Target: Sendable {
        let loop: NIOLoopBound<LoopState>
        let isUnderWay = Atomic<Bool>(false)
        init(_ loop: NIOLoopBound<LoopState>) { self.loop = loop }
    }

    private let targets = Mutex<[Target]>([])

    func set(_ loops: [NIOLoopBound<LoopState>]) {
        targets.withLock { $0 = loops.map(Target.init) }
        send()
    }

    /// Callable from any thread; returns at once.
    func send() {
        for target in targets.withLock({ $0 }) {
            guard
                target.isUnderWay.compareExchange(
                    expected: false, desired: true, ordering: .acquiringAndReleasing
                ).exchanged
            else { continue }
            target.loop.eventLoop.execute {
                // First, so that a change from here on brings another visit.
                target.isUnderWay.store(false, ordering: .sequentiallyConsistent)
                target.loop.value.refresh()
            }
        }
    }

    /// Returns when every loop works with what is newest now.
    func delivered() async {
        for target in targets.withLock({ $0 }) {
            let loop = target.loop
            try? await loop.eventLoop.submit { loop.value.refresh() }.get()
        }
    }
}
