import Glibc
import HTTP1
import NIOCore
import Upstream

/// Carries the events of one HTTP request from an event loop to a thread that waits for them.
///
/// Invariant behind the unchecked Sendable: everything but the two primitives is touched with the mutex held.
final class EventPipe: @unchecked Sendable {
    enum Event {
        case head(ResponseHead, ByteBuffer)
        case body(ByteBuffer)
        case end(UpstreamEnd, UpstreamTimings)
    }

    enum Limits {
        /// Bytes of a body that may wait; beyond it reading pauses.
        static let high = 256 * 1024
    }

    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var events: [Event] = []
    private var waiting = 0
    private var isPaused = false
    private var dropsBody = false

    init() {
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// True: reading is to pause. On the loop.
    func push(_ event: Event) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if case .body(let bytes) = event {
            if dropsBody { return false }
            waiting += bytes.readableBytes
        }
        events.append(event)
        pthread_cond_signal(condition)
        guard waiting > Limits.high, !isPaused else { return false }
        isPaused = true
        return true
    }

    /// Waits for the next events. `resumes`: reading may go on. On the thread that waits.
    func next() -> (events: [Event], resumes: Bool) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while events.isEmpty { pthread_cond_wait(condition, mutex) }
        let taken = events
        events = []
        waiting = 0
        let resumes = isPaused
        isPaused = false
        return (taken, resumes)
    }

    /// The request was cancelled: pieces that wait are not wanted any more, and only the end will come.
    func dropBody() {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        dropsBody = true
        waiting = 0
        events.removeAll { if case .end = $0 { false } else { true } }
    }
}
