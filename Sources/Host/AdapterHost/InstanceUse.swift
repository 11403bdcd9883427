import ABIRules
import Synchronization

/// What must end before an instance may be destroyed, and how much of it there may be. Whoever begins something looks at
/// `isRetired` after it has pinned: then either the one who retires sees the pin, or the one who pins sees that it is retired. On
/// any thread.
final class InstanceUse: Sendable {
    /// Tasks, HTTP requests, timers, blocking work, actions.
    private let pins = Atomic<Int>(0)
    private let blocking = Atomic<Int>(0)
    /// Functions given to `post` that were not called yet.
    private let posts = Atomic<Int>(0)
    private let retired = Atomic<Bool>(false)
    private let onIdle = Mutex<(@Sendable () -> Void)?>(nil)

    // MARK: Beginnings and ends

    func pin() { pins.add(1, ordering: .sequentiallyConsistent) }

    func unpin() {
        if pins.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 { tellIdle() }
    }

    /// False if there is as much blocking work as there may be. Each true is followed by one `endBlocking`.
    func beginBlocking() -> Bool {
        guard blocking.add(1, ordering: .relaxed).newValue <= ABILimits.blocking else {
            blocking.subtract(1, ordering: .relaxed)
            return false
        }
        pin()
        return true
    }

    func endBlocking() {
        blocking.subtract(1, ordering: .relaxed)
        unpin()
    }

    /// False if as many posts wait as may wait. Each true is followed by one `endPost`.
    func beginPost() -> Bool {
        guard posts.add(1, ordering: .sequentiallyConsistent).newValue <= ABILimits.posts else {
            endPost()
            return false
        }
        return true
    }

    func endPost() {
        if posts.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 { tellIdle() }
    }

    // MARK: The end

    /// Nothing new may begin.
    var isRetired: Bool { retired.load(ordering: .sequentiallyConsistent) }

    func retire() { retired.store(true, ordering: .sequentiallyConsistent) }

    var isOver: Bool { isUnpinned && arePostsCalled }

    /// Returns when nothing is pinned any more. Only after `retire`.
    func untilUnpinned() async { await until { $0.isUnpinned } }

    /// Returns when every function that was posted has been called. Only after `retire`.
    func untilPostsAreCalled() async { await until { $0.arePostsCalled } }

    private var isUnpinned: Bool { pins.load(ordering: .sequentiallyConsistent) == 0 }
    private var arePostsCalled: Bool { posts.load(ordering: .sequentiallyConsistent) == 0 }

    /// Returns once `isSo` holds. It is called again whenever a count reaches zero.
    private func until(_ isSo: @escaping @Sendable (InstanceUse) -> Bool) async {
        await withCheckedContinuation { continuation in
            let once = Once { continuation.resume() }
            let ask: @Sendable () -> Void = { [self] in if isSo(self) { once.run() } }
            onIdle.withLock { $0 = ask }
            ask()
        }
        // The closure holds this object.
        onIdle.withLock { $0 = nil }
    }

    private final class Once: Sendable {
        private let action: Mutex<(@Sendable () -> Void)?>
        init(_ action: @escaping @Sendable () -> Void) { self.action = Mutex(action) }
        func run() {
            let action = action.withLock { action in
                defer { action = nil }
                return action
            }
            action?()
        }
    }

    private func tellIdle() {
        if isRetired { onIdle.withLock { $0 }?() }
    }
}
