import NIOCore
import Synchronization

/// Whether a change waits for a loop. A loop takes what is readable before its tasks, so that a request can come to it sooner
/// than the visit that brings a change of which the client has already heard at another loop; it looks here first.
final class LoopNews: Sendable {
    fileprivate let isWaiting = Atomic<Bool>(false)

    /// On any thread; one read of an atomic.
    var waits: Bool { isWaiting.load(ordering: .acquiring) }
}

/// Tells all loops that the registry or the settings have changed. However often that is: one visit to a loop is under way
/// at a time, and it brings what is newest then.
final class LoopUpdates: Sendable {
    private struct Target: Sendable {
        let loop: NIOLoopBound<LoopState>
        let news: LoopNews
    }

    private let targets = Mutex<[Target]>([])

    /// One more loop is told from now on. On that loop.
    func join(_ loop: LoopState) {
        let target = Target(loop: NIOLoopBound(loop, eventLoop: loop.eventLoop), news: loop.news)
        targets.withLock { $0.append(target) }
        loop.refresh()
    }

    /// From here on no loop is told: the loops have the registry, which has these.
    func end() { targets.withLock { $0 = [] } }

    /// Callable from any thread; returns at once. Requests whose heads come later see the change.
    func send() {
        for target in targets.withLock({ $0 }) {
            guard
                target.news.isWaiting.compareExchange(
                    expected: false, desired: true, ordering: .acquiringAndReleasing
                ).exchanged
            else { continue }
            target.loop.eventLoop.execute {
                // First, so that a change from here on brings another visit.
                target.news.isWaiting.store(false, ordering: .sequentiallyConsistent)
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
