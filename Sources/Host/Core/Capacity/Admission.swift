import NIOCore
import Synchronization

/// The queue of a gateway, shared by its event loops. Callable from any thread. While no one waits, asking whether one may
/// try for a place is one atomic load.
///
/// One waiter is woken at a time, on its own loop, in the order of the queue. It looks for a place and tells what came of it
/// (`admitted`, `stays` or `leave`), and the next one is woken, until nobody is left that may find one. An event that may
/// have freed a place (`placesChanged`) starts a round; one that comes during a round makes those look again that found
/// nothing. One that does not answer for a while, since its loop or what it needs is held up, is left aside until it does. A
/// waiter is counted before it is looked for, and a place is free before its event, so that none is missed.
public final class Admission: Sendable {
    public typealias Wants = AdmissionQueue.Wants
    public typealias Ticket = AdmissionQueue.Ticket

    public enum Entered: Sendable {
        case waits(Ticket)
        /// - Parameter retryAfter: seconds.
        case overShare(waiting: Int, retryAfter: Int)
        case full(waiting: Int, retryAfter: Int)
    }

    /// What has become of those that waited or wanted to.
    public struct Figures: Sendable, Equatable {
        public var waiting = 0
        public var admitted: UInt64 = 0
        public var waitNanoseconds: UInt64 = 0
        public var overShare: UInt64 = 0
        public var full: UInt64 = 0
        public var timedOut: UInt64 = 0
        /// Their clients went, or nobody could serve them any more.
        public var left: UInt64 = 0
    }

    public enum Leaving: Sendable { case timedOut, gone }

    private struct Waiter: Sendable {
        let loop: any EventLoop
        let wake: @Sendable (Ticket) -> Void
    }

    private struct State {
        var queue: AdmissionQueue
        var limits: ConcurrencyLimits
        var waiters: [Ticket: Waiter] = [:]
        /// The one that looks for a place now, in which round, and since when.
        var woken: (ticket: Ticket, round: UInt64, since: UInt64)?
        var figures = Figures()
    }

    /// A waiter whose loop is held up for longer does not keep the others waiting. Nanoseconds.
    static let patience: UInt64 = 100_000_000

    private let waiting = Atomic<Int>(0)
    private let state: Mutex<State>
    private let vacancies: @Sendable (ConcurrencyLimits) -> (Wants) -> Bool
    private let clock: @Sendable () -> UInt64

    /// - Parameters:
    ///   - vacancies: what tells whether there may be a place, as things stand at the call. A place that it denies must bring
    ///     `placesChanged` when it becomes free. Must neither block nor call the queue.
    ///   - clock: nanoseconds of a monotonic clock.
    public init(
        _ settings: Configuration.Queue = Configuration.Queue(),
        clock: @escaping @Sendable () -> UInt64 = { NIODeadline.now().uptimeNanoseconds },
        vacancies: @escaping @Sendable (ConcurrencyLimits) -> (Wants) -> Bool
    ) {
        let queue = AdmissionQueue(maximumSize: settings.maxSize, maximumWait: Self.nanoseconds(settings.maxWait))
        state = Mutex(State(queue: queue, limits: ConcurrencyLimits(settings)))
        self.clock = clock
        self.vacancies = vacancies
    }

    private static func nanoseconds(_ duration: Duration) -> UInt64 {
        UInt64(clamping: TimeAmount(duration).nanoseconds)
    }

    /// Those that wait already stay, even where there would be no room for them.
    public func set(_ settings: Configuration.Queue) {
        state.withLock { state in
            state.queue.maximumSize = settings.maxSize
            state.queue.maximumWait = Self.nanoseconds(settings.maxWait)
            state.limits = ConcurrencyLimits(settings, keeping: state.limits)
        }
        placesChanged()
    }

    /// Of exchanges at once; their places are taken without this queue.
    public var limits: ConcurrencyLimits { state.withLock { $0.limits } }

    public var count: Int { waiting.load(ordering: .relaxed) }
    public var figures: Figures {
        state.withLock { state in
            var figures = state.figures
            figures.waiting = state.queue.count
            return figures
        }
    }

    // MARK: Waiting

    /// Whether a request that does not wait may look for a place: it must not overtake those that wait for the same ones.
    /// - Parameter wants: worked out only while somebody waits, and never while others are held up.
    public func mayTry(_ wants: @autoclosure () -> Wants) -> Bool {
        if waiting.load(ordering: .sequentiallyConsistent) == 0 { return true }
        let wants = wants()
        return state.withLock { state in
            guard !state.queue.isWaiting(for: wants) else { return false }
            // Others may be about to take the place; but nobody is refused for whom there is one.
            return state.woken == nil || state.queue.count >= state.queue.maximumSize
        }
    }

