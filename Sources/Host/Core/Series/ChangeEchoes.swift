import Glibc

/// Which changes say the same as another one that says more: of a backend what one of its models alone has made, of all what one
/// backend alone has. Pure.
struct ChangeEchoes {
    /// A change, and the requests of what it is about: in the chosen window or before, whichever is more.
    typealias Found = (change: SeriesChanges.Change, volume: Double)

    /// A part with so much of the requests is as good as the whole.
    private static let almostAll = 0.9
    /// A part that explains so much of a change of the whole has made it.
    private static let most = 0.7

    private let found: [Found]

    init(_ found: [Found]) { self.found = found }

    /// Those that are no echo, in their order.
    var heard: [Found] {
        found.filter { whole in
            let parts = found.filter {
                Self.isPart($0.change, of: whole.change) && Self.isSame($0.change, whole.change)
            }
            if parts.contains(where: { $0.volume >= Self.almostAll * whole.volume }) { return false }
            // What several have made is a change of the whole.
            guard parts.count == 1 else { return true }
            return !Self.explains(parts[0], whole)
        }
    }

    /// One level below.
    private static func isPart(_ part: SeriesChanges.Change, of whole: SeriesChanges.Change) -> Bool {
        guard whole.model == nil else { return false }
        if whole.backend == nil { return part.backend != nil && part.model == nil }
        return part.backend == whole.backend && part.model != nil
    }

    private static func isSame(_ part: SeriesChanges.Change, _ whole: SeriesChanges.Change) -> Bool {
        part.metric.family == whole.metric.family
            && (part.metric != whole.metric || (part.move > 0) == (whole.move > 0))
    }

    /// Whether what a part has changed by is about what the whole has.
    private static func explains(_ part: Found, _ whole: Found) -> Bool {
        switch (part.change.metric.scale, whole.change.metric.scale) {
        case (.ratio, .ratio):
            return part.change.factor >= most * whole.change.factor
        case (.share, .share):
            return part.change.move * part.volume / (whole.change.move * whole.volume) >= most
        case (.count, .count), (.level, .level):
            return part.change.move / whole.change.move >= most
        default:
            // Failed requests and failed attempts: not to be compared.
            return false
        }
    }
}

extension SeriesChanges.Change {
    private var middle: Double { ChangeScore.median(before) }

    /// By how much it has changed.
    fileprivate var move: Double { now - middle }

    /// How many times it is more or less, as a logarithm without its sign.
    fileprivate var factor: Double { abs(log(max(now, 0.5)) - log(max(middle, 0.5))) }
}
