/// The values of any number of histograms together.
struct HistogramSum {
    /// Values by the middle of their bucket.
    private var counts = [UInt64](repeating: 0, count: LogBuckets.middles)
    /// Where there are some.
    private var range: ClosedRange<Int>?
    private(set) var total: UInt64 = 0
    /// The most buckets that were one in any of them, as a power of two.
    private(set) var shift = 0

    mutating func add<let capacity: Int>(_ values: LogHistogram<capacity>) {
        guard !values.isEmpty else { return }
        let (shift, thinning) = (Int(values.shift), UInt64(min(values.thinning, 40)))
        self.shift = max(self.shift, shift)
        values.eachBucket { number, count in
            let middle = LogBuckets.middle(of: number, shift: shift)
            let weight = UInt64(count) << thinning
            counts[middle] &+= weight
            total &+= weight
            range = range.map { min($0.lowerBound, middle)...max($0.upperBound, middle) } ?? middle...middle
        }
    }

    mutating func add(_ values: KeptBuckets) {
        for bucket in values.buckets {
            let middle = LogBuckets.middle(of: Int(bucket.number), shift: 0)
            counts[middle] &+= bucket.count
            total &+= bucket.count
            range = range.map { min($0.lowerBound, middle)...max($0.upperBound, middle) } ?? middle...middle
        }
    }

    mutating func reset() {
        if let range { for middle in range { counts[middle] = 0 } }
        (range, total, shift) = (nil, 0, 0)
    }

    /// Milliseconds that a share of the values does not exceed; nil: there are none. Off by at most `error`.
    /// - Parameter share: 0...1
    func quantile(_ share: Double) -> Double? {
        guard let range, total > 0 else { return nil }
        let rank = max(1, UInt64((share * Double(total)).rounded(.up)))
        var passed: UInt64 = 0
        for middle in range {
            passed &+= counts[middle]
            if passed >= rank { return LogBuckets.value(ofMiddle: middle) }
        }
        return LogBuckets.value(ofMiddle: range.upperBound)
    }

    /// The share by which a quantile may be off.
    var error: Double { LogBuckets.error(shift: shift) }
}
