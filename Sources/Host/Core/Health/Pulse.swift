import Synchronization

/// Signs of life of one server, from its traffic and its probes. All instants are nanoseconds of the monotonic clock; 0: never.
/// Written from any thread without a lock.
public final class Pulse: Sendable {
    /// The longest `patience`.
    static let longestPatience: UInt64 = 1_000_000_000

    private let heard = Atomic<UInt64>(0)
    private let asked = Atomic<UInt64>(0)
    private let lastProbe = Atomic<UInt64>(0)
    private let silent = Atomic<UInt64>(0)
    private let patienceNow = Atomic<UInt64>(longestPatience)

    public init() {}

    /// When traffic last brought a byte, as far as was looked.
    public var heardAt: UInt64 { heard.load(ordering: .relaxed) }

    /// A byte of an answer came.
    public func hear(at instant: UInt64) {
        // Of two at once the later one may be lost, by less than a turn of a loop.
        if instant > heard.load(ordering: .relaxed) { heard.store(instant, ordering: .relaxed) }
    }

    /// Without a byte for so long, a server with attempts under way is asked by a probe, and one that leaves a probe without an
    /// answer for so long is asked behind others: a quarter of a probe's time, but not more than a second. So a server that has
    /// stopped loses its traffic well within twice the time of a probe.
    public var patience: UInt64 { patienceNow.load(ordering: .relaxed) }

    /// A probe has been sent.
    /// - Parameter timeout: within which it must have an answer, in nanoseconds.
    public func probeBegan(now: UInt64, timeout: UInt64) {
        patienceNow.store(min(Self.longestPatience, timeout / 4), ordering: .relaxed)
        asked.store(max(1, now), ordering: .relaxed)
        lastProbe.store(now, ordering: .relaxed)
    }

    /// An attempt that began at this instant has got no byte, nor has any other for a while, and no probe has asked lately.
    public func wantsProbe(attempt: UInt64, now: UInt64) -> Bool {
        now > max(attempt, heardAt, lastProbe.load(ordering: .relaxed) &+ patience) &+ patience
            && asked.load(ordering: .relaxed) == 0
    }

    /// A probe is over, with an answer or without.
    /// - Returns: when it was sent; 0: there was none.
    @discardableResult func probeEnded() -> UInt64 { asked.exchange(0, ordering: .relaxed) }

    /// The server has left a probe without an answer for a while, and its traffic has brought nothing meanwhile.
    public func isSuspect(now: UInt64) -> Bool {
        let asked = asked.load(ordering: .relaxed)
        return asked != 0 && now > asked &+ patience && heardAt < asked
    }

    /// Neither attempts nor the probe that was sent at this instant got a byte.
    func wentSilent(since probe: UInt64) { silent.store(probe, ordering: .relaxed) }

    /// An attempt that began at this instant and got no byte is not to be waited for any longer.
    public func hasGivenUp(on attempt: UInt64) -> Bool {
        let silent = silent.load(ordering: .relaxed)
        return silent > attempt && heardAt < silent
    }
}
