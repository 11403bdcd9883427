import Testing

@testable import Core

@Suite struct LogHistogramTests {
    private func sum<let capacity: Int>(_ histogram: LogHistogram<capacity>) -> HistogramSum {
        var sum = HistogramSum()
        sum.add(histogram)
        return sum
    }

    private func filled<let capacity: Int>(
        _ values: [UInt64], _: LogHistogram<capacity>.Type
    ) -> LogHistogram<capacity> {
        var (histogram, random) = (LogHistogram<capacity>(), Core.SeededRandom(seed: 7))
        for value in values { histogram.add(LogBuckets.number(ofMilliseconds: value), random: &random) }
        return histogram
    }

    /// The value of that rank among all.
    private func exact(_ values: [UInt64], _ share: Double) -> Double {
        let sorted = values.sorted()
        return Double(sorted[max(1, Int((share * Double(sorted.count)).rounded(.up))) - 1])
    }

    @Test func everyValueLiesWithinItsBucketsError() {
        var value: UInt64 = 1
        while value < 1 << 31 {
            let middle = LogBuckets.middle(of: Int(LogBuckets.number(ofMilliseconds: value)), shift: 0)
            let told = LogBuckets.value(ofMiddle: middle)
            #expect(abs(told / Double(value) - 1) < 0.0443, "\(value) is told as \(told)")
            value += max(1, value / 37)
        }
        #expect(LogBuckets.number(ofMilliseconds: 0) == 0 && LogBuckets.value(ofMiddle: 0) == 0)
        #expect(LogBuckets.number(ofMilliseconds: .max) == 255)
    }

    @Test func bucketsFollowTheirValues() {
        var last: UInt8 = 0
        for value in UInt64(0)..<100_000 {
            let number = LogBuckets.number(ofMilliseconds: value)
            #expect(number >= last)
            last = number
        }
    }

    @Test(arguments: [0.5, 0.95, 0.99])
    func quantilesAreAsExactAsTheyTell(share: Double) throws {
        var random = Core.SeededRandom(seed: 3)
        let values = (0..<200).map { _ in UInt64.random(in: 20...1900, using: &random) }
        let wide = sum(filled(values, LogHistogram<64>.self))
        let narrow = sum(filled(values, LogHistogram<24>.self))
        for sum in [wide, narrow] {
            let told = try #require(sum.quantile(share))
            #expect(abs(told / exact(values, share) - 1) <= sum.error + 1e-9)
        }
        #expect(wide.error < 0.045 && narrow.error > 0.08 && narrow.error < 0.2)
    }

    @Test func valuesFarApartAreKeptWhateverTheirOrder() throws {
        for values: [UInt64] in [[1, 1_000_000_000], [1_000_000_000, 1], [50, 0, 2_000_000, 3], [0, 0, 5]] {
            let histogram = sum(filled(values, LogHistogram<24>.self))
            #expect(histogram.total == UInt64(values.count))
            let (least, most) = (try #require(histogram.quantile(0)), try #require(histogram.quantile(1)))
            #expect(abs(most / Double(try #require(values.max())) - 1) <= histogram.error + 1e-9)
            #expect(least <= 2 * Double(max(1, try #require(values.min()))))
        }
    }

    @Test func withoutValuesThereIsNoQuantile() {
        #expect(HistogramSum().quantile(0.5) == nil && LogHistogram<24>().isEmpty)
    }

    @Test func manyValuesAreThinnedAndKeepTheirShares() throws {
        var (histogram, random) = (LogHistogram<24>(), Core.SeededRandom(seed: 5))
        // Two in a hundred take ten times as long.
        for index in 0..<100_000 {
            let value: UInt64 = index % 50 == 0 ? 1000 : 100
            histogram.add(LogBuckets.number(ofMilliseconds: value), random: &random)
        }
        let told = sum(histogram)
        #expect(abs(Double(told.total) / 100_000 - 1) < 0.1, "\(told.total)")
        #expect(abs(try #require(told.quantile(0.95)) / 100 - 1) < 0.1)
        #expect(abs(try #require(told.quantile(0.99)) / 1000 - 1) < 0.1)
    }

    @Test func mergingIsAsGoodAsCountingTogether() throws {
        var random = Core.SeededRandom(seed: 11)
        let values = (0..<3000).map { index in
            UInt64.random(in: index < 1500 ? 10...90 : 4000...9000, using: &random)
        }
        var merged = LogHistogram<64>()
        merged.merge(filled(Array(values[..<1500]), LogHistogram<24>.self), random: &random)
        merged.merge(filled(Array(values[1500...]), LogHistogram<64>.self), random: &random)
        var sums = HistogramSum()
        sums.add(filled(Array(values[..<1500]), LogHistogram<24>.self))
        sums.add(filled(Array(values[1500...]), LogHistogram<64>.self))
        // Thinning leaves a share to chance.
        for share in [0.25, 0.75] {
            for told in [sum(merged), sums] {
                let value = try #require(told.quantile(share))
                #expect(value > exact(values, share - 0.1) * 0.8 && value < exact(values, share + 0.1) * 1.2)
            }
        }
    }

    @Test func aSumIsEmptyAfterItWasReset() {
        var sum = sum(filled([5, 700], LogHistogram<24>.self))
        sum.reset()
        #expect(sum.total == 0 && sum.quantile(0.5) == nil)
        sum.add(filled([9], LogHistogram<24>.self))
        #expect(sum.total == 1)
    }

    @Test func anyOrderOfAnythingKeepsTheWholeNumber() {
        var random = Core.SeededRandom(seed: 13)
        for _ in 0..<200 {
            var (histogram, count) = (LogHistogram<24>(), UInt64(0))
            for _ in 0..<Int.random(in: 1...60, using: &random) {
                histogram.add(UInt8.random(in: 0...255, using: &random), random: &random)
                count += 1
            }
            #expect(sum(histogram).total == count, "so few are never thinned")
        }
    }
}
