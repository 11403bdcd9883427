/// How often values fell below each of some bounds. A value; any number of values of any size can be added.
public struct FixedHistogram: Sendable, Equatable {
    /// Upper bounds of the buckets, growing.
    public let bounds: [Double]
    /// Values in each bucket alone; one more than there are bounds.
    public private(set) var counts: [UInt64]
    public private(set) var sum = 0.0

    public init(_ bounds: [Double]) {
        self.bounds = bounds
        counts = [UInt64](repeating: 0, count: bounds.count + 1)
    }

    public var count: UInt64 { counts.reduce(0, &+) }

    /// What is no number, or below zero, is left out.
    public mutating func add(_ value: Double) {
        guard value >= 0, value.isFinite else { return }
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] &+= 1
        sum = min(sum + value, .greatestFiniteMagnitude)
    }
}
