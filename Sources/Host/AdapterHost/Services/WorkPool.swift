import NIOPosix
import Shims
import Synchronization

/// Threads for work that would hold up an event loop: what blocks, and what takes long because others made it large.
public final class WorkPool: Sendable {
    /// `run_blocking` of all adapters together. A function that never returns keeps one of the threads.
    static let adapters = WorkPool(threads: 16, bytes: .max)

    /// The gateway's own: reading, translating and writing what is large. Apart from the adapters', which can keep theirs, and
    /// no more than the processors, so that the event loops are not starved.
    public static let gateway = WorkPool(
        threads: max(2, min(8, Int(nexus_available_processors()))), bytes: 512 * 1024 * 1024)

    /// Has work done elsewhere, soon.
    private let run: @Sendable (@escaping @Sendable () -> Void) -> Void
    /// Bytes that may wait or be worked on at once.
    private let limit: Int
    private let bytes = Atomic<Int>(0)

    /// The threads are started now, and live as long as the process.
    convenience init(threads: Int, bytes: Int) {
        let pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
        self.init(bytes: bytes) { work in
            pool.submit { _ in
                nexus_yield_to_loops()
                work()
            }
        }
    }

    /// - Parameter run: has what it is given done soon, never inside the call.
    package init(bytes: Int, run: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void) {
        limit = bytes
        self.run = run
    }

    /// Runs `work` soon on one of the threads.
    /// - Parameter size: bytes that it works on.
    /// - Returns: false, and nothing is done, if too much waits already. Work that finds nothing before it is always taken.
    public func submit(size: Int, _ work: @escaping @Sendable () -> Void) -> Bool {
        let size = max(1, size)
        let (before, now) = bytes.add(size, ordering: .relaxed)
        guard before <= 0 || now <= limit else {
            bytes.subtract(size, ordering: .relaxed)
            return false
        }
        run {
            work()
            self.bytes.subtract(size, ordering: .relaxed)
        }
        return true
    }
}
