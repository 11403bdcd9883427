/// Whether a backend may be tried, by how its attempts end: a pure state machine, fed with ended attempts and times.
///
///     closed ──too many of a window failed, or it cannot be reached──▶ open until ──time, asked──▶ half-open
///       ▲                                                               ▲                            │
///       └────────────── as many trials as are let through went well ────┼───── one of them failed ───┘
///
/// Each opening that follows soon on the last one lasts twice as long, up to a limit, so that a backend that comes and goes is
/// left alone for longer and longer. All instants are nanoseconds of one monotonic clock.
public struct Breaker: Sendable, Equatable {
    /// How an attempt ended, as far as it says how its backend is.
    public enum Outcome: Sendable, Equatable {
        case success
        /// No connection, or no byte in time.
        case unreachable
        /// The backend's fault in another way.
        case failure
        /// The caller's fault, or nobody's: what a 4xx says. It counts neither way.
        case neutral
    }

    public enum Phase: Sendable, Equatable {
        case closed
        case open(until: UInt64)
        /// - Parameters:
        ///   - underWay: trials of which nothing is known yet.
        ///   - succeeded: trials that went well.
        case halfOpen(underWay: Int, succeeded: Int)
    }

    /// Why it opened.
    public enum Cause: Sendable, Equatable {
        /// So many of so many attempts of a window failed.
        case rate(failures: UInt64, attempts: UInt64)
        /// Attempts in a row found no server.
        case unreachable
        /// Neither attempts nor a probe got a byte.
        case silent
    }

    /// Whether an attempt may be made.
    public enum Permission: Sendable, Equatable {
        /// Nothing stands against it.
        case free
        /// As a trial of this number.
        case trial(UInt64)
        /// Not now.
        case no
    }

    /// Attempts in a row that find no server and open it at once.
    static let unreachableLimit = 2
    /// Parts of the window; what is older than all of them is forgotten.
    private static let slotCount: UInt64 = 10

    private struct Slot: Sendable, Equatable {
        var number: UInt64
        /// Successes in all, before it began.
        var before: UInt64
        var failures: UInt64 = 0
    }

    private var rules: Configuration.Breaker
    public private(set) var phase = Phase.closed
    /// Nil while it is closed.
    public private(set) var cause: Cause?
    /// Times it has opened.
    public private(set) var openings: UInt64 = 0
    /// The trials under way in this half-open period: one of an earlier period does not count any more.
    private var trials: [UInt64] = []
    private var lastTrial: UInt64 = 0
    private var slots: [Slot] = []
    /// Attempts in a row that found no server.
    private var unreachable = 0
    /// Openings that followed soon on one another.
    private var flaps = 0
    private var closedAt: UInt64 = 0
    private var lastOpenTime: UInt64 = 0

    public init(_ rules: Configuration.Breaker) { self.rules = rules }

    /// Other rules from now on.
    public mutating func setRules(_ rules: Configuration.Breaker) {
        guard rules != self.rules else { return }
        self.rules = rules
        slots = []
        if !rules.enabled { close(now: 0) }
    }

    /// The next attempt that finds no server, or the next success, must be told: something is counted in a row, or it is not
    /// closed.
    public var needsAll: Bool { unreachable > 0 || phase != .closed }

    /// When the next success must be told at the latest, so that the window is known.
    public var nextSample: UInt64 {
        guard let slot = slots.last, !needsAll else { return 0 }
        return (slot.number &+ 1).multipliedReportingOverflow(by: slotLength).partialValue
    }

    /// Trials that may be under way or have gone well in one half-open period.
    public var trialLimit: Int { rules.halfOpenRequests }

    // MARK: Asking

    /// Asks for an attempt; a trial that is granted is to be ended or given back.
    public mutating func ask(now: UInt64) -> Permission {
        switch phase {
        case .closed: return .free
        case .open(let until):
            guard until <= now else { return .no }
            return begin(succeeded: 0)
        case .halfOpen(let underWay, let succeeded):
            return underWay + succeeded < trialLimit ? begin(succeeded: succeeded) : .no
        }
    }

    private mutating func begin(succeeded: Int) -> Permission {
        lastTrial += 1
        trials.append(lastTrial)
        phase = .halfOpen(underWay: trials.count, succeeded: succeeded)
        return .trial(lastTrial)
    }

    /// A trial is over. One of which nothing was told lets another one take its place.
    public mutating func giveBack(_ trial: UInt64) {
        guard case .halfOpen(_, let succeeded) = phase, end(trial) else { return }
        phase = .halfOpen(underWay: trials.count, succeeded: succeeded)
    }

    /// False: it is none of this period, or has been told of.
    private mutating func end(_ trial: UInt64?) -> Bool {
        guard let index = trials.firstIndex(where: { $0 == trial }) else { return false }
        trials.remove(at: index)
        return true
    }

    // MARK: What happens

