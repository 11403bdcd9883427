import Glibc
import Shims

/// The clocks of the gateway: the monotonic one for durations, the wall clock for what is shown to people. What runs on an event
/// loop takes that loop's `now` where it can. A thread may have clocks of its own (`nexus_set_thread_clock`): the simulation's.
public enum Clock {
    /// Of the monotonic clock.
    public static func monotonicNanoseconds() -> UInt64 {
        nexus_thread_clock()?.pointee.monotonic ?? nanoseconds(CLOCK_MONOTONIC)
    }

    /// Of the monotonic clock.
    public static func monotonicMilliseconds() -> Int64 { Int64(monotonicNanoseconds() / 1_000_000) }

    /// Unix seconds.
    public static func wallSeconds() -> Int64 {
        Int64((nexus_thread_clock()?.pointee.wall ?? nanoseconds(CLOCK_REALTIME_COARSE)) / 1_000_000_000)
    }

    /// Unix seconds with fraction.
    public static func preciseWallSeconds() -> Double { Double(wallNanoseconds()) / 1e9 }

    /// Since 1970.
    public static func wallMilliseconds() -> Int64 { Int64(wallNanoseconds() / 1_000_000) }

    /// Of the wall clock to the monotonic one, in nanoseconds: what makes a time of the one of a time of the other.
    public static func wallOffset() -> Int64 {
        Int64(clamping: wallNanoseconds()) - Int64(clamping: monotonicNanoseconds())
    }

    private static func wallNanoseconds() -> UInt64 {
        nexus_thread_clock()?.pointee.wall ?? nanoseconds(CLOCK_REALTIME)
    }

    private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
        var now = timespec()
        clock_gettime(clock, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }
}
