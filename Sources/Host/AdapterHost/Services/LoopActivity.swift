import Synchronization

/// The calls of an adapter that run on an event loop and must return at once.
public enum AdapterCall: UInt8, Sendable {
    case submit = 1
    case probe, cancel, onHead, onBody, onEnd, timer, posted, blockingDone

    /// As the header calls it.
    public var name: String {
        switch self {
        case .submit: "submit"
        case .probe: "probe"
        case .cancel: "cancel"
        case .onHead: "on_head"
        case .onBody: "on_body"
        case .onEnd: "on_end"
        case .timer: "the function of a timer"
        case .posted: "a function given to post"
        case .blockingDone: "the function after run_blocking"
        }
    }
}

/// Which call of which backend's adapter an event loop is in right now. Written by the loop, read by the watchdog; two
/// relaxed stores a call, no clock.
public final class LoopActivity: Sendable {
    /// A sequence number, the backend's ordinal and the call; 0: in none.
    private let word = Atomic<UInt64>(0)

    /// Notes that a call begins; the result is for `leave`. Calls may nest.
    /// - Parameter sequence: of the loop: different for each call, so that two calls are not taken for one long one.
    @inline(__always)
    func enter(_ call: AdapterCall, ordinal: Int, sequence: UInt64) -> UInt64 {
        let outer = word.load(ordering: .relaxed)
        let place = UInt64(truncatingIfNeeded: ordinal) & 0xFF_FFFF
        word.store(sequence << 32 | place << 8 | UInt64(call.rawValue), ordering: .relaxed)
        return outer
    }

    @inline(__always)
    func leave(_ outer: UInt64) { word.store(outer, ordering: .relaxed) }

    /// What the loop is in. `identity` is different for each call.
    struct Sample: Equatable {
        var identity: UInt64
        var call: AdapterCall
        var ordinal: Int
    }

    var sample: Sample? {
        let word = word.load(ordering: .relaxed)
        guard let call = AdapterCall(rawValue: UInt8(truncatingIfNeeded: word)) else { return nil }
        return Sample(identity: word, call: call, ordinal: Int(word >> 8 & 0xFF_FFFF))
    }
}
