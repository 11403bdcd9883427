/// The newest steps of a window. What is old makes room as time goes on; steps in which nothing was written stay empty. Takes no
/// memory before the first is written.
struct StepRing<Element: SeriesElement>: Sendable {
    let window: SeriesWindow
    private var elements: ContiguousArray<Element> = []
    /// The number of the newest step that was written, counted from 1970.
    private(set) var newest: Int64 = 0

    init(_ window: SeriesWindow) { self.window = window }

    /// Changes the step of that number; what is older than all that are kept is left out.
    /// - Parameter number: not below 0.
    mutating func update(_ number: Int64, _ change: (inout Element) -> Void) {
        let count = Int64(window.count)
        if elements.isEmpty {
            elements = ContiguousArray(repeating: Element(), count: window.count)
            newest = number
        }
        if number > newest {
            for passed in max(newest + 1, number - count + 1)...number { elements[place(passed)] = Element() }
            newest = number
        }
        guard number > newest - count else { return }
        change(&elements[place(number)])
    }

    /// Forgets steps after that one: the clock was wrong.
    mutating func rewind(to number: Int64) {
        guard newest > number, !elements.isEmpty else { return }
        for wrong in max(number + 1, newest - Int64(window.count) + 1)...newest { elements[place(wrong)] = Element() }
        newest = number
    }

    /// nil: it is not kept, or nothing was written since.
    subscript(number: Int64) -> Element? {
        guard !elements.isEmpty, number <= newest, number > newest - Int64(window.count), number >= 0 else {
            return nil
        }
        return elements[place(number)]
    }

    /// The numbers of the steps that are kept, oldest first; empty before the first is written.
    var numbers: Range<Int64> {
        elements.isEmpty ? 0..<0 : max(0, newest - Int64(window.count) + 1)..<(newest + 1)
    }

    private func place(_ number: Int64) -> Int { Int(number % Int64(window.count)) }

    /// Bytes that it takes besides itself.
    var bytes: Int { elements.isEmpty ? 0 : Self.header + elements.capacity * MemoryLayout<Element>.stride }
    /// The most bytes that a ring of the window takes.
    static func mostBytes(_ window: SeriesWindow) -> Int { header + window.count * MemoryLayout<Element>.stride }
    /// Of an array's storage, with what the allocator adds.
    private static var header: Int { 48 }
}

/// A ring for each window.
struct StepRings<Element: SeriesElement>: Sendable {
    private var short = StepRing<Element>(.fiveMinutes)
    private var middle = StepRing<Element>(.hour)
    private var long = StepRing<Element>(.day)

    subscript(window: SeriesWindow) -> StepRing<Element> {
        switch window {
        case .fiveMinutes: short
        case .hour: middle
        case .day: long
        }
    }

    /// Changes the step of each window in which a second lies.
    mutating func update(at second: Int64, _ change: (inout Element) -> Void) {
        short.update(second / SeriesWindow.fiveMinutes.step, change)
        middle.update(second / SeriesWindow.hour.step, change)
        long.update(second / SeriesWindow.day.step, change)
    }

    /// Changes one step of a window.
    mutating func update(_ window: SeriesWindow, _ number: Int64, _ change: (inout Element) -> Void) {
        switch window {
        case .fiveMinutes: short.update(number, change)
        case .hour: middle.update(number, change)
        case .day: long.update(number, change)
        }
    }

    mutating func rewind(to second: Int64) {
        short.rewind(to: second / SeriesWindow.fiveMinutes.step)
        middle.rewind(to: second / SeriesWindow.hour.step)
        long.rewind(to: second / SeriesWindow.day.step)
    }

    var bytes: Int { short.bytes + middle.bytes + long.bytes }
    static var mostBytes: Int { SeriesWindow.allCases.reduce(0) { $0 + StepRing<Element>.mostBytes($1) } }
}
