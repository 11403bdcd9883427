import Synchronization
import Testing

@testable import Core

private let second: UInt64 = 1_000_000_000

@Suite struct FlapCountTests {
    @Test func onlyThoseOfTheLastHourCount() {
        var flaps = FlapCount()
        for at in [10, 20, 3000] as [UInt64] { flaps.note(at: at * second) }
        #expect(flaps.recent(now: 3000 * second).count == 3)
        let later = flaps.recent(now: 3615 * second)
        #expect(later.count == 2 && later.first == 20 * second && later.last == 3000 * second)
        #expect(flaps.recent(now: 10_000 * second) == FlapCount.Recent() && flaps.total == 3)
    }

    @Test func whatIsKeptIsBounded() {
        var flaps = FlapCount()
        for at in 0..<10_000 as Range<UInt64> { flaps.note(at: at) }
        #expect(flaps.recent(now: 10_000).count == FlapCount.limit && flaps.total == 10_000)
    }
}

@Suite struct ProbeStripTests {
    @Test func probesOfOneSlotAreAddedUp() {
        var strip = ProbeStrip()
        strip.note(.good, latency: 10, at: 60 * second)
        strip.note(.good, latency: 30, at: 70 * second)
        strip.note(.failed, message: "refused", at: 89 * second)
        strip.note(.busy, message: "no answer", at: 90 * second)
        #expect(strip.slots.count == 2)
        let first = strip.slots[0]
        #expect(first.worst == .failed && first.latencyMilliseconds == 20 && first.error == "refused")
        #expect(first.began == 60 * second && first.counts == SIMD4(2, 0, 0, 1))
        #expect(strip.slots[1].worst == .busy && strip.slots[1].latencyMilliseconds == nil)
    }

    @Test func anHourIsKept() {
        var strip = ProbeStrip()
        for slot in 0..<1000 as Range<UInt64> { strip.note(.good, latency: 1, at: slot * ProbeStrip.slotLength) }
        #expect(strip.slots.count == ProbeStrip.slotLimit)
        #expect(strip.slots(now: 1010 * ProbeStrip.slotLength).count == ProbeStrip.slotLimit - 11)
    }

    @Test func anInstantThatWasReadEarlierBelongsToTheLastSlot() {
        var strip = ProbeStrip()
        strip.note(.good, at: 300 * second)
        strip.note(.good, at: 10 * second)
        #expect(strip.slots.count == 1 && strip.slots[0].counts[0] == 2)
    }

    @Test func failuresWithTheSameWordsAreOneAndTheLastAreKept() {
        var strip = ProbeStrip()
        for at in 0..<5 as Range<UInt64> { strip.note(.failed, message: "refused", at: at * second) }
        strip.note(.loading, message: "loading", at: 5 * second)
        #expect(strip.failures.map(\.count) == [5, 1] && strip.failures[0].instant == 4 * second)
        for at in 10..<100 as Range<UInt64> { strip.note(.failed, message: "e\(at)", at: at * second) }
        #expect(strip.failures.count == ProbeStrip.failureLimit && strip.failures.last?.message == "e99")
        strip.note(.busy, message: "no answer", at: 100 * second)
        #expect(strip.failures.last?.message == "e99", "that it was busy is no failure")
    }
}

@Suite struct BackendStateTests {
    private let registry: Registry

    init() {
        registry = Registry(failureThreshold: 3, recoveryThreshold: 2, broadcaster: Broadcaster()) { _ in }
        let identity = BackendIdentity(id: "a", name: "a", url: "http://x", backendType: "t", priority: 1)
        #expect(registry.add(identity, driver: FailedBackend(), now: 1))
    }

    private var view: BackendView { registry.views[0] }

    private func probe(_ reason: String? = nil, at: Double) {
        let report = HealthReport(outcome: reason == nil ? .healthy : .unhealthy, message: reason ?? "")
        registry.record(report, of: "a", now: at, instant: UInt64(at) * second)
    }

    @Test func goingDownAndGoingUpAreStatesOfTheirOwnWithTheirReasons() {
        #expect(view.state == .unknown)
        probe(at: 10)
        #expect(view.state == .healthy && view.stateReason == nil && view.lastError == nil)
        probe("refused", at: 20)
        #expect(view.status == .healthy && view.state == .goingDown && view.stateSince == 20)
        #expect(view.lastError == "refused" && view.stateReason == "1 of 3 probes in a row failed.")
        probe("refused", at: 21)
        probe("refused", at: 22)
        #expect(view.state == .unhealthy && view.stateSince == 22 && view.stateReason == nil)
        probe(at: 30)
        #expect(view.status == .unhealthy && view.state == .goingUp && view.stateSince == 30)
        #expect(view.stateReason == "1 of 2 probes in a row were well.")
    }

    @Test func theReasonStaysUntilItIsWell() {
        probe("refused", at: 10)
        probe(at: 11)
        #expect(view.lastError == "refused")
        #expect(registry.condition(of: "a")?.past.failingSince == 10)
        probe(at: 12)
        #expect(view.state == .healthy && view.lastError == nil)
        #expect(registry.condition(of: "a")?.past.failingSince == nil)
    }

