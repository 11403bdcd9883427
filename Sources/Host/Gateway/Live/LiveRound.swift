import Core
import NIOCore
import Synchronization

/// Whether somebody has been told that there is something to read: publishers wake it once, not per update.
final class WakeFlag: Sendable {
    private let isSet = Atomic<Bool>(false)

    /// False: it was set.
    func claim() -> Bool {
        isSet.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
    }

    func set() { isSet.store(true, ordering: .releasing) }

    /// Before a look at what there is: what comes from here on wakes again.
    func clear() { isSet.store(false, ordering: .sequentiallyConsistent) }
}

/// Has the subscribers of one event loop served when something was published. Few are served at once; many one after another,
/// spread over a tenth of a second, in which each is sent all that has come by its turn: so no request waits for all of them, and
/// what many updates cost is bounded. A publication costs one wake-up of the loop, whatever number of subscribers there is.
/// On that loop.
final class LiveRound {
    enum Limits {
        /// Subscribers that are served at once.
        static let atOnce = 16
        /// A round has no more steps than these, and takes no longer than all of them.
        static let steps = 100
        static let step = TimeAmount.milliseconds(1)
    }

    private let eventLoop: any EventLoop
    private let broadcaster: Broadcaster
    private let flag = WakeFlag()
    private var sessions = Roster<WebSocketSession>()
    private var listening: Broadcaster.Subscription?
    /// Those that are still to be served in the round under way.
    private var queue: [WebSocketSession] = []
    /// Served in one step.
    private var share = 1
    /// What had been published when the round began.
    private var seen: UInt64 = 0

    init(eventLoop: any EventLoop, broadcaster: Broadcaster) {
        self.eventLoop = eventLoop
        self.broadcaster = broadcaster
    }

    /// From now on the session is served.
    /// - Returns: where it reads.
    func add(_ session: WebSocketSession) -> Broadcaster.Subscription {
        sessions.insert(session)
        if listening == nil {
            let round = NIOLoopBound(self, eventLoop: eventLoop)
            let (eventLoop, flag) = (eventLoop, flag)
            listening = broadcaster.subscribe {
                if flag.claim() { eventLoop.execute { round.value.begin() } }
            }
        }
        return broadcaster.follow()
    }

    func remove(_ session: WebSocketSession) {
        sessions.remove(session)
        guard sessions.isEmpty, let listening else { return }
        broadcaster.unsubscribe(listening)
        self.listening = nil
    }

    /// The flag is set, and stays so while a round is under way.
    private func begin() {
        guard sessions.count > Limits.atOnce else {
            flag.clear()
            for session in sessions { session.serve() }
            return
        }
        seen = broadcaster.position
        queue = Array(sessions)
        share = (queue.count + Limits.steps - 1) / Limits.steps
        step()
    }

    private func step() {
        for _ in 0..<share { queue.popLast()?.serve() }
        let round = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: Limits.step) {
            if round.value.queue.isEmpty { round.value.end() } else { round.value.step() }
        }
    }

    private func end() {
        flag.clear()
        // Those that were served first lack what has come meanwhile.
        if broadcaster.position != seen, flag.claim() { begin() }
    }
}
