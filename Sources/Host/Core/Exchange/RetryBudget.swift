import Synchronization

/// How many retries all exchanges together may make: a share of the requests of the last seconds, and a few in any case, so that
/// single failures are always retried but a machine that is dead does not double the load of the others. Pure.
public struct RetryBudget: Sendable, Equatable {
    /// Seconds of requests and retries that count.
    public static let window: UInt64 = 10

    private struct Second: Sendable, Equatable {
        var number: UInt64
        var requests: UInt64 = 0
        var retries: UInt64 = 0
    }

    /// Of the requests, in percent.
    public var percent: Int
    /// Retries in a window that are always allowed.
    public var minimum: Int
    private var seconds: [Second] = []
    /// Granted and refused, ever.
    public private(set) var granted: UInt64 = 0
    public private(set) var refused: UInt64 = 0

    public init(percent: Int, minimum: Int) {
        self.percent = percent
        self.minimum = minimum
    }

    /// So many requests came.
    /// - Parameter now: nanoseconds of the monotonic clock.
    public mutating func requestsCame(_ count: UInt64, now: UInt64) {
        roll(now)
        seconds[seconds.count - 1].requests += count
    }

    /// Whether there is room for a retry now.
    public func hasRoom(now: UInt64) -> Bool {
        let first = now / 1_000_000_000
        var (requests, retries): (UInt64, UInt64) = (0, 0)
        for second in seconds where second.number + Self.window > first {
            requests += second.requests
            retries += second.retries
        }
        return retries < max(UInt64(max(0, minimum)), requests * UInt64(max(0, percent)) / 100)
    }

    /// Takes a retry; false: there is no room for it.
    public mutating func takeRetry(now: UInt64) -> Bool {
        guard hasRoom(now: now) else {
            refused += 1
            return false
        }
        roll(now)
        seconds[seconds.count - 1].retries += 1
        granted += 1
        return true
    }

    private mutating func roll(_ now: UInt64) {
        let number = now / 1_000_000_000
        seconds.removeAll { $0.number + Self.window <= number }
        if seconds.last.map({ $0.number < number }) ?? true { seconds.append(Second(number: number)) }
    }
}

/// The budget of the whole host, for all event loops. Each loop counts its requests by itself and tells them now and then
/// (`RetryTally`), so that a request costs nothing here.
public final class RetryAllowance: Sendable {
    private let budget: Mutex<RetryBudget>

    public init(_ routing: Configuration.Routing) {
        budget = Mutex(RetryBudget(percent: routing.retryBudgetPercent, minimum: routing.retryBudgetMinimum))
    }

    public func set(_ routing: Configuration.Routing) {
        budget.withLock { ($0.percent, $0.minimum) = (routing.retryBudgetPercent, routing.retryBudgetMinimum) }
    }

    /// The same, at this instant.
    public var value: RetryBudget { budget.withLock { $0 } }

    fileprivate func change<Result: Sendable>(_ body: (inout sending RetryBudget) -> sending Result) -> Result {
        budget.withLock(body)
    }
}

/// One event loop's part of the budget: its requests that have not been told yet.
public struct RetryTally: Sendable {
    /// Requests that are told together.
    private static let batch: UInt64 = 32

    private let allowance: RetryAllowance
    private var untold: UInt64 = 0

    public init(_ allowance: RetryAllowance) { self.allowance = allowance }

    /// A request came.
    public mutating func requestCame(now: @autoclosure () -> UInt64) {
        untold += 1
        if untold >= Self.batch { tell(now: now()) }
    }

    private mutating func tell(now: UInt64) {
        let count = untold
        untold = 0
        allowance.change { $0.requestsCame(count, now: now) }
    }

    public mutating func hasRoom(now: UInt64) -> Bool {
        tell(now: now)
        return allowance.change { $0.hasRoom(now: now) }
    }

    public mutating func takeRetry(now: UInt64) -> Bool {
        tell(now: now)
        return allowance.change { $0.takeRetry(now: now) }
    }
}
