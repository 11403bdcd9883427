import Core
import Testing

@Suite struct FirstTokenTimesTests {
    private let key = FirstTokenTimes.Key(model: "m", isWhole: false)

    private func times(_ nanoseconds: [UInt64]) -> FirstTokenTimes {
        var times = FirstTokenTimes()
        for time in nanoseconds { times.note(time, of: key) }
        return times
    }

    @Test func withFewAnswersNothingIsLate() {
        #expect(times([]).late(for: key) == nil)
        #expect(times(Array(1...UInt64(FirstTokenTimes.minimum - 1))).late(for: key) == nil)
        #expect(times(Array(1...UInt64(FirstTokenTimes.minimum))).late(for: key) == 19)
    }

    @Test func whatIsLaterThan95Of100IsLate() {
        // The first hundred, in no order, and found anew at the last eight.
        let shuffled = (0..<100).map { UInt64($0 * 37 % 100 + 1) }
        #expect((93...97).contains(times(shuffled).late(for: key) ?? 0))
    }

    @Test func theNewestCount() {
        let slow = [UInt64](repeating: 1000, count: 200)
        let fast = [UInt64](repeating: 10, count: FirstTokenTimes.window)
        #expect(times(slow + fast).late(for: key) == 10)
    }

    @Test func modelsAndWholeAnswersAreToldApart() {
        let times = times([UInt64](repeating: 10, count: 20))
        #expect(times.late(for: FirstTokenTimes.Key(model: "m", isWhole: true)) == nil)
        #expect(times.late(for: FirstTokenTimes.Key(model: "n", isWhole: false)) == nil)
    }

    @Test func noMoreModelsAreKeptThanThereIsRoomFor() {
        var times = FirstTokenTimes()
        for number in 0...FirstTokenTimes.limit {
            for _ in 0..<FirstTokenTimes.minimum {
                times.note(1, of: FirstTokenTimes.Key(model: "m\(number)", isWhole: true))
            }
        }
        let last = FirstTokenTimes.limit
        #expect(times.late(for: FirstTokenTimes.Key(model: "m\(last - 1)", isWhole: true)) == 1)
        #expect(times.late(for: FirstTokenTimes.Key(model: "m\(last)", isWhole: true)) == nil)
    }
}
