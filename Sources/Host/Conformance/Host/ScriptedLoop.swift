import AdapterHost
import Glibc
import PluginAPI

/// An event loop that an adapter's tasks live on, without sockets and with a clock of its own: time passes only when nothing
/// else is left to do, so that no check waits. To be used on one thread.
final class ScriptedLoop {
    /// How long an adapter's own threads get, in real time, before an exchange that nothing moves is given up.
    private static let patience = 1000

    let index: Int
    let inbox: Inbox
    /// How the server answers.
    let respond: (UpstreamRequest) -> Arrival
    /// What requests, timers and blocking work are refused with; `NEXUS_OK`: they are not.
    let refusal: nexus_status
    /// Milliseconds.
    private(set) var now: UInt64 = 0
    private var queue: [() -> Void] = []
    private var next = 0
    private var timed: [(time: UInt64, job: () -> Void)] = []
    private var number: UInt64 = 0
    private var tasks: [nexus_task: ScriptedTask] = [:]
    private var enders: [nexus_task: ScriptedTask.Ender] = [:]
    private var requests: [nexus_http: ScriptedRequest] = [:]
    private var timers: [nexus_timer: ScriptedTimer] = [:]
    /// Requests whose memory an adapter may still point into; kept as long as the loop.
    private var past: [ScriptedRequest] = []
    /// Work on other threads that has not come back.
    private var blocking = 0
    /// Threads of the process that are not the adapter's.
    private let ownThreads: Int

    var breaches: Breaches { inbox.breaches }

    init(
        breaches: Breaches, ownThreads: Int, refusal: nexus_status = NEXUS_OK,
        respond: @escaping (UpstreamRequest) -> Arrival
    ) {
        self.refusal = refusal
        inbox = Inbox(breaches: breaches)
        index = Inbox.register(inbox)
        self.ownThreads = ownThreads
        self.respond = respond
    }

    deinit {
        close()
        Inbox.remove(index)
    }

    // MARK: Running

    /// Does `body` as this loop: the adapter may call the services of a loop from it.
    func inside<Result>(_ body: () -> Result) -> Result {
        let outer = LoopThread.loop
        LoopThread.bind(self)
        defer { LoopThread.bind(outer) }
        return body()
    }

    func later(_ job: @escaping () -> Void) { queue.append(job) }

    func after(_ milliseconds: UInt64, _ job: @escaping () -> Void) {
        let time = now + milliseconds
        var place = timed.count
        while place > 0, timed[place - 1].time > time { place -= 1 }
        timed.insert((time, job), at: place)
    }

    /// Runs until nothing is left to happen: every exchange has ended or met its deadline.
    func settle() {
        inside {
            while true {
                if turn() { continue }
                if blocking > 0 {
                    _ = inbox.wait(milliseconds: 100)
                } else if isMovedByThreads, inbox.wait(milliseconds: Self.patience) {
                    continue
                } else if let first = timed.first {
                    timed.removeFirst()
                    now = max(now, first.time)
                    first.job()
                } else {
                    return
                }
            }
        }
    }

    /// Settles, does what other threads have posted until now, and takes nothing from them any more.
    func close() {
        settle()
        inside { for job in inbox.close() { job(self) } }
        settle()
    }

    /// Runs at most so many turns of the loop.
    func run(turns: Int) {
        inside {
            for _ in 0..<turns where !turn() { return }
        }
    }

    /// Runs until about 16 MB of body were delivered; false if nothing was left to do.
    func runSome() -> Bool {
        inside {
            for turn in 0..<256 where !self.turn() { return turn > 0 }
            return true
        }
    }

    /// Does the next thing; false if there is none.
    private func turn() -> Bool {
        for job in inbox.take() { later { job(self) } }
        guard next < queue.count else { return false }
        let job = queue[next]
        next += 1
        if next == queue.count || next > 4096 {
            queue.removeFirst(next)
            next = 0
        }
        job()
        return true
    }

    /// A task lives that nothing on this loop will move, and the adapter has threads that might.
    private var isMovedByThreads: Bool {
        tasks.values.contains { $0.requests.isEmpty && $0.timers.isEmpty } && ProcessState.threadCount > ownThreads
    }

    private func handle(_ kind: UInt64) -> UInt64 {
        number += 1
        return Inbox.Handle.make(loop: index, kind: kind, number: number)
    }

    // MARK: Tasks

    func begin(
        _ purpose: ScriptedTask.Purpose, _ backend: ScriptedBackend, timeout: UInt64, requestBody: [UInt8] = []
    ) -> ScriptedTask {
        let task = ScriptedTask(
            handle(Inbox.Handle.task), purpose, backend: backend, deadline: now + timeout, requestBody: requestBody)
        tasks[task.handle] = task
        after(timeout) { [weak self] in self?.expire(task) }
        return task
    }

    func task(_ handle: nexus_task) -> ScriptedTask? { tasks[handle] }

    /// The task is over; its handle is stale, and its requests and timers come to their ends in later turns.
    func retire(_ task: ScriptedTask, by ender: ScriptedTask.Ender) {
        guard task.isLive else { return }
        task.ender = ender
        tasks[task.handle] = nil
        enders[task.handle] = ender
        for timer in task.timers { cancel(timer: timer) }
        for request in task.requests { cancel(request) }
    }

    /// The client went away.
    func cancel(_ task: ScriptedTask) {
        guard task.isLive else { return }
        retire(task, by: .cancelled)
        tellCancelled(task)
    }

