/// What is known of one model at the backends that have it, by their places in the snapshot's list. Looked at for each candidate
/// of each request: a sorted array, since hashing takes longer than looking where it must be.
public struct ModelStandings: Sendable {
    private struct Entry: Sendable {
        let index: Int
        let standing: ModelStanding
    }

    private var entries: ContiguousArray<Entry> = []
    /// Up to so many entries are looked at one by one.
    private static let few = 8

    public init() {}

    /// - Parameter index: no smaller than all before; of the same one the first counts.
    public mutating func append(_ standing: ModelStanding, at index: Int) {
        assert(entries.last.map { $0.index <= index } ?? true, "standings are not in the order of the backends")
        if entries.last?.index == index { return }
        entries.append(Entry(index: index, standing: standing))
    }

    /// At the backend with this place in the snapshot's list; nil: it does not have the model.
    public subscript(index: Int) -> ModelStanding? { place(of: index).map { entries[$0].standing } }

    private func place(of index: Int) -> Int? {
        // Where all backends have the model, each is in its own place.
        if index < entries.count, entries[index].index == index { return index }
        if entries.count <= Self.few { return entries.firstIndex { $0.index == index } }
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].index < index { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].index == index ? low : nil
    }

    /// At the backend with this place in the snapshot's list.
    /// - Parameters:
    ///   - isWhole: what counts is how long whole answers took; else how long until streams began.
    ///   - now: nanoseconds of the monotonic clock.
    public func gauge(at index: Int, isWhole: Bool, now: UInt64) -> ModelGauge {
        guard let place = place(of: index) else { return .unknown }
        let standing = entries[place].standing
        return ModelGauge(
            answerTime: standing.answerTime(isWhole: isWhole, now: now), readiness: standing.readiness,
            errorRate: standing.errorRate)
    }
}
