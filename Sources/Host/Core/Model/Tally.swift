import Synchronization

/// A sum of figures that others tell. It stays at `limit` rather than overflow, whatever is added and however often, so
/// that no server, adapter or client can end the process with a number.
public struct Tally: Sendable, Hashable, ExpressibleByIntegerLiteral {
    /// The largest number that every reader of JSON takes for the same one (RFC 8259, section 6).
    public static let limit: UInt64 = (1 << 53) - 1

    public private(set) var value: UInt64

    public init(_ value: UInt64 = 0) { self.value = min(value, Self.limit) }

    public init(integerLiteral value: UInt64) { self.init(value) }

    public static func += (tally: inout Tally, amount: UInt64) {
        tally.value = amount < limit - tally.value ? tally.value + amount : limit
    }

    public static func + (left: Tally, right: Tally) -> Tally {
        var sum = left
        sum += right.value
        return sum
    }
}

/// A sum of durations that others tell; what is no duration is left out.
public struct TimeTally: Sendable, Equatable {
    /// 30 million years.
    static let limit = 1e15

    public private(set) var seconds = 0.0

    public init() {}

    public mutating func add(seconds: Double) {
        guard seconds > 0, seconds.isFinite else { return }
        self.seconds = min(self.seconds + seconds, Self.limit)
    }
}

extension Double {
    /// The nearest whole number within the range; its lower end for what is no number.
    public func whole(in range: ClosedRange<Int>) -> Int {
        guard self > Double(range.lowerBound) else { return range.lowerBound }
        guard self < Double(range.upperBound) else { return range.upperBound }
        return Int(rounded())
    }
}

extension Atomic where Value == UInt64 {
    /// Adds, and stays at the largest number rather than trap or begin anew.
    public func grow(by amount: UInt64) {
        let (before, after) = wrappingAdd(amount, ordering: .relaxed)
        if after < before { store(.max, ordering: .relaxed) }
    }
}