    private func tellCancelled(_ task: ScriptedTask) {
        // Before what `retire` queued: the header has the requests' ends follow the call.
        queue.insert({ task.backend.cancel(task.handle) }, at: next)
    }

    private func expire(_ task: ScriptedTask) {
        guard task.isLive else { return }
        task.isExpired = true
        for request in task.requests { end(request, NEXUS_HTTP_TIMED_OUT, "the server did not answer in time") }
        // A report that the end of a request has led to ends the task, and comes by the inbox.
        for job in inbox.take() { job(self) }
        guard task.isLive else { return }
        retire(task, by: .deadline)
        tellCancelled(task)
    }

    /// Tells what was wrong with a call about a task that does not live.
    func refuse(_ handle: nexus_task, _ call: String) -> nexus_status {
        switch enders[handle] {
        case .adapter?:
            let isEnd = call == "exchange_finish" || call == "exchange_fail"
            breaches.record(isEnd ? .endedTwice : .afterEnd, "\(call) after the adapter had ended the exchange")
        case nil: breaches.record(.unknownHandle, "\(call) with a handle that never was")
        default: break
        }
        return NEXUS_STALE
    }

    // MARK: HTTP requests

    func start(
        _ task: ScriptedTask, _ request: UpstreamRequest, _ handlers: nexus_http_handlers,
        _ user: UnsafeMutableRawPointer?, timeout: UInt32
    ) -> nexus_http {
        let started = ScriptedRequest(
            handle(Inbox.Handle.request), task: task, arrival: respond(request), handlers: handlers, user: user)
        task.sent.append(request)
        task.requests.append(started)
        requests[started.handle] = started
        past.append(started)
        schedule(started)
        if timeout > 0 {
            after(UInt64(timeout)) { [weak self] in
                self?.end(started, NEXUS_HTTP_TIMED_OUT, "the server did not answer in time")
            }
        }
        return started.handle
    }

    private func schedule(_ request: ScriptedRequest) {
        let delay = request.arrival.delay
        if delay == 0 {
            later { self.advance(request) }
        } else {
            after(delay) { self.advance(request) }
        }
    }

    private func advance(_ request: ScriptedRequest) {
        guard !request.isOver, !request.isCancelled else { return }
        let arrival = request.arrival
        let step = request.step
        request.step += 1
        if let answer = arrival.answer, step == 0 {
            request.deliverHead(answer)
        } else if arrival.answer != nil, step - 1 < arrival.pieces.count {
            request.deliver(arrival.pieces[step - 1])
        } else if let result = arrival.end {
            return end(request, result, arrival.message)
        } else {
            return
        }
        schedule(request)
    }

    func end(_ request: ScriptedRequest, _ result: nexus_http_result, _ message: String) {
        guard !request.isOver else { return }
        // It counts until on_end has returned.
        request.deliverEnd(result, message)
        request.task.requests.removeAll { $0 === request }
        requests[request.handle] = nil
    }

    func cancel(_ request: ScriptedRequest) {
        guard !request.isOver, !request.isCancelled else { return }
        request.isCancelled = true
        later { self.end(request, NEXUS_HTTP_CANCELLED, "") }
    }

    func request(_ handle: nexus_http) -> ScriptedRequest? { requests[handle] }

    // MARK: Timers and work

    final class ScriptedTimer {
        let task: ScriptedTask
        let function: nexus_timer_end
        let user: UnsafeMutableRawPointer?
        init(_ task: ScriptedTask, _ function: @escaping nexus_timer_end, _ user: UnsafeMutableRawPointer?) {
            self.task = task
            self.function = function
            self.user = user
        }
    }

    func start(
        timer milliseconds: UInt32, _ task: ScriptedTask, _ function: @escaping nexus_timer_end,
        _ user: UnsafeMutableRawPointer?
    ) -> nexus_timer {
        let handle = handle(Inbox.Handle.timer)
        timers[handle] = ScriptedTimer(task, function, user)
        task.timers.insert(handle)
        after(UInt64(milliseconds)) { [weak self] in self?.fire(handle, NEXUS_OK) }
        return handle
    }

    private func fire(_ handle: nexus_timer, _ status: nexus_status) {
        guard let timer = timers.removeValue(forKey: handle) else { return }
        timer.task.timers.remove(handle)
        timer.function(timer.user, handle, status)
    }

    /// False if the handle names nothing.
    @discardableResult
    func cancel(timer handle: nexus_timer) -> Bool {
        guard timers[handle] != nil else { return false }
        later { self.fire(handle, NEXUS_STALE) }
        return true
    }

    /// Invariant behind the unchecked Sendable: C functions and a context that the adapter guards.
    private struct Work: @unchecked Sendable {
        let task: nexus_task
        let work: @convention(c) (UnsafeMutableRawPointer?) -> Void
        let done: nexus_posted
        let user: UnsafeMutableRawPointer?
    }

    func runBlocking(
        _ task: nexus_task, _ work: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void,
        _ done: @escaping nexus_posted, _ user: UnsafeMutableRawPointer?
    ) {
        blocking += 1
        let crossing = Work(task: task, work: work, done: done, user: user)
        let inbox = inbox
        DetachedThread.run("blocking") {
            crossing.work(crossing.user)
            inbox.push { loop in
                loop.blocking -= 1
                loop.posted(crossing.task, crossing.done, crossing.user)
            }
        }
    }

    var blockingCount: Int { blocking }

    func posted(_ task: nexus_task, _ function: nexus_posted, _ user: UnsafeMutableRawPointer?) {
        function(user, task, tasks[task] == nil ? NEXUS_STALE : NEXUS_OK)
    }
}
