import Glibc

/// A figure of one window.
struct Reading: Equatable {
    var value: Double
    /// What it was worked out from: requests, answers, seconds.
    var count: Double
}

/// How far a figure is out of the usual. Each kind of figure is put on a scale on which chance alone makes it scatter by a known
/// amount, wherever it lies; the distance to the median of the windows before is told in terms of that scatter and of theirs.
enum ChangeScore {
    enum Scale {
        /// Events within the same time: by their square roots, which chance scatters by a half (Anscombe, 1948).
        case count
        /// A share of `count`, 0...1: by the arcsine of its root.
        case share
        /// A duration or a speed: by its logarithm.
        /// - Parameters:
        ///   - scatter: that of a single value, times how much less sure the quantile is than the mean.
        ///   - least: values below which nothing follows.
        case ratio(scatter: Double, least: Double)
        /// How much there was at a time.
        case level
    }

    /// Distances below this are chance.
    static let least = 2.0
    /// One that is larger says no more.
    static let most = 50.0

    /// nil: nothing is notable, or too little is known.
    static func distance(_ scale: Scale, now: Reading, before: [Reading]) -> Double? {
        guard !before.isEmpty else { return nil }
        let middle = median(before.map(\.value))
        guard isLargeEnough(scale, now.value, middle), isEnough(scale, now, before) else { return nil }
        let places = before.map { place($0.value, on: scale) }
        let usual = median(places)
        let spread = 1.4826 * median(places.map { abs($0 - usual) })
        let noise = noise(scale, now: now, before: before)
        let distance = abs(place(now.value, on: scale) - usual) / (spread * spread + noise * noise).squareRoot()
        return distance >= least ? min(distance, most) : nil
    }

    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard let last = sorted.last else { return 0 }
        let half = sorted.count / 2
        if sorted.count % 2 == 1 { return sorted[half] }
        return half > 0 ? (sorted[half - 1] + sorted[half]) / 2 : last
    }

    /// Whether anybody would mind.
    private static func isLargeEnough(_ scale: Scale, _ now: Double, _ middle: Double) -> Bool {
        let (low, high) = (min(now, middle), max(now, middle))
        return switch scale {
        case .count: high - low >= 3 && high + 1 >= 1.5 * (low + 1)
        case .share: high - low >= 0.02
        case .ratio: high > 0 && high >= 1.25 * low
        case .level: high - low >= 0.75 && high >= 1.5 * low
        }
    }

    private static func isEnough(_ scale: Scale, _ now: Reading, _ before: [Reading]) -> Bool {
        let least: Double =
            switch scale {
            case .share: 5
            case .ratio(_, let least): least
            case .count, .level: 0
            }
        return now.count >= least && before.contains { $0.count >= least }
    }

    private static func place(_ value: Double, on scale: Scale) -> Double {
        switch scale {
        case .count, .level: max(0, value).squareRoot()
        case .share: asin(min(1, max(0, value)).squareRoot())
        case .ratio: log(max(value, 0.5))
        }
    }

    /// What chance does to the difference.
    private static func noise(_ scale: Scale, now: Reading, before: [Reading]) -> Double {
        let both = 1 / max(1, now.count) + 1 / max(1, median(before.map(\.count)))
        return switch scale {
        case .count: 0.5 * 2.0.squareRoot()
        // Looked at many times.
        case .level: 0.4
        case .share: 0.5 * both.squareRoot()
        // Two buckets of a histogram besides.
        case .ratio(let scatter, _): (scatter * scatter * both + 0.02).squareRoot()
        }
    }
}
