import Synchronization

/// The breaker of one backend, for all event loops. In the common case, closed and nothing wrong, asking and telling cost one
/// atomic load each.
public final class BreakerGate: Sendable {
    private struct State {
        var breaker: Breaker
        /// Of the last failure that counted.
        var message = ""
        var trouble: String?
    }

    private let state: Mutex<State>
    /// When an attempt may be made: 0: at any time, and nothing is counted; 1: as a trial; the largest: not before a trial ends.
    private let free = Atomic<UInt64>(0)
    /// Successes before this instant need not be told.
    private let nextSample = Atomic<UInt64>(0)

    public init(_ rules: Configuration.Breaker = Configuration.Breaker()) {
        state = Mutex(State(breaker: Breaker(rules)))
    }

    /// The right to one trial. Given back with the lease that carries it.
    public struct Trial: Sendable {
        let gate: BreakerGate
        let number: UInt64
        func giveBack() { gate.change { $0.breaker.giveBack(number) } }
    }

    // MARK: Asking

    /// It is closed.
    public var isClosed: Bool { free.load(ordering: .relaxed) == 0 }

    /// When an attempt may be made, in nanoseconds of the monotonic clock; in the past: now.
    public var freeAt: UInt64 { free.load(ordering: .relaxed) }

    enum Permission {
        case free
        case trial(Trial)
        case no
    }

    /// Asks for an attempt.
    func ask(now: UInt64) -> Permission {
        if isClosed { return .free }
        var permission = Breaker.Permission.free
        change { permission = $0.breaker.ask(now: now) }
        return switch permission {
        case .free: .free
        case .no: .no
        case .trial(let number): .trial(Trial(gate: self, number: number))
        }
    }

    // MARK: Telling

    /// An attempt ended.
    /// - Parameters:
    ///   - successes: of the backend, ever.
    ///   - message: why it failed.
    /// - Returns: whether what is shown of the backend has changed.
    public func ended(
        _ outcome: Breaker.Outcome, trial: Trial? = nil, successes: UInt64, message: @autoclosure () -> String = "",
        now: UInt64
    ) -> Bool {
        switch outcome {
        case .neutral: return false
        case .success:
            if now < nextSample.load(ordering: .relaxed) { return false }
            return change { $0.breaker.ended(.success, trial: trial?.number, successes: successes, now: now) }
        case .failure, .unreachable:
            let message = message()
            return change {
                if $0.breaker.phase == .closed || trial != nil { $0.message = message }
                $0.breaker.ended(outcome, trial: trial?.number, successes: successes, now: now)
            }
        }
    }

    /// See `Breaker.wentSilent`.
    func wentSilent(now: UInt64) { change { $0.breaker.wentSilent(now: now) } }
    /// See `Breaker.probeFailed`.
    func probeFailed(now: UInt64) { if !isClosed { change { $0.breaker.probeFailed(now: now) } } }
    /// See `Breaker.probeSucceeded`.
    func probeSucceeded(now: UInt64) { if !isClosed { change { $0.breaker.probeSucceeded(now: now) } } }
    /// See `Breaker.cameUp`.
    func cameUp(now: UInt64) { if !isClosed { change { $0.breaker.cameUp(now: now) } } }

    func setRules(_ rules: Configuration.Breaker) { change { $0.breaker.setRules(rules) } }

    @discardableResult private func change(_ body: (inout State) -> Void) -> Bool {
        state.withLock { state in
            let before = state.breaker.openings
            let wasClosed = state.breaker.phase == .closed
            body(&state)
            let isClosed = state.breaker.phase == .closed
            switch state.breaker.phase {
            case .closed: free.store(0, ordering: .relaxed)
            case .open(let until): free.store(max(1, until), ordering: .relaxed)
            case .halfOpen(let underWay, let succeeded):
                free.store(underWay + succeeded < state.breaker.trialLimit ? 1 : .max, ordering: .relaxed)
            }
            nextSample.store(state.breaker.nextSample, ordering: .relaxed)
            guard wasClosed != isClosed || before != state.breaker.openings else { return false }
            state.trouble = isClosed ? nil : Self.words(state.breaker.cause, state.message)
            return true
        }
    }

    // MARK: What is shown

    /// Why it is not closed; nil: it is.
    public var trouble: String? { isClosed ? nil : state.withLock { $0.trouble } }

    /// Times it has opened.
    public var openings: UInt64 { state.withLock { $0.breaker.openings } }

    /// Everything that is to be told of it at one instant.
    public struct Reading: Sendable, Equatable {
        public var phase: Breaker.Phase
        /// Nil while it is closed.
        public var cause: Breaker.Cause?
        /// Of the failure that opened it, or of the last trial; empty: there is none.
        public var message: String
        public var openings: UInt64
        /// Attempts of the window that is judged, and how many of them failed.
        public var attempts: UInt64
        public var failures: UInt64
    }

    /// - Parameters:
    ///   - successes: of the backend, ever.
    ///   - now: nanoseconds of the monotonic clock.
    public func reading(successes: UInt64, now: UInt64) -> Reading {
        state.withLock { state in
            let window = state.breaker.window(successes: successes, now: now)
            let isClosed = state.breaker.phase == .closed
            return Reading(
                phase: state.breaker.phase, cause: state.breaker.cause, message: isClosed ? "" : state.message,
                openings: state.breaker.openings, attempts: window.attempts, failures: window.failures)
        }
    }

    public var phase: Breaker.Phase { state.withLock { $0.breaker.phase } }

    private static func words(_ cause: Breaker.Cause?, _ message: String) -> String {
        let last = message.isEmpty ? "" : "; the last: \(message)"
        return switch cause {
        case .rate(let failures, let attempts): "\(failures) of \(attempts) requests failed\(last)"
        case .unreachable: "Requests in a row found no server\(last)"
        case .silent: "The server answered neither requests nor a probe."
        case nil: message
        }
    }
}
