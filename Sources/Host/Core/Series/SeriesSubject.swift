/// What a figure is about: all exchanges, a backend's, a model's, or some pairs of both.
struct SeriesSubject {
    enum Part: Equatable {
        case total
        /// By the index in the book.
        case backend(Int)
        case pair(Int)
        case otherPairs
        case otherBackends
    }

    var backend: String?
    var model: String?
    var isRest = false
    /// Its parts are told together.
    var parts: [Part]

    /// From when on all of it is known, in Unix seconds.
    func knownFrom(in book: SeriesBook) -> Int64 {
        parts.map { part -> Int64 in
            switch part {
            case .backend(let index): book.backends[index].knownFrom
            case .pair(let index): book.pairs[index].knownFrom
            case .total, .otherPairs, .otherBackends: 0
            }
        }.max() ?? 0
    }

    /// Adds what is known of a step.
    func add(_ window: SeriesWindow, _ number: Int64, of source: SeriesSource, to sum: inout PointSum) {
        for part in parts {
            switch part {
            case .total: source.forEachOfAll(window, number) { sum.add($0) }
            case .backend(let index): source.forEach(ofBackend: index, window, number) { sum.add($0) }
            case .pair(let index):
                source.forEach(ofPair: index, window, number, kept: { sum.add($0) }, open: { sum.add($0) })
            case .otherPairs: source.forEachOfOtherPairs(window, number) { sum.add($0) }
            case .otherBackends: source.forEachOfOtherBackends(window, number) { sum.add($0) }
            }
        }
    }

    /// Requests and failed attempts within some steps.
    func volume(_ window: SeriesWindow, _ numbers: ClosedRange<Int64>, of source: SeriesSource) -> Volume {
        var volume = Volume()
        for number in numbers {
            for part in parts {
                switch part {
                case .total: source.forEachOfAll(window, number) { volume.add($0.sums) }
                case .backend(let index): source.forEach(ofBackend: index, window, number) { volume.add($0.sums) }
                case .pair(let index):
                    source.forEach(
                        ofPair: index, window, number, kept: { volume.add($0.sums) }, open: { volume.add($0.sums) })
                case .otherPairs: source.forEachOfOtherPairs(window, number) { volume.add($0.sums) }
                case .otherBackends: source.forEachOfOtherBackends(window, number) { volume.add($0.sums) }
                }
            }
        }
        return volume
    }

    /// How much there is to tell of it.
    struct Volume {
        private(set) var requests: UInt64 = 0
        private(set) var failures: UInt64 = 0

        var isUsed: Bool { requests > 0 || failures > 0 }

        mutating func add(_ sums: SeriesSums) {
            requests += UInt64(sums.requests)
            failures += UInt64(sums.failedAttempts)
        }
    }

    /// What is in flight there, as far as that is looked at.
    func inFlight(in book: SeriesBook) -> StepRings<GaugeStep>? {
        guard parts.count == 1 else { return nil }
        return switch parts[0] {
        case .total: book.inFlight
        case .backend(let index): book.backends[index].inFlight
        case .pair, .otherPairs, .otherBackends: nil
        }
    }
}
