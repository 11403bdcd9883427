import Glibc
import Synchronization

/// The monotonic clock of an adapter. It is the system's: an adapter links against nothing of the gateway, so it cannot use the
/// gateway's. A program that has the adapter inside itself and a clock of its own, such as the simulation, puts that in its place.
public enum AdapterClock {
    private static let other = Mutex<(@Sendable () -> UInt64)?>(nil)

    /// From now on `now` is asked for the time, in milliseconds. On any thread, before there are instances.
    public static func replace(with now: @escaping @Sendable () -> UInt64) { other.withLock { $0 = now } }

    /// From a start that does not change. On any thread.
    static func milliseconds() -> UInt64 {
        if let other = other.withLock({ $0 }) { return other() }
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}
