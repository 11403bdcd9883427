import Core
import NIOCore
import Synchronization

/// Who watches the text of which exchange. Nothing of it is kept once nobody does. Callable from any thread.
final class GlassDesk: Sendable {
    enum Limits {
        /// Watchers of all exchanges together, and of one.
        static let watchers = 256
        static let watchersOfOne = 64
    }

    private struct State {
        var panes: [ActiveExchange.Key: GlassPane] = [:]
        var watchers = 0
        /// Ever: each has a number of its own.
        var numbers: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Watchers of all exchanges.
    var count: Int { state.withLock { $0.watchers } }

    /// One more watches. Whether there is such an exchange is not known here: `GlassWatch.end` takes it back.
    func watch(_ key: ActiveExchange.Key) throws(ErrorBody) -> GlassWatch {
        let watch = state.withLock { state -> GlassWatch? in
            let pane = state.panes[key] ?? GlassPane(key)
            guard state.watchers < Limits.watchers, pane.watchers < Limits.watchersOfOne else { return nil }
            state.panes[key] = pane
            state.watchers += 1
            state.numbers += 1
            pane.changeWatchers(by: 1)
            return GlassWatch(pane, number: state.numbers, desk: self)
        }
        guard let watch else { throw .tooManyWatchers }
        return watch
    }

    fileprivate func left(_ pane: GlassPane) {
        state.withLock { state in
            state.watchers -= 1
            pane.changeWatchers(by: -1)
            if pane.watchers == 0 { state.panes[pane.key] = nil }
        }
    }
}

/// The text of one exchange, between the event loop that it lives on and those of its watchers.
final class GlassPane: Sendable {
    private struct State {
        var roll = GlassRoll()
        var listeners: [(number: UInt64, wake: @Sendable () -> Void)] = []
        var end: GlassEnd?
    }

    let key: ActiveExchange.Key
    private let state = Mutex(State())
    /// Changed by the desk alone, inside its lock. A pane that nobody watches is never watched again.
    private let count = Atomic<Int>(0)

    init(_ key: ActiveExchange.Key) { self.key = key }

    var watchers: Int { count.load(ordering: .relaxed) }

    fileprivate func changeWatchers(by change: Int) { count.add(change, ordering: .relaxed) }

    // MARK: The exchange's side

    /// Text has gone to the client. The messages are made once, as frames, whatever number of watchers there is.
    /// - Parameter unread: bytes before it that could not be read.
    func show(_ parts: [AnswerPart], unread: Int = 0) {
        guard !parts.isEmpty || unread > 0 else { return }
        let wakes = state.withLock { state in
            if unread > 0 {
                let message = UpdateEncoder.exchangeSkipped(key, bytes: unread)
                state.roll.append(ServerFrame.text(message), characters: 0)
            }
            for part in parts {
                let messages = UpdateEncoder.exchangeText(
                    key, kind: part.kind, text: part.text, position: state.roll.characters)
                for (message, characters) in messages {
                    state.roll.append(ServerFrame.text(message), characters: characters)
                }
            }
            return state.listeners
        }
        for (_, wake) in wakes { wake() }
    }

    func end(_ end: GlassEnd) {
        let wakes = state.withLock { state in
            if state.end == nil { state.end = end }
            return state.listeners
        }
        for (_, wake) in wakes { wake() }
    }

    // MARK: The watchers' side

    /// - Parameter wake: called when there is something to read; on any thread, without a lock held. It must return at once.
    fileprivate func listen(_ number: UInt64, _ wake: @escaping @Sendable () -> Void) -> GlassRoll.Cursor {
        state.withLock { state in
            state.listeners.append((number, wake))
            return state.roll.end
        }
    }

    fileprivate func ignore(_ number: UInt64) {
        state.withLock { $0.listeners.removeAll { $0.number == number } }
    }

    fileprivate func read(
        _ cursor: inout GlassRoll.Cursor, limit: Int
    ) -> (skipped: UInt64, frames: [ByteBuffer], end: GlassEnd?) {
        state.withLock { state in
            let (skipped, frames) = state.roll.read(&cursor, limit: limit)
            return (skipped, frames, cursor == state.roll.end ? state.end : nil)
        }
    }
}

/// What was read of an answer: of which kind (`AnswerText.Kind`), and the text.
typealias AnswerPart = (kind: String, text: String)

/// One who watches an exchange, until `end`.
final class GlassWatch: Sendable {
    let pane: GlassPane
    let number: UInt64
    private let desk: GlassDesk
    private struct State {
        var cursor: GlassRoll.Cursor?
        var isOver = false
    }
    private let state = Mutex(State())

    fileprivate init(_ pane: GlassPane, number: UInt64, desk: GlassDesk) {
        self.pane = pane
        self.number = number
        self.desk = desk
    }

    /// From now on text is kept for it.
    func begin(wake: @escaping @Sendable () -> Void) {
        let cursor = pane.listen(number, wake)
        state.withLock { $0.cursor = cursor }
    }

    /// What there is to be read.
    /// - Parameter limit: bytes, about.
    func read(limit: Int) -> (skipped: UInt64, frames: [ByteBuffer], end: GlassEnd?) {
        state.withLock { state in
            guard var cursor = state.cursor else { return (0, [], nil) }
            defer { state.cursor = cursor }
            return pane.read(&cursor, limit: limit)
        }
    }

    /// It watches no longer. May be called more than once.
    func end() {
        let wasOver = state.withLock { state in
            defer { state.isOver = true }
            return state.isOver
        }
        guard !wasOver else { return }
        pane.ignore(number)
        desk.left(pane)
    }
}
