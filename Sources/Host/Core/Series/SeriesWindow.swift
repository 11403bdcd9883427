/// Stretches of time that series are kept for, each in steps of its own.
public enum SeriesWindow: Int, Sendable, CaseIterable {
    case fiveMinutes
    case hour
    case day

    /// As programs ask for it.
    public var name: String {
        switch self {
        case .fiveMinutes: "5m"
        case .hour: "1h"
        case .day: "24h"
        }
    }

    /// Seconds of a step; each is a multiple of the one before.
    public var step: Int64 {
        switch self {
        case .fiveMinutes: 10
        case .hour: 60
        case .day: 1800
        }
    }

    /// Steps that are kept, the one under way among them.
    public var count: Int {
        switch self {
        case .fiveMinutes: 30
        case .hour: 60
        case .day: 48
        }
    }

    public init?(name: String) {
        guard let window = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = window
    }

    /// Steps of all windows.
    static let steps = allCases.reduce(0) { $0 + $1.count }

    /// A time that can be reckoned with, whatever a clock shows.
    static func sensible(_ second: Int64) -> Int64 { min(max(0, second), 1 << 40) }

    /// When the oldest step that is kept begins, in Unix seconds.
    /// - Parameter now: Unix seconds.
    public func earliest(at now: Int64) -> Int64 { numbers(at: Self.sensible(now)).lowerBound * step }

    /// The numbers of the steps, counted from 1970, that are kept at a time.
    /// - Parameter second: Unix.
    func numbers(at second: Int64) -> ClosedRange<Int64> {
        let last = max(Int64(count), second / step)
        return (last - Int64(count) + 1)...last
    }
}
