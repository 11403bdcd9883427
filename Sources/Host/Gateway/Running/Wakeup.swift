import Glibc
import Shims

/// What one thread waits for and another tells. Needs no descriptor.
///
/// Invariant behind the unchecked Sendable: a semaphore is made for use by several threads.
final class Wakeup: @unchecked Sendable {
    private let pointer: UnsafeMutablePointer<sem_t>

    init() {
        pointer = .allocate(capacity: 1)
        sem_init(pointer, 0, 0)
    }

    deinit {
        sem_destroy(pointer)
        pointer.deallocate()
    }

    func signal() { sem_post(pointer) }

    func wait() { while sem_wait(pointer) != 0 {} }

    /// Waits for a signal, but no longer than until that time; may end early.
    /// - Parameter time: nanoseconds of the monotonic clock; nil: for ever.
    func wait(until time: UInt64?) {
        guard let time else { return wait() }
        nexus_wait_until(pointer, time)
    }
}