    /// Begins to wait.
    /// - Parameters:
    ///   - loop: the waiter's own.
    ///   - wake: called on `loop` when there may be a place. It is answered with `admitted`, `stays` or `leave`, and may be
    ///     called again after `stays`; a call that was under way at the end comes all the same.
    public func enter(
        client: AdmissionQueue.Client, priority: AdmissionQueue.Priority, wants: Wants, on loop: any EventLoop,
        wake: @escaping @Sendable (Ticket) -> Void
    ) -> Entered {
        let now = clock()
        let entered = state.withLock { state -> Entered in
            switch state.queue.enter(client: client, priority: priority, wants: wants, now: now) {
            case .waits(let ticket):
                state.waiters[ticket] = Waiter(loop: loop, wake: wake)
                waiting.store(state.queue.count, ordering: .sequentiallyConsistent)
                return .waits(ticket)
            case .overShare:
                state.figures.overShare += 1
                let share = state.queue.share
                return .overShare(waiting: share, retryAfter: state.queue.retryAfter(ahead: share, now: now))
            case .full:
                state.figures.full += 1
                let count = state.queue.count
                return .full(waiting: count, retryAfter: state.queue.retryAfter(ahead: count, now: now))
            }
        }
        // A place may have become free before it was counted.
        if case .waits = entered { goOn() }
        return entered
    }

    /// Has got a place.
    public func admitted(_ ticket: Ticket) {
        let now = clock()
        end(ticket) { state in
            if let arrival = state.queue.arrival(of: ticket) {
                state.figures.admitted += 1
                state.figures.waitNanoseconds &+= now > arrival ? now - arrival : 0
            }
            state.queue.serve(ticket, now: now)
        }
    }

    /// Waits no longer, and has no place.
    public func leave(_ ticket: Ticket, _ leaving: Leaving) {
        end(ticket) { state in
            guard state.queue.leave(ticket) else { return }
            switch leaving {
            case .timedOut: state.figures.timedOut += 1
            case .gone: state.figures.left += 1
            }
        }
    }

    /// Was woken, found nothing and goes on waiting.
    /// - Parameter wants: what it waits for by now; nil: for the same.
    public func stays(_ ticket: Ticket, wants: Wants? = nil) {
        state.withLock { state in
            if let wants { state.queue.change(ticket, to: wants) }
            guard let woken = state.woken, woken.ticket == ticket else {
                _ = state.queue.takeBack(ticket)
                return
            }
            state.queue.passOver(ticket, round: woken.round)
            state.woken = nil
        }
        goOn()
    }

    private func end(_ ticket: Ticket, _ body: (inout State) -> Void) {
        state.withLock { state in
            body(&state)
            state.waiters[ticket] = nil
            if state.woken?.ticket == ticket { state.woken = nil }
            waiting.store(state.queue.count, ordering: .sequentiallyConsistent)
        }
        goOn()
    }

    /// The place of one that waits, among those that wait for the same; nil: it does not wait.
    public func place(of ticket: Ticket) -> Int? { state.withLock { $0.queue.place(of: ticket) } }

    /// The places of all that wait. Worked out on a copy, so that nobody who comes or goes waits for it.
    public var places: [Ticket: Int] {
        guard waiting.load(ordering: .relaxed) > 0 else { return [:] }
        return state.withLock { $0.queue }.places
    }

    /// Seconds after which one that was too long in the queue may try again.
    public var retryAfter: Int {
        let now = clock()
        return state.withLock { $0.queue.retryAfter(ahead: $0.queue.count, now: now) }
    }

    // MARK: Waking

    /// A place has become free, or a backend able, or a limit other than it was.
    public func placesChanged() {
        guard waiting.load(ordering: .sequentiallyConsistent) > 0 else { return }
        goOn(newRound: true)
    }

    /// Goes past a waiter whose loop is held up; to be called several times a second.
    public func lookAtTime() {
        guard waiting.load(ordering: .relaxed) > 0 else { return }
        goOn()
    }

    private func goOn(newRound: Bool = false) {
        let now = clock()
        let next = state.withLock { state -> (Ticket, Waiter)? in
            if newRound { state.queue.beginRound() }
            if let woken = state.woken {
                guard now > woken.since, now - woken.since > Self.patience else { return nil }
                state.queue.setAside(woken.ticket)
                state.woken = nil
            }
            guard state.queue.count > 0, let ticket = state.queue.next(now: now, mayFind: vacancies(state.limits)),
                let waiter = state.waiters[ticket]
            else { return nil }
            state.woken = (ticket, state.queue.currentRound, now)
            return (ticket, waiter)
        }
        guard let (ticket, waiter) = next else { return }
        waiter.loop.execute { waiter.wake(ticket) }
    }
}
