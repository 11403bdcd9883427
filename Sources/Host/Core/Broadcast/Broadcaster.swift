import Synchronization

/// Gives every update to every subscriber. Publishing never waits for a subscriber and never fails; with nobody
/// listening it costs one atomic read. Callable from any thread.
public final class Broadcaster: Sendable {
    /// A listener's wake-up: called after a publication, on the publisher's thread, without a lock held. It must
    /// return at once; the listener then reads with its cursor on a thread of its own.
    public typealias Wake = @Sendable () -> Void

    private struct State {
        var ring = BroadcastRing<Update>()
        var listeners: [UInt64: Wake] = [:]
        var nextID: UInt64 = 0
    }

    private let state = Mutex(State())
    private let listenerCount = Atomic<Int>(0)
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
            return Array(state.listeners.values)
        }
        for wake in wakes { wake() }
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
            state.listeners[state.nextID] = wake
            listenerCount.store(state.listeners.count, ordering: .relaxed)
            return Subscription(id: state.nextID, cursor: state.ring.next)
        }
    }

    public func unsubscribe(_ subscription: Subscription) {
        state.withLock { state in
            state.listeners[subscription.id] = nil
            listenerCount.store(state.listeners.count, ordering: .relaxed)
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
