import PluginAPI

/// Whether a task still lives when the host calls back later. After its end the host refuses every call for it: a
/// closure that gets `.ended` cleans up and returns.
enum TaskState: Sendable {
    case alive
    case ended

    fileprivate init(_ status: nexus_status) { self = status == NEXUS_OK ? .alive : .ended }
}

/// A task of the host, and what can be done later on its event loop. All of it is for that loop only: from inside `submit`,
/// `probe`, `cancelled` or a handler. From elsewhere see `Reports.post`.
protocol HostTask: Sendable {
    var handle: nexus_task { get }
    var host: Host { get }
}

extension HostTask {
    /// Calls `body` once on the task's loop: with `.alive` when the time is up, with `.ended` earlier if the timer is
    /// cancelled or the task ends. Never inside this call. The closure is kept until then.
    /// - Parameter milliseconds: at most a day.
    /// - Returns: nil if the host refuses, and then `body` is never called: the task has ended, or it has
    ///   NEXUS_LIMIT_TIMERS timers.
    @discardableResult
    func after(milliseconds: UInt32, _ body: @escaping (TaskState) -> Void) -> TaskTimer? {
        let user = Unmanaged.passRetained(TimerCall(body))
        var timer: nexus_timer = 0
        let status = host.services.timer_start(
            handle, milliseconds,
            { user, _, status in
                guard let user else { return }
                Unmanaged<TimerCall>.fromOpaque(user).takeRetainedValue().body(TaskState(status))
            }, user.toOpaque(), &timer)
        guard status == NEXUS_OK else {
            user.release()
            return nil
        }
        return TaskTimer(handle: timer, host: host)
    }

    /// Runs `work` here if it is small, and else as `runBlocking` does: for work that grows with what others sent.
    /// - Parameter size: bytes that it works on.
    /// - Returns: false: neither is called.
    func run<Result: Sendable>(
        size: Int, _ work: @escaping @Sendable () -> Result, done: @escaping (Result, TaskState) -> Void
    ) -> Bool {
        guard size > LargeWork.inlineLimit else {
            done(work(), .alive)
            return true
        }
        return runBlocking(work, done: done) == NEXUS_OK
    }

    /// Parses an answer, here or on a thread that may block. `done` is not called when the task has ended meanwhile.
    /// - Returns: false: it will not be called at all.
    func parse(_ body: [UInt8], done: @escaping (JSONValue?) -> Void) -> Bool {
        run(size: body.count) {
            try? JSONValue.parse(body, maximumValues: LargeWork.values)
        } done: { value, state in
            if state == .alive { done(value) }
        }
    }

    /// Runs `work` on a thread that may block, then gives its result to `done` on the task's loop. `work` must come to an
    /// end: the backend is removed only after that. Both closures are kept until `done` has returned.
    /// - Returns: NEXUS_OK, or why neither is called: the task has ended, or NEXUS_LIMIT_BLOCKING of the backend wait.
    func runBlocking<Result: Sendable>(
        _ work: @escaping @Sendable () -> Result, done: @escaping (Result, TaskState) -> Void
    ) -> nexus_status {
        let user = Unmanaged<BlockingCall>.passRetained(ResultCall(work, done))
        let status = host.services.run_blocking(
            handle,
            { user in
                guard let user else { return }
                Unmanaged<BlockingCall>.fromOpaque(user).takeUnretainedValue().work()
            },
            { user, _, status in
                guard let user else { return }
                Unmanaged<BlockingCall>.fromOpaque(user).takeRetainedValue().done(TaskState(status))
            }, user.toOpaque())
        if status != NEXUS_OK { user.release() }
        return status
    }
}

/// What is not done on an event loop.
enum LargeWork {
    /// Bytes that are parsed and translated on an event loop: some 5 ms at the worst.
    static let inlineLimit = 64 * 1024
    /// Values of a document that is parsed on an event loop whatever its size, such as a line of a stream.
    static let inlineValues = 100_000
    /// Values of any document: of a request, or of a list that a server gives.
    static let values = 500_000
    /// Values of a whole answer: a thousand embeddings of 4096 numbers.
    static let answerValues = 5_000_000
}

/// What can keep a large request, which is worked on away from the event loop, from being sent.
enum LargeRequest {
    static let tooMany = Failure(
        kind: NEXUS_FAIL_BUSY, message: "too many large requests and answers are worked on at once; try again")

    static func notSent(_ status: nexus_status) -> Failure {
        Failure(kind: NEXUS_FAIL_INTERNAL, message: "the host did not send the request (status \(status))")
    }
}

/// A timer that was started by `after`. On the loop of its task.
struct TaskTimer {
    fileprivate let handle: nexus_timer
    fileprivate let host: Host

    /// Ends the timer: its closure is called with `.ended` in a later turn of the loop. Without effect if it is over.
    func cancel() { _ = host.services.timer_cancel(handle) }
}

extension Reports {
    /// Calls `body` once on the loop of a task, where its services may be used: the way back from a thread of the adapter's
    /// own. From any thread; the order of posts of one thread to one task is kept. The closure is kept until then.
    /// - Returns: NEXUS_OK, or why `body` is never called: there is no such task, or the backend is gone.
    @discardableResult
    func post(to task: nexus_task, _ body: @escaping @Sendable (TaskState) -> Void) -> nexus_status {
        let user = Unmanaged.passRetained(PostedCall(body))
        let status = post(
            task,
            { user, _, status in
                guard let user else { return }
                Unmanaged<PostedCall>.fromOpaque(user).takeRetainedValue().body(TaskState(status))
            }, user.toOpaque())
        if status != NEXUS_OK { user.release() }
        return status
    }
}

// MARK: What crosses as `user`

private final class TimerCall {
    let body: (TaskState) -> Void
    init(_ body: @escaping (TaskState) -> Void) { self.body = body }
}

private final class PostedCall {
    let body: @Sendable (TaskState) -> Void
    init(_ body: @escaping @Sendable (TaskState) -> Void) { self.body = body }
}

/// What the C functions of `runBlocking` see of a call, whatever its result is.
private class BlockingCall {
    func work() {}
    func done(_ state: TaskState) {}
}

private final class ResultCall<Result>: BlockingCall {
    private let makeResult: @Sendable () -> Result
    private let take: (Result, TaskState) -> Void
    /// Written by the worker, read by the loop after the worker has returned: the host orders the two.
    private var result: Result?

    init(_ work: @escaping @Sendable () -> Result, _ done: @escaping (Result, TaskState) -> Void) {
        makeResult = work
        take = done
    }

    override func work() { result = makeResult() }

    override func done(_ state: TaskState) {
        if let result { take(result, state) }
    }
}
