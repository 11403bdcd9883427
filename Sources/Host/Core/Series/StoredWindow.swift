/// Stretches of time that figures are told for out of the history's file, each in steps of its own.
public enum StoredWindow: String, Sendable, CaseIterable {
    case day
    case week
    case month

    /// Seconds of a step: whole minutes.
    public var step: Int64 {
        switch self {
        case .day: 1800
        case .week: 7200
        case .month: 21_600
        }
    }

    /// Steps, the one under way among them.
    public var count: Int {
        switch self {
        case .day: 48
        case .week: 84
        case .month: 120
        }
    }

    /// The numbers of the steps, counted from 1970.
    /// - Parameter second: Unix.
    func numbers(at second: Int64) -> ClosedRange<Int64> {
        let last = max(Int64(count), SeriesWindow.sensible(second) / step)
        return (last - Int64(count) + 1)...last
    }

    /// The minutes, counted from 1970, that lie in it.
    /// - Parameter second: Unix.
    public func minutes(at second: Int64) -> Range<Int64> {
        let numbers = numbers(at: second)
        return numbers.lowerBound * step / 60..<(numbers.upperBound + 1) * step / 60
    }
}
