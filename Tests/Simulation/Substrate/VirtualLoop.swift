import Dispatch
import Glibc
import NIOCore
import Shims

/// An event loop with a clock of its own, which runs one task after another in the order of their times. Nothing waits: the clock
/// goes to the time of the next task. While it lives, the thread's clocks are this loop's.
///
/// Invariant behind the unchecked Sendable: everything happens on the thread that made it.
public final class VirtualLoop: EventLoop, @unchecked Sendable {
    /// A year: no time of the real clock that something in this process has kept is later.
    static let start: UInt64 = 31_536_000_000_000_000
    /// Unix nanoseconds at the start: 2026-01-01.
    private static let wallStart: UInt64 = 1_767_225_600_000_000_000

    private final class Entry {
        let due: UInt64
        let number: UInt64
        var work: (() -> Void)?
        let cancel: (() -> Void)?

        init(due: UInt64, number: UInt64, work: @escaping () -> Void, cancel: (() -> Void)?) {
            self.due = due
            self.number = number
            self.work = work
            self.cancel = cancel
        }

        func comes(before other: Entry) -> Bool { due != other.due ? due < other.due : number < other.number }
    }

    private let thread = pthread_self()
    /// A heap: the next one is first.
    private var entries: [Entry] = []
    private var numbers: UInt64 = 0
    private let clock: UnsafeMutablePointer<nexus_clock>
    /// Tasks that were run.
    public private(set) var steps: UInt64 = 0

    /// Durations come from the clock that somebody may set: a planted fault.
    private let confusesClocks: Bool

    init(confusesClocks: Bool = false) {
        self.confusesClocks = confusesClocks
        clock = .allocate(capacity: 1)
        clock.initialize(to: nexus_clock(monotonic: Self.start, wall: Self.wallStart, shortage: 0))
        nexus_set_thread_clock(clock)
    }

    deinit { clock.deallocate() }

    public var now: NIODeadline {
        .uptimeNanoseconds(
            confusesClocks ? Self.start + clock.pointee.wall - Self.wallStart : clock.pointee.monotonic)
    }

    /// Nanoseconds since the start.
    public var elapsed: UInt64 { clock.pointee.monotonic - Self.start }

    /// Somebody sets the machine's clock.
    func setWall(by seconds: Int64) {
        clock.pointee.wall = UInt64(max(0, Int64(clock.pointee.wall) + seconds * 1_000_000_000))
    }

    // MARK: Running

    /// Runs the next task, unless it is due after `limit` nanoseconds since the start. False: there was none.
    func step(until limit: UInt64) -> Bool {
        while let next = entries.first {
            guard next.work != nil else {
                removeFirst()
                continue
            }
            guard next.due <= Self.start + limit else { return false }
            removeFirst()
            if next.due > clock.pointee.monotonic {
                clock.pointee.wall += next.due - clock.pointee.monotonic
                clock.pointee.monotonic = next.due
            }
            steps += 1
            let work = next.work
            next.work = nil
            work?()
            return true
        }
        return false
    }

    /// Ends it: what has not run is cancelled, and the thread has the system's clocks again.
    func finish() {
        let left = entries
        entries = []
        for entry in left where entry.work != nil {
            entry.work = nil
            entry.cancel?()
        }
        entries = []
        nexus_set_thread_clock(nil)
    }

    // MARK: Scheduling

    /// Runs `work` in a turn of its own.
    func soon(_ work: @escaping () -> Void) { after(0, work) }

    /// Runs `work` after some nanoseconds.
    func after(_ delay: UInt64, _ work: @escaping () -> Void) {
        push(at: clock.pointee.monotonic + delay, work, cancel: nil)
    }

    @discardableResult
    private func push(at due: UInt64, _ work: @escaping () -> Void, cancel: (() -> Void)?) -> Entry {
        numbers += 1
        let entry = Entry(due: max(due, clock.pointee.monotonic), number: numbers, work: work, cancel: cancel)
        var place = entries.count
        entries.append(entry)
        while place > 0, entry.comes(before: entries[(place - 1) / 2]) {
            entries[place] = entries[(place - 1) / 2]
            place = (place - 1) / 2
        }
        entries[place] = entry
        return entry
    }

    private func removeFirst() {
        let last = entries.removeLast()
        guard !entries.isEmpty else { return }
        var place = 0
        while true {
            var child = 2 * place + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, entries[child + 1].comes(before: entries[child]) { child += 1 }
            guard entries[child].comes(before: last) else { break }
            entries[place] = entries[child]
            place = child
        }
        entries[place] = last
    }

    // MARK: EventLoop

    public var inEventLoop: Bool { pthread_equal(thread, pthread_self()) != 0 }

    public func preconditionInEventLoop(file: StaticString, line: UInt) {
        precondition(inEventLoop, "another thread uses the simulation's loop", file: file, line: line)
    }

    public func preconditionNotInEventLoop(file: StaticString, line: UInt) {
        precondition(!inEventLoop, "the simulation's loop may not wait for itself", file: file, line: line)
    }

    public func execute(_ task: @escaping @Sendable () -> Void) {
        preconditionInEventLoop(file: #file, line: #line)
        soon(task)
    }

    public func submit<T>(_ task: @escaping @Sendable () throws -> T) -> EventLoopFuture<T> {
        scheduleTask(deadline: now, task).futureResult
    }

    @discardableResult
    public func scheduleTask<T>(deadline: NIODeadline, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
        preconditionInEventLoop(file: #file, line: #line)
        let promise = makePromise(of: T.self)
        let isolated = promise.assumeIsolated()
        let entry = push(
            at: deadline.uptimeNanoseconds,
            {
                do { isolated.succeed(try task()) } catch { promise.fail(error) }
            }, cancel: { promise.fail(EventLoopError.cancelled) })
        let bound = NIOLoopBound(entry, eventLoop: self)
        return Scheduled(promise: promise) { bound.value.work = nil }
    }

    @discardableResult
    public func scheduleTask<T>(in delay: TimeAmount, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
        scheduleTask(deadline: .uptimeNanoseconds(clock.pointee.monotonic) + delay, task)
    }

    public func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        queue.async { callback(nil) }
    }
}
