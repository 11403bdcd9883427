import Core
import NIOCore

@testable import Gateway

/// What a simulation sees of the gateway's inside: all of it stands here, so that a change of the gateway is a change of this file.
struct GatewayView {
    let loop: LoopState
    let state: GatewayState

    /// The handler of a new client's connection.
    func connection() -> any ChannelHandler { ClientConnection(loop: loop) }

    /// Ids of the requests that are with a backend, or on their way to one.
    var underWay: [String] { loop.connections.compactMap { $0.service?.exchange?.context.id } }

    var underWayCount: Int {
        var count = 0
        for connection in loop.connections where connection.service?.exchange != nil { count += 1 }
        return count
    }

    /// Records so far.
    var recordCount: UInt64 { state.figures.totals.total }

    /// Records behind the first `count`.
    func records(after count: UInt64) -> [HistoryEntry] { state.history.entries(after: count) }

    /// Has an entry recorded once more, by itself: a planted fault.
    func repeatRecord(_ entry: HistoryEntry) {
        var entry = entry
        entry.sequence += 1
        state.history.take([entry])
        state.figures.take([entry])
    }

    /// How all backends stand for routing.
    var backends: [BackendSnapshot] { loop.snapshot.backends }

    /// After how long a stream's client gets a comment; 0: never.
    var keepAliveNanoseconds: UInt64 { UInt64(max(0, loop.settings.keepAlive?.nanoseconds ?? 0)) }

    /// Those that listen to live updates.
    var sessionCount: Int { loop.sessions.count }
    var hasListeners: Bool { state.broadcaster.hasListeners }

    /// Which run of which gateway numbers the records.
    var instance: String { state.ledger.instance.id }

    /// The loop works with what is newest.
    func takeOver() { loop.refresh() }

    func beginDraining(onEmpty: @escaping () -> Void) {
        loop.beginDraining()
        loop.drain(onEmpty: onEmpty)
    }

    func stop() { loop.stop() }
}
