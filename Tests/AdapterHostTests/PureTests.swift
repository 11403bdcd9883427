import Testing

@testable import AdapterHost

@Suite struct ChangeSettlerTests {
    @Test func aChangeIsToldOnceItHasComeToRest() {
        var settler = ChangeSettler(told: ["a"], quiet: 200)

        let told = [1000, 1199, 1200, 5000].map { settler.observe(["a", "b"], now: $0) }

        #expect(told == [false, false, true, false])
        #expect(settler.due(now: 5000) == nil)
    }

    @Test func itIsDueWhenTheQuietTimeIsOver() {
        var settler = ChangeSettler(told: ["a"], quiet: 200)
        _ = settler.observe(["b"], now: 1000)

        #expect(settler.due(now: 1050) == 150)
    }

    @Test func whatGoesOnChangingIsNotTold() {
        var settler = ChangeSettler(told: 0, quiet: 200)

        for step in 1...50 {
            let told = settler.observe(step, now: step * 150)
            #expect(!told)
        }
        let told = settler.observe(50, now: 50 * 150 + 200)
        #expect(told)
    }

    @Test func aFileThatIsStillTouchedIsNotAtRest() {
        var settler = ChangeSettler(told: 0, quiet: 200)
        _ = settler.observe(1, now: 0)
        settler.touched(now: 150)

        let told = [300, 350].map { settler.observe(1, now: $0) }
        #expect(told == [false, true])
    }

    @Test func whatIsAsBeforeIsNoChange() {
        var settler = ChangeSettler(told: 0, quiet: 200)
        _ = settler.observe(1, now: 0)
        _ = settler.observe(0, now: 100)

        let told = settler.observe(0, now: 1000)
        #expect(!told && settler.due(now: 1000) == nil)
    }
}

@Suite struct StallDetectorTests {
    private let millisecond: UInt64 = 1_000_000
    private func sample(_ identity: UInt64) -> LoopActivity.Sample {
        LoopActivity.Sample(identity: identity, call: .onBody, ordinal: 3)
    }

    @Test func aCallThatDoesNotReturnIsToldOnceAndThenOnceASecondAndWhenItEnds() {
        var detector = StallDetector()
        var findings: [StallDetector.Finding] = []
        for time in stride(from: UInt64(0), through: 2300, by: 25) {
            if let finding = detector.observe(sample(1), now: time * millisecond) { findings.append(finding) }
        }
        if let finding = detector.observe(nil, now: 2325 * millisecond) { findings.append(finding) }

        #expect(
            findings == [
                .stalled(sample(1), nanoseconds: 100 * millisecond),
                .stillStalled(sample(1), nanoseconds: 1100 * millisecond),
                .stillStalled(sample(1), nanoseconds: 2100 * millisecond),
                .ended(sample(1), nanoseconds: 2325 * millisecond),
            ])
    }

    @Test func manyShortCallsAreNone() {
        var detector = StallDetector()
        for step in UInt64(1)...200 {
            let finding = detector.observe(sample(step), now: step * 25 * millisecond)
            #expect(finding == nil)
        }
    }

    @Test func anIdleLoopIsNone() {
        var detector = StallDetector()
        for step in UInt64(1)...200 {
            let finding = detector.observe(nil, now: step * 25 * millisecond)
            #expect(finding == nil)
        }
    }
}

@Suite struct LoopActivityTests {
    @Test func aNestedCallHidesTheOuterOneUntilItReturns() throws {
        let activity = LoopActivity()
        let none = activity.enter(.onBody, ordinal: 1, sequence: 10)
        let outer = try #require(activity.sample)
        let inner = activity.enter(.submit, ordinal: 2, sequence: 11)
        let nested = try #require(activity.sample)
        activity.leave(inner)

        #expect(nested.call == .submit && nested.ordinal == 2 && outer.call == .onBody && outer.ordinal == 1)
        #expect(activity.sample == outer)
        activity.leave(none)
        #expect(activity.sample == nil)
    }
}

@Suite struct ReportGateTests {
    @Test func aBurstIsTakenAndThenSoManyASecond() {
        var gate = ReportGate(burst: 5, perSecond: 10)
        let second: UInt64 = 1_000_000_000
        let atOnce = (0..<100).count { _ in gate.admits(now: second) }
        let later = (0..<1000).count { gate.admits(now: second + UInt64($0) * second / 1000) }

        #expect(atOnce == 5)
        #expect((9...11).contains(later))
    }

    @Test func aClockThatGoesBackHarmsNothing() {
        var gate = ReportGate(burst: 1, perSecond: 1)
        _ = gate.admits(now: 5_000_000_000)

        let admitted = gate.admits(now: 1_000_000_000)
        #expect(!admitted)
    }
}
