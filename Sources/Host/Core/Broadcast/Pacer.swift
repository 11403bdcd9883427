/// Paces one subscriber: every update at once as long as little happens; under a flood at most `requestsPerTick`
/// `RequestComplete` updates a tick. Times are monotonic nanoseconds.
public struct Pacer: Sendable {
    public static let tickNanoseconds: UInt64 = 100_000_000
    public static let requestsPerTick = 100

    private var tickStart: UInt64 = 0
    private var sent = 0

    public init() {}

    /// Nanoseconds to wait before serving; 0: now.
    public func delay(now: UInt64) -> UInt64 {
        let end = tickStart + Self.tickNanoseconds
        return sent < Self.requestsPerTick || now >= end ? 0 : end - now
    }

    /// How many `RequestComplete` updates may be sent now; of more, the newest count.
    public func allowance(now: UInt64) -> Int {
        now >= tickStart + Self.tickNanoseconds ? Self.requestsPerTick : max(0, Self.requestsPerTick - sent)
    }

    public mutating func served(requests: Int, now: UInt64) {
        if now >= tickStart + Self.tickNanoseconds {
            tickStart = now
            sent = 0
        }
        sent += requests
    }
}