    /// An attempt ended.
    /// - Parameters:
    ///   - trial: the number that its permission carried; nil: it had none. Each is told once. While the breaker is not closed only trials count.
    ///   - successes: of the backend, ever, this one included.
    public mutating func ended(_ outcome: Outcome, trial: UInt64? = nil, successes: UInt64, now: UInt64) {
        guard rules.enabled, outcome != .neutral else { return }
        switch phase {
        case .closed: count(outcome, successes: successes, now: now)
        case .open: break
        case .halfOpen(_, let succeeded):
            guard end(trial) else { return }
            guard outcome == .success else { return open(cause ?? .unreachable, now: now) }
            if succeeded + 1 >= trialLimit { return close(now: now) }
            phase = .halfOpen(underWay: trials.count, succeeded: succeeded + 1)
        }
    }

    private mutating func count(_ outcome: Outcome, successes: UInt64, now: UInt64) {
        let isSuccess = outcome == .success
        roll(successes: successes - (isSuccess && successes > 0 ? 1 : 0), now: now)
        unreachable = outcome == .unreachable ? unreachable + 1 : 0
        guard !isSuccess else { return }
        slots[slots.count - 1].failures += 1
        if unreachable >= Self.unreachableLimit { return open(.unreachable, now: now) }
        let failures = slots.reduce(0) { $0 + $1.failures }
        let attempts = failures + (successes - min(successes, slots[0].before))
        guard attempts >= UInt64(rules.minimumRequests),
            failures * 100 >= UInt64(rules.failureRatePercent) * attempts
        else { return }
        open(.rate(failures: failures, attempts: attempts), now: now)
    }

    /// The attempts of the window, as far as they are counted: while nothing fails, successes are looked at now and then.
    func window(successes: UInt64, now: UInt64) -> (attempts: UInt64, failures: UInt64) {
        let number = now / slotLength
        let slots = slots.filter { $0.number + Self.slotCount > number }
        guard let first = slots.first else { return (0, 0) }
        let failures = slots.reduce(0) { $0 + $1.failures }
        return (failures + (successes - min(successes, first.before)), failures)
    }

    /// Forgets what has left the window, and begins the slot of this instant.
    private mutating func roll(successes: UInt64, now: UInt64) {
        let number = now / slotLength
        slots.removeAll { $0.number + Self.slotCount <= number }
        if slots.last.map({ $0.number < number }) ?? true { slots.append(Slot(number: number, before: successes)) }
    }

    /// A probe had no answer in time, and attempts that were under way got no byte meanwhile.
    public mutating func wentSilent(now: UInt64) {
        guard rules.enabled else { return }
        switch phase {
        case .closed, .halfOpen: open(.silent, now: now)
        // It is as it was.
        case .open(let until): phase = .open(until: max(until, now &+ lastOpenTime))
        }
    }

    /// A probe failed: what cannot be reached is not tried before it can.
    public mutating func probeFailed(now: UInt64) {
        guard isUnreachable else { return }
        switch phase {
        case .closed: break
        case .open(let until): phase = .open(until: max(until, now &+ lastOpenTime))
        case .halfOpen:
            phase = .open(until: now &+ lastOpenTime)
            trials = []
        }
    }

    /// A probe found the server well. One that could not be reached is, if it did not come and go before, or has been left
    /// alone for long enough; of requests that fail a probe says nothing.
    public mutating func probeSucceeded(now: UInt64) {
        guard isUnreachable, phase != .closed else { return }
        if flaps > 1, case .open(let until) = phase, until > now { return }
        close(now: now)
    }

    /// It was down by its probes and is up again: whatever failed before may be mended.
    public mutating func cameUp(now: UInt64) {
        guard phase != .closed else { return }
        cause = .unreachable
        probeSucceeded(now: now)
    }

    private var isUnreachable: Bool { cause == .unreachable || cause == .silent }

    // MARK: Steps

    private mutating func open(_ cause: Cause, now: UInt64) {
        let calm = Self.nanoseconds(rules.window) &+ lastOpenTime
        if case .closed = phase, openings == 0 || now > closedAt &+ calm { flaps = 0 }
        flaps += 1
        openings += 1
        let first = Self.nanoseconds(rules.open)
        let time = min(first << UInt64(min(flaps - 1, 12)), max(first, Self.nanoseconds(rules.maxOpen)))
        // Not all at once: 85 to 115 percent, by the instant.
        var random = SeededRandom(seed: now)
        lastOpenTime = time / 100 * (85 + random.next() % 31)
        self.cause = cause
        phase = .open(until: now &+ lastOpenTime)
        (slots, trials, unreachable) = ([], [], 0)
    }

    private mutating func close(now: UInt64) {
        phase = .closed
        cause = nil
        closedAt = now
        (slots, trials, unreachable) = ([], [], 0)
    }

    private var slotLength: UInt64 { max(1, Self.nanoseconds(rules.window) / Self.slotCount) }

    /// A day at the most, so that no sum is too large.
    private static func nanoseconds(_ duration: Duration) -> UInt64 {
        let (seconds, attoseconds) = min(max(duration, .zero), .seconds(86_400)).components
        return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    }
}
