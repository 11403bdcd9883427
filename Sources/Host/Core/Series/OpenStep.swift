/// The exchanges of the step under way, until it is over and the series that are kept take it: so an exchange costs one addition,
/// however many series and windows it belongs to.
struct OpenStep: Sendable {
    /// As exact as the most exact of those series.
    private(set) var step = SeriesStep<64>()
    /// The number of the shortest window's step.
    private(set) var number: Int64 = 0

    /// Seconds of the step under way.
    static var seconds: Int64 { SeriesWindow.fiveMinutes.step }

    init() {}

    var isUsed: Bool { step.isUsed }
    /// When it began, in Unix seconds: when it was last used, to a step.
    var second: Int64 { number * Self.seconds }

    mutating func add(_ note: SeriesNote, random: inout SeededRandom) { step.add(note, random: &random) }
    mutating func addFailedAttempt() { step.sums.addFailedAttempt() }

    /// Begins the next one.
    mutating func begin(_ number: Int64) {
        step = SeriesStep()
        self.number = number
    }

    /// What was under way when the clock was wrong belongs to now.
    mutating func rewind(to second: Int64) { number = min(number, second / Self.seconds) }

    /// Whether it lies within a step of a window.
    func lies(in number: Int64, of window: SeriesWindow) -> Bool { isUsed && second / window.step == number }
}

/// The exchanges of one subject over all windows.
typealias ExchangeRings<let capacity: Int> = StepRings<SeriesStep<capacity>>

extension StepRings {
    /// Takes what was under way.
    mutating func take<let capacity: Int>(_ open: OpenStep, random: inout SeededRandom)
    where Element == SeriesStep<capacity> {
        update(at: open.second) { $0.merge(open.step, random: &random) }
    }

    /// Takes everything of another.
    mutating func merge<let capacity: Int, let other: Int>(
        _ rings: StepRings<SeriesStep<other>>, random: inout SeededRandom
    ) where Element == SeriesStep<capacity> {
        for window in SeriesWindow.allCases {
            let ring = rings[window]
            for number in ring.numbers {
                guard let step = ring[number], step.isUsed else { continue }
                update(window, number) { $0.merge(step, random: &random) }
            }
        }
    }
}
