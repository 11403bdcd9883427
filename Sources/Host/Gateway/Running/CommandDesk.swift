import Synchronization

/// What operators have the gateway do: how much of it may be under way at once, and its end with the gateway. Callable from any
/// thread.
final class CommandDesk: Sendable {
    /// Commands that are under way or wait for their turn.
    static let limit = 32

    private struct State {
        var count = 0
        var isClosed = false
        var numbers: UInt64 = 0
        /// What is waited for, to be given up at the end.
        var waits: [UInt64: @Sendable () -> Void] = [:]
    }

    private let state = Mutex(State())

    /// Takes up a command, which is to end with `leave`.
    func enter() throws(ErrorBody) {
        let refusal = state.withLock { state -> ErrorBody? in
            if state.isClosed { return .shuttingDown }
            guard state.count < Self.limit else { return .tooManyCommands }
            state.count += 1
            return nil
        }
        if let refusal { throw refusal }
    }

    func leave() { state.withLock { $0.count -= 1 } }

    /// Commands that are under way.
    var count: Int { state.withLock { $0.count } }

    /// The gateway ends: what was not done by now is not done any more.
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// The gateway ends: nothing new is taken up, and nothing is waited for.
    func close() {
        let waits = state.withLock { state in
            state.isClosed = true
            defer { state.waits = [:] }
            return state.waits.values
        }
        for giveUp in waits { giveUp() }
    }

    /// Waits for what may take long; nil: the gateway ends. The work goes on by itself then.
    func waits<Result: Sendable>(for work: @escaping @Sendable () async -> Result) async -> Result? {
        await withCheckedContinuation { continuation in
            let answer = OneAnswer(continuation)
            let number = state.withLock { state -> UInt64? in
                guard !state.isClosed else { return nil }
                state.numbers += 1
                state.waits[state.numbers] = { answer.give(nil) }
                return state.numbers
            }
            guard let number else { return answer.give(nil) }
            Task {
                answer.give(await work())
                state.withLock { $0.waits[number] = nil }
            }
        }
    }
}

/// Goes on where somebody waits, with the first of the answers that come.
private final class OneAnswer<Answer: Sendable>: Sendable {
    private let continuation: Mutex<CheckedContinuation<Answer?, Never>?>

    init(_ continuation: CheckedContinuation<Answer?, Never>) { self.continuation = Mutex(continuation) }

    func give(_ answer: Answer?) { continuation.withLock { $0.take() }?.resume(returning: answer) }
}

extension ErrorBody {
    fileprivate static let tooManyCommands = ErrorBody(
        status: 503,
        message:
            "\(CommandDesk.limit) commands of operators are under way; nothing was done. Try again when some have ended.",
        type: "service_unavailable_error", code: "overloaded", retryAfter: 2)
}
