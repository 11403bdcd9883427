import Synchronization

/// Gives every update to every subscriber. Publishing never waits for a subscriber and never fails; with nobody
/// listening it costs one atomic read. Callable from any thread.
public final class Broadcaster: Sendable {
    /// A listener's wake-up: called after a publication, on the publisher's thread, without a lock held. It must
    /// return at once; the listener then reads with its cursor on a thread of its own.
    public typealias Wake = @Sendable () -> Void

    private struct State {
        var ring = BroadcastRing<Update>()
        /// In the order they came, which is that of their ids, and in which they are woken.
        var listeners: [(id: UInt64, wake: Wake)] = []
        var nextID: UInt64 = 0
        /// Changes with each change of the fleet that was published.
        var fleet: UInt64 = 0

        /// Where a listener is; nil: it is gone.
        func place(of id: UInt64) -> Int? {
            var (low, high) = (0, listeners.count)
            while low < high {
                let middle = (low + high) / 2
                if listeners[middle].id < id { low = middle + 1 } else { high = middle }
            }
            return low < listeners.count && listeners[low].id == id ? low : nil
        }
    }

    /// The fleet as it was when it had that number.
    private struct Picture {
        var fleet: UInt64
        var update: Update
    }

    private let state = Mutex(State())
    private let listenerCount = Atomic<Int>(0)
    private let picture = Mutex<Picture?>(nil)
    /// Updates that were skipped for subscribers which could not keep up.
    public let skipped = Atomic<UInt64>(0)

    public init() {}

    public var hasListeners: Bool { listenerCount.load(ordering: .relaxed) > 0 }

    /// `content` is evaluated only if somebody listens.
    public func publish(_ content: @autoclosure () -> Update.Content) {
        guard hasListeners else { return }
        let update = Update(content())
        let wakes = state.withLock { state in
            state.ring.publish(update)
            if update.changesFleet { state.fleet += 1 }
            return state.listeners
        }
        for (_, wake) in wakes { wake() }
    }

    /// A subscriber's place in the stream of updates.
    public struct Subscription: Sendable {
        public let id: UInt64
        public var cursor: UInt64
    }

    /// From now on every update is seen through the subscription's cursor.
    public func subscribe(wake: @escaping Wake) -> Subscription {
        state.withLock { state in
            state.nextID += 1
            // Changes without a subscriber were not counted.
            state.fleet += 1
            state.listeners.append((state.nextID, wake))
            listenerCount.store(state.listeners.count, ordering: .relaxed)
            return Subscription(id: state.nextID, cursor: state.ring.next)
        }
    }

    /// The same for one who is told of updates by somebody that has subscribed.
    public func follow() -> Subscription { Subscription(id: 0, cursor: position) }

    /// How many updates have been published to anybody.
    public var position: UInt64 { state.withLock { $0.ring.next } }

    public func unsubscribe(_ subscription: Subscription) {
        state.withLock { state in
            if let place = state.place(of: subscription.id) { state.listeners.remove(at: place) }
            listenerCount.store(state.listeners.count, ordering: .relaxed)
        }
    }

    /// All backends, for subscribers that have not asked for deltas: made once after each change, for all of them. It holds
    /// every change that was published before the call.
    public func picture(of views: () -> [BackendView]) -> Update {
        picture.withLock { picture in
            let fleet = state.withLock { $0.fleet }
            if let picture, picture.fleet == fleet { return picture.update }
            let update = Update(.fleet(views()))
            picture = Picture(fleet: fleet, update: update)
            return update
        }
    }

    /// What a subscriber has before it, at most `limit` updates.
    public struct Batch: Sendable {
        public var updates: [Update] = []
        public var lagged: UInt64 = 0
    }

    public func read(_ subscription: inout Subscription, limit: Int) -> Batch {
        state.withLock { state in
            var batch = Batch()
            while batch.updates.count < limit {
                switch state.ring.read(&subscription.cursor) {
                case .message(let update): batch.updates.append(update)
                case .empty: return batch
                case .lagged(let lost):
                    batch.lagged += lost
                    return batch
                }
            }
            return batch
        }
    }
}

/// Live updates are a sink of the ledger.
extension Broadcaster: LedgerSink {
    public func take(_ entries: [HistoryEntry]) {
        for entry in entries { publish(.requestComplete(entry)) }
    }
}
