import NIOCore
import Synchronization

/// Asks all event loops something, each in a turn of its own, and does not wait for one that is held up. What a loop has is
/// read there, when somebody wants to know, so that keeping it costs requests nothing. Callable from any thread.
final class LoopRoll: Sendable {
    /// For all answers.
    static let patience = TimeAmount.milliseconds(250)
    /// Questions that may wait at a loop that has answered none for as long; it is not given more.
    static let pending = 32

    /// The loop's state, as long as it is there.
    private final class Place {
        weak var loop: LoopState?
        init(_ loop: LoopState) { self.loop = loop }
    }

    private final class Seat: Sendable {
        let index: Int
        let eventLoop: any EventLoop
        let place: NIOLoopBound<Place>
        /// Questions that wait, and when it answered the last one or began to have some.
        private let waiting = Mutex((count: 0, since: NIODeadline.uptimeNanoseconds(0)))

        init(_ loop: LoopState) {
            index = loop.index
            eventLoop = loop.eventLoop
            place = NIOLoopBound(Place(loop), eventLoop: loop.eventLoop)
        }

        /// False: it is held up, and has enough to answer.
        func takes(now: NIODeadline) -> Bool {
            waiting.withLock { waiting in
                if waiting.count == 0 { waiting.since = now }
                guard waiting.count < LoopRoll.pending || now - waiting.since < LoopRoll.patience else { return false }
                waiting.count += 1
                return true
            }
        }

        /// Looks at a question.
        func took(now: NIODeadline) {
            waiting.withLock { waiting in
                waiting.count -= 1
                waiting.since = now
            }
        }
    }

    private let seats = Mutex<[Seat]>([])

    /// A loop begins. On that loop.
    func add(_ loop: LoopState) {
        let seat = Seat(loop)
        seats.withLock { $0.append(seat) }
    }

    /// The answers to one question.
    private final class Round<Answer: Sendable>: Sendable {
        private struct State {
            var answers: [Answer?]
            var left: Int
            var then: (@Sendable ([Answer], _ silent: Int) -> Void)?
        }

        private let state: Mutex<State>
        private let asker: any EventLoop

        init(
            seats: Int, asker: any EventLoop, then: @escaping @Sendable ([Answer], _ silent: Int) -> Void
        ) {
            self.asker = asker
            state = Mutex(State(answers: Array(repeating: nil, count: seats), left: seats, then: then))
        }

        func take(_ answer: Answer, of seat: Int) {
            let isLast = state.withLock { state in
                guard state.then != nil, state.answers[seat] == nil else { return false }
                state.answers[seat] = answer
                state.left -= 1
                return state.left == 0
            }
            if isLast { asker.execute { self.end() } }
        }

        /// With what has come by now. On the asker's loop.
        func end() {
            // The time for it is not over yet, and what would be kept until then is large.
            let (then, answers) = state.withLock { state in
                defer { state.answers = [] }
                return (state.then.take(), state.answers)
            }
            guard let then else { return }
            let given = answers.compactMap { $0 }
            then(given, answers.count - given.count)
        }
    }

    /// Has something done on all loops, soon. On one that is held up it waits.
    func tell(_ what: @escaping @Sendable (LoopState) -> Void) {
        for seat in seats.withLock({ $0 }) {
            seat.eventLoop.execute {
                if let loop = seat.place.value.loop { what(loop) }
            }
        }
    }

    /// Asks all loops, or one.
    /// - Parameters:
    ///   - index: the only loop that is asked; nil: all.
    ///   - asker: where `then` is called.
    ///   - question: called on each loop; also later, on one that did not answer in time.
    ///   - then: called once, in a later turn: with the answers in the order of the loops, and how many loops gave none in time.
    func ask<Answer: Sendable>(
        only index: Int? = nil, on asker: any EventLoop, _ question: @escaping @Sendable (LoopState) -> Answer,
        then: @escaping @Sendable (_ answers: [Answer], _ silent: Int) -> Void
    ) {
        let asked = seats.withLock { seats in seats.filter { index == nil || $0.index == index } }
        let round = Round(seats: asked.count, asker: asker, then: then)
        guard !asked.isEmpty else { return asker.execute { round.end() } }
        for (number, seat) in asked.enumerated() {
            guard seat.takes(now: asker.now) else { continue }
            seat.eventLoop.execute {
                seat.took(now: seat.eventLoop.now)
                if let loop = seat.place.value.loop { round.take(question(loop), of: number) }
            }
        }
        asker.scheduleTask(in: Self.patience) { round.end() }
    }
}
