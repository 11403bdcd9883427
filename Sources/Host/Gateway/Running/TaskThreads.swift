import AdapterHost
import Glibc
import Shims
import Synchronization
@_spi(ExperimentalCustomExecutors) @_spi(ExperimentalScheduling) import _Concurrency

/// The threads on which the tasks of this process run: the gateway's, and those of adapters that are written in Swift.
///
/// They are there because of what Swift does otherwise: its tasks go to libdispatch, which opens a file of /proc for each of its
/// threads once a second while work waits (`_dispatch_workq_monitor_pools`), needs descriptors for timers too, and ends the
/// process when it gets none. A gateway that is short of descriptors must refuse connections, not die.
///
/// A task that blocks keeps its thread. `TaskQueue` says when others take its place, and how many at most; when all of those
/// block, further tasks and timers wait. No event loop waits for any of them.
///
/// Invariant: every piece that is enqueued is run exactly once. It is in the queue until `take`, for which there is one signal
/// for each piece, and the thread that took it runs it.
package final class TaskThreads: TaskExecutor, SchedulingExecutor {
    enum Limits {
        /// Threads when some of them block.
        static let threads = 64
    }

    private let queue: Mutex<TaskQueue<UnownedJob>>
    /// One signal for each piece that is ready.
    private let work = Wakeup()
    /// A look is needed before it was planned.
    private let time = Wakeup()

    /// - Parameters:
    ///   - few: threads that are started as they are needed, and stay.
    ///   - limit: threads there may be when some of them block.
    package init(few: Int, limit: Int) {
        queue = Mutex(TaskQueue(few: few, limit: limit))
    }

    /// Starts the thread that keeps the time. Without it nothing may be enqueued.
    /// - Returns: false if the system has no thread left.
    package func start() -> Bool { DetachedThread.start("nexus-timers") { self.keepTime() } }

    // MARK: What Swift's runtime calls, on any thread

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        switch queue.withLock({ $0.add(job, now: Self.now) }) {
        case .nothing: break
        case .thread:
            if !startThread() { time.signal() }
        case .look: time.signal()
        }
        work.signal()
    }

    package func enqueue<C: Clock>(
        _ job: consuming ExecutorJob, after delay: C.Duration, tolerance: C.Duration?, clock: C
    ) {
        // The clocks of the system measure in seconds. What another one means by its durations only it knows.
        guard let delay = delay as? Duration, delay > .zero else { return enqueue(job) }
        let job = UnownedJob(job)
        let (due, overflow) = Self.now.addingReportingOverflow(delay.nanoseconds)
        if queue.withLock({ $0.add(job, due: overflow ? .max : due) }) { time.signal() }
    }

    package func enqueue<C: Clock>(
        _ job: consuming ExecutorJob, at instant: C.Instant, tolerance: C.Duration?, clock: C
    ) {
        enqueue(job, after: clock.now.duration(to: instant), tolerance: tolerance, clock: clock)
    }

    // MARK: Threads

    /// False if the system has no thread left. The ones that are there do the work meanwhile.
    private func startThread() -> Bool {
        let isStarted = DetachedThread.start("nexus-tasks") { self.run() }
        if !isStarted { queue.withLock { $0.threadFailed() } }
        return isStarted
    }

    private func run() {
        repeat {
            work.wait()
            queue.withLock { $0.take() }?.runSynchronously(on: asUnownedTaskExecutor())
        } while queue.withLock { $0.finished() }
    }

    private func keepTime() {
        while true {
            let look = queue.withLock { $0.look(now: Self.now) }
            for _ in 0..<look.threads { _ = startThread() }
            for _ in 0..<look.due { work.signal() }
            time.wait(until: look.next)
        }
    }

    /// Nanoseconds of the monotonic clock.
    private static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

extension TaskThreads {
    /// Runs `program` with the tasks of the whole process on threads of its own, and those of the main actor on the calling
    /// thread, which is the process's first one. To be called before anything has made a task. Does not return.
    /// - Parameter program: ends the process.
    package static func run(_ program: @escaping @Sendable () async -> Never) -> Never {
        guard shared.start() else {
            _ = write(STDERR_FILENO, noThread, noThread.count)
            exit(1)
        }
        _createExecutors(factory: Factory.self)
        Task.detached { await program() }
        FirstThread.shared.serve()
    }

    private static let noThread = Array("nexus: the system has no thread left for this process\n".utf8)

    private static let shared = TaskThreads(few: max(2, Int(nexus_available_processors())), limit: Limits.threads)

    private enum Factory: ExecutorFactory {
        static var mainExecutor: any MainExecutor { FirstThread.shared }
        static var defaultExecutor: any TaskExecutor { TaskThreads.shared }
    }
}

/// Runs what is the main actor's: nothing of the gateway, but adapters may have such code.
private final class FirstThread: MainExecutor {
    static let shared = FirstThread()
    private let jobs = Mutex<[UnownedJob]>([])
    private let something = Wakeup()
    private let thread = pthread_self()

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
        something.signal()
    }

    func run() throws { serve() }

    func serve() -> Never {
        while true {
            something.wait()
            let ready = jobs.withLock { jobs in
                defer { jobs = [] }
                return jobs
            }
            for job in ready { job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
    }

    /// The process ends by `exit`.
    func stop() {}

    var isMainExecutor: Bool { true }
    func isIsolatingCurrentContext() -> Bool? { pthread_equal(pthread_self(), thread) != 0 }
    func checkIsolated() { precondition(isIsolatingCurrentContext() == true, "not on the main actor's thread") }
}

extension Duration {
    /// At least 0, at most what fits.
    fileprivate var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = UInt64(clamping: seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (all, carry) = whole.addingReportingOverflow(UInt64(clamping: attoseconds / 1_000_000_000))
        return overflow || carry ? .max : all
    }
}
