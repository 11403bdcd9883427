import Core
import NIOCore
import Synchronization

/// Ends backends that something else stands for now, as soon as what they have under way has ended.
final class Retirement: Sendable {
    private let updates: LoopUpdates
    private let tasks = Mutex<[UInt64: Task<Void, Never>]>([:])
    private let next = Atomic<UInt64>(0)

    init(updates: LoopUpdates) { self.updates = updates }

    /// The registry must not name the backend any more, or not for new exchanges. Returns when no loop will give it
    /// anything new; `ended` is called later, when the instance is gone.
    func retire(_ backend: any BackendDriver, ended: @escaping @Sendable () -> Void = {}) async {
        await updates.delivered()
        backend.retire()
        let number = next.add(1, ordering: .relaxed).newValue
        tasks.withLock { tasks in
            tasks[number] = Task { [self] in
                await backend.end()
                ended()
                self.tasks.withLock { $0[number] = nil }
            }
        }
    }

    /// Backends that are on their way out.
    var count: Int { tasks.withLock { $0.count } }
}