    @Test func itFlapsWhenItCeasesToBeWellAndNotWhenItIsDrained() {
        for round in 0..<3 {
            for at in 0..<2 { probe(at: Double(round * 10 + at + 1)) }
            for at in 2..<5 { probe("gone", at: Double(round * 10 + at + 1)) }
        }
        #expect(registry.condition(of: "a")?.past.flaps.total == 3)
        for at in [50.0, 51] { probe(at: at) }
        registry.drain(id: "a", now: 52)
        #expect(registry.condition(of: "a")?.past.flaps.total == 3)
        #expect(view.state == .draining && view.stateReason == "It is on its way out and takes nothing new.")
    }

    @Test func whatIsRememberedStaysWhenTheInstanceIsReplaced() {
        probe(at: 1)
        for at in 2..<5 { probe("gone", at: Double(at)) }
        registry.replace(
            registry.snapshot.backends[0].identity, driver: FailedBackend(), keepsState: false, lastError: nil)
        #expect(registry.condition(of: "a")?.past.flaps.total == 1)
        #expect(registry.condition(of: "a")?.past.probes.failures.last?.count == 3)
    }

    @Test func whoListensIsToldOfEachChangeOnceWithItsReason() {
        let told = Mutex<[BackendChange]>([])
        let registry = Registry(
            failureThreshold: 2, recoveryThreshold: 1, broadcaster: Broadcaster(),
            onChange: { change in told.withLock { $0.append(change) } }, onSnapshot: { _ in })
        let identity = BackendIdentity(id: "a", name: "a", url: "http://x", backendType: "t", priority: 1)
        #expect(registry.add(identity, driver: FailedBackend(), now: 1))
        func probe(_ reason: String?, at: Double) {
            let report = HealthReport(outcome: reason == nil ? .healthy : .unhealthy, message: reason ?? "")
            registry.record(report, of: "a", now: at, instant: UInt64(at) * second)
        }
        for (reason, at) in [(nil, 10), ("refused", 20), ("refused", 30), ("refused", 40), (nil, 120), (nil, 130)]
            as [(String?, Double)]
        {
            probe(reason, at: at)
        }
        registry.drain(id: "a", now: 140)

        let changes = told.withLock { $0 }
        #expect(changes.map(\.after.status) == [.healthy, .healthy, .unhealthy, .healthy, .draining])
        #expect(changes.map(\.after.state) == [.healthy, .goingDown, .unhealthy, .healthy, .draining])
        #expect(changes[1].stateReason == "1 of 2 probes in a row failed." && changes[2].reason == "refused")
        #expect(changes[3].reason == nil && changes[3].lasted == 90)
    }

    @Test func theViewSaysWhatTheStatusDoesNot() {
        probe(at: 10)
        let well = String(decoding: ContractEncoder.backend(view), as: UTF8.self)
        #expect(!well.contains("\"state") && !well.contains("flaps"))
        probe("refused", at: 20)
        let text = String(decoding: ContractEncoder.backend(view), as: UTF8.self)
        #expect(
            text.contains(
                #""status":"Healthy","state":"GoingDown","state_since":"1970-01-01T00:00:20Z","#
                    + #""state_reason":"1 of 3 probes in a row failed.""#))
        probe("refused", at: 21)
        probe("refused", at: 22)
        let down = String(decoding: ContractEncoder.backend(view), as: UTF8.self)
        #expect(down.contains(#""status":"Unhealthy","#) && !down.contains(#""state""#))
    }

    @Test func aDrainedOneSaysThatAnOperatorDidIt() {
        var identity = registry.snapshot.backends[0].identity
        identity.isEnabled = false
        registry.relabel(identity, now: 5)
        #expect(view.state == .draining && view.stateReason == "It was drained, and takes nothing new.")
        #expect(view.stateSince == 5)
    }
}

@Suite struct LastErrorsTests {
    private func entry(_ id: String, failures: [(backend: String, words: String?)]) -> HistoryEntry {
        var entry = HistoryEntry(
            timestamp: 5, model: "m", backendID: failures.last?.backend ?? "none", durationMilliseconds: 1,
            status: .error, errorMessage: "x")
        entry.requestID = id
        entry.statusCode = 502
        entry.route = failures.map { step in
            var route = RouteStep(backend: step.backend, reason: .only, failure: step.words)
            route.isBlamed = step.words != nil
            return route
        }
        return entry
    }

    @Test func eachFailedAttemptIsKeptAtItsBackend() {
        let errors = LastErrors()
        errors.take([entry("r1", failures: [("a", "boom"), ("b", nil)]), entry("r2", failures: [("b", "bang")])])
        #expect(errors.of("a").map(\.requestID) == ["r1"] && errors.of("b").map(\.message) == ["bang"])
        #expect(errors.message(of: "a", model: "m") == "boom" && errors.message(of: "c", model: "m") == nil)
        let item = errors.of("a").first
        #expect(item?.statusCode == 502 && item?.model == "m" && item?.at == 5)
    }

    @Test func theNewestAreKept() {
        let errors = LastErrors()
        for number in 0..<50 { errors.take([entry("r\(number)", failures: [("a", "boom")])]) }
        #expect(errors.of("a").count == LastErrors.limit && errors.of("a").last?.requestID == "r49")
    }
}
