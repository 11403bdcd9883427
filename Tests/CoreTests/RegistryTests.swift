import Synchronization
import Testing

@testable import Core

private typealias NoDriver = FailedBackend

private func registry(_ broadcaster: Broadcaster = Broadcaster(), failures: Int = 2, recoveries: Int = 2) -> Registry {
    Registry(failureThreshold: failures, recoveryThreshold: recoveries, broadcaster: broadcaster) { _ in }
}

private func add(_ id: String, to registry: Registry) {
    let identity = BackendIdentity(id: id, name: id, url: "http://x", backendType: "t", priority: 1)
    #expect(registry.add(identity, driver: NoDriver()))
}

@Suite struct HealthTrackerTests {
    @Test func theFirstResultCountsAtOnce() {
        var good = HealthTracker(failureThreshold: 3, recoveryThreshold: 2)
        #expect(good.status == .unknown)
        let first = good.record(success: true)
        #expect(first && good.status == .healthy)
        var bad = HealthTracker(failureThreshold: 3, recoveryThreshold: 2)
        let second = bad.record(success: false)
        #expect(second && bad.status == .unhealthy)
    }

    @Test func failuresInARowMakeItUnhealthyAndSuccessesInARowHealthy() {
        var tracker = HealthTracker(failureThreshold: 3, recoveryThreshold: 2)
        _ = tracker.record(success: true)
        #expect(tracker.record(success: false) == false)
        #expect(tracker.record(success: false) == false)
        #expect(tracker.status == .healthy)
        #expect(tracker.record(success: false) == true)
        #expect(tracker.status == .unhealthy)
        #expect(tracker.record(success: true) == false)
        #expect(tracker.record(success: true) == true)
        #expect(tracker.status == .healthy)
    }

    @Test func aSuccessInBetweenStartsTheCountAnew() {
        var tracker = HealthTracker(failureThreshold: 2, recoveryThreshold: 1)
        for _ in 0..<5 {
            _ = tracker.record(success: true)
            _ = tracker.record(success: false)
        }
        #expect(tracker.status == .healthy)
    }
}

private let second: UInt64 = 1_000_000_000

/// A backend whose probes were well.
private func served(failures: Int = 1) -> (Registry, BackendCounters) {
    let registry = registry(failures: failures)
    add("a", to: registry)
    registry.record([Model(id: "m")], of: "a")
    registry.record(HealthReport(outcome: .healthy), of: "a", now: 1, instant: second)
    return (registry, registry.snapshot.backends[0].counters)
}

/// A probe that was sent at second 10 has had no answer at second 15.
private func leaveProbeUnanswered(_ registry: Registry, meanwhile: () -> Void = {}) {
    registry.probeBegan(of: "a", now: 10 * second, timeout: 5 * second)
    meanwhile()
    var report = HealthReport(outcome: .unhealthy, message: "no answer")
    report.isLate = true
    registry.record(report, of: "a", now: 15, instant: 15 * second)
}

@Suite struct RegistryTrafficTests {
    @Test func aServerWhoseTrafficGoesOnIsBusyAndNotDead() {
        let (registry, counters) = served()
        leaveProbeUnanswered(registry) { counters.pulse.hear(at: 12 * second) }
        let view = registry.views[0]
        #expect(view.status == .healthy && view.lastError == nil && view.lastHealthCheck == 15)
    }

    @Test func aProbeThatFailsInAnotherWayCountsWhateverTheTrafficDoes() {
        let (registry, counters) = served()
        registry.probeBegan(of: "a", now: 10 * second, timeout: 5 * second)
        counters.pulse.hear(at: 12 * second)
        registry.record(HealthReport(outcome: .unhealthy, message: "refused"), of: "a", now: 2)
        #expect(registry.views[0].status == .unhealthy)
    }

    @Test func aServerThatAnswersNeitherRequestsNorAProbeIsLeftAloneAtOnce() {
        let (registry, counters) = served(failures: 3)
        let lease = counters.begin(limit: nil)
        leaveProbeUnanswered(registry)
        let view = registry.views[0]
        #expect(view.status == .degraded && view.lastError == "The server answered neither requests nor a probe.")
        #expect(counters.asideUntil(now: 15 * second) > 0 && counters.pulse.hasGivenUp(on: 9 * second))
        let isHeld = lease != nil
        #expect(isHeld)
    }

    @Test func withoutRequestsUnderWayAnUnansweredProbeIsOneFailureOfSeveral() {
        let (registry, counters) = served(failures: 3)
        leaveProbeUnanswered(registry)
        #expect(registry.views[0].status == .healthy && counters.asideUntil(now: 15 * second) == 0)
    }

    @Test func oneWhoseRequestsFailIsDegradedWithItsReasonUntilItIsWell() {
        let (registry, counters) = served()
        for _ in 0..<10 { _ = counters.told(.failure, trial: nil, message: "out of memory", now: 20 * second) }
        registry.breakerChanged(of: "a", now: 20)
        registry.record(HealthReport(outcome: .healthy), of: "a", now: 21, instant: 21 * second)

        let view = registry.views[0]
        #expect(view.status == .degraded && view.lastError == "10 of 10 requests failed; the last: out of memory")
        #expect(view.metadata["status_since"] == "1970-01-01T00:00:20Z")
        // It may be asked where no other can serve.
        #expect(registry.snapshot.candidates["m"] == [0])

        for _ in 0..<3 {
            guard let lease = counters.begin(limit: nil, now: 60 * second, isLastResort: false) else { break }
            _ = counters.told(.success, trial: lease.trial, now: 60 * second)
            lease.end()
        }
        registry.breakerChanged(of: "a", now: 60)
        #expect(registry.views[0].status == .healthy && registry.views[0].lastError == nil)
    }

    @Test func oneThatIsDownIsDownWhateverItsBreakerSays() {
        let (registry, counters) = served()
        for _ in 0..<2 { _ = counters.told(.unreachable, trial: nil, now: 20 * second) }
        registry.breakerChanged(of: "a", now: 20)
        registry.record(HealthReport(outcome: .unhealthy, message: "refused"), of: "a", now: 21, instant: 21 * second)
        #expect(registry.views[0].status == .unhealthy && registry.views[0].lastError == "refused")
        for at in [22, 23] as [UInt64] {
            registry.record(HealthReport(outcome: .healthy), of: "a", now: Double(at), instant: at * second)
        }
        #expect(registry.views[0].status == .healthy)
    }

    @Test func thePageOfTheContractNeverSeesADegradedBackendAsHealthy() {
        var view = BackendView(id: "a", name: "a", url: "", backendType: "t", status: .degraded)
        view.lastError = "why"
        let update = UpdateEncoder.backendStatusMessages([view]).map { String(decoding: $0, as: UTF8.self) }.joined()
        #expect(update.contains(#""status":"Unhealthy","state":"Degraded""#) && update.contains("why"))
    }
}

/// Which models are in their servers' memory.
@Suite struct LoadedModelTests {
    private let registry = Registry(
        failureThreshold: 1, recoveryThreshold: 1, broadcaster: Broadcaster(), onSnapshot: { _ in })

    private func add(_ id: String, _ models: [Model]) {
        let identity = BackendIdentity(id: id, name: id, url: "", backendType: "t", priority: 1)
        _ = registry.add(identity, driver: FailedBackend())
        registry.record(models, of: id)
        registry.record(HealthReport(outcome: .healthy), of: id, now: 1)
    }

    private func model(_ id: String, isLoaded: Bool?) -> Model {
        var model = Model(id: id)
        model.isLoaded = isLoaded
        return model
    }

    @Test func onlyWhatIsAskedForIsTold() {
        add("a", [model("alone", isLoaded: false), model("silent", isLoaded: nil), model("both", isLoaded: true)])
        add("b", [model("both", isLoaded: false), model("other", isLoaded: true)])

        let loaded = registry.loaded(["a": ["alone", "silent", "both", "unheard"], "b": ["both"], "gone": ["alone"]])

        #expect(loaded == ["a": ["alone": false, "both": true], "b": ["both": false]])
    }

    @Test func whatAnAnswerHasShownCountsBeforeWhatWasTold() {
        add("a", [model("both", isLoaded: false)])
        add("b", [model("both", isLoaded: false)])
        registry.snapshot.standings["both"]?[0]?.note(isLoaded: true)

        #expect(registry.loaded(["a": ["both"], "b": ["both"]]) == ["a": ["both": true], "b": ["both": false]])
    }
}

@Suite struct RegistryTests {
    @Test func aModelIsACandidateOnlyWhileItsBackendIsHealthy() {
        let registry = registry(failures: 1)
        add("a", to: registry)
        registry.record([Model(id: "m")], of: "a")
        #expect(registry.snapshot.candidates.isEmpty && registry.snapshot.holders["m"] == [0])

        registry.record(HealthReport(outcome: .healthy), of: "a", now: 1)
        #expect(registry.snapshot.candidates["m"] == [0])

        registry.record(HealthReport(outcome: .unhealthy, message: "down"), of: "a", now: 2)
        #expect(registry.snapshot.candidates.isEmpty && registry.snapshot.holders["m"] == [0])
        #expect(registry.views.first?.lastError == "down")
    }

    @Test func aBackendWithoutAListTakesTheNamesThatNobodyHas() {
        let registry = registry(failures: 1)
        for (id, model) in [("any", Model.any), ("a", "m"), ("b", "n")] {
            add(id, to: registry)
            registry.record([Model(id: model)], of: id)
            registry.record(HealthReport(outcome: .healthy), of: id, now: 1)
        }
        registry.record(HealthReport(outcome: .unhealthy), of: "b", now: 2)
        let snapshot = registry.snapshot

        #expect(snapshot.candidates(for: "m") == [1] && snapshot.candidates(for: "made up") == [0])
        #expect(snapshot.candidates(for: "n") == nil, "it has a backend, which is ill")
        #expect(snapshot.candidates[Model.any] == nil && snapshot.holders["made up"] == nil)

        registry.record(HealthReport(outcome: .unhealthy), of: "any", now: 3)
        #expect(registry.snapshot.candidates(for: "made up") == nil)
    }

    @Test func anIDIsTakenOnce() {
        let registry = registry()
        add("a", to: registry)
        let again = BackendIdentity(id: "a", name: "b", url: "", backendType: "", priority: 0)
        #expect(!registry.add(again, driver: NoDriver()))
    }

    @Test func reportsForUnknownBackendsAreIgnored() {
        let registry = registry()
        registry.record(HealthReport(outcome: .healthy), of: "ghost", now: 1)
        registry.record([Model(id: "m")], of: "ghost")
        #expect(registry.views.isEmpty)
    }

    @Test func changesArePublishedAndRepetitionsAreNot() {
        let broadcaster = Broadcaster()
        let registry = registry(broadcaster, failures: 1)
        add("a", to: registry)
        var subscription = broadcaster.subscribe {}
        func updates() -> [String] {
            broadcaster.read(&subscription, limit: 100).updates.map {
                switch $0.content {
                case .backends(let views), .fleet(let views): "status \(views.map(\.status.rawValue).joined())"
                case .models(_, let models): "models \(models.count)"
                case .removed: "removed"
                case .requestComplete: "request"
                case .action: "action"
                case .requests, .cancelled, .trouble: "requests"
                }
            }
        }

        registry.record([Model(id: "m")], of: "a")
        registry.record(HealthReport(outcome: .healthy), of: "a", now: 1)
        #expect(updates() == ["status Unknown", "status Healthy", "models 1"])

        registry.record([Model(id: "m")], of: "a")
        registry.record(HealthReport(outcome: .healthy), of: "a", now: 2)
        #expect(updates() == [])

        registry.record(HealthReport(outcome: .unhealthy, message: "x"), of: "a", now: 3)
        #expect(updates() == ["status Unhealthy", "models 0"])

        registry.remove(id: "a")
        #expect(updates() == ["removed"])
    }

    @Test func beforeTheFirstProbeItIsKnownWhenABackendCame() {
        let registry = registry()
        let identity = BackendIdentity(id: "a", name: "a", url: "", backendType: "t", priority: 0)
        #expect(registry.add(identity, driver: NoDriver(), now: 500))
        registry.replace(identity, driver: NoDriver(), keepsState: false)

        #expect(registry.views[0].addedAt == 500 && registry.views[0].lastHealthCheck == nil)
    }

    @Test func aBackendHasSoManyModelsAndNoMore() {
        let registry = registry()
        add("a", to: registry)
        registry.record((0..<Registry.modelLimit + 5).map { Model(id: "m\($0)") }, of: "a")

        #expect(registry.views[0].models.count == Registry.modelLimit)
        #expect(registry.views[0].metadata["models_dropped"] == "5")

        registry.record([Model(id: "m")], of: "a")
        #expect(registry.views[0].models.count == 1 && registry.views[0].metadata["models_dropped"] == nil)
    }

    @Test func allBackendsTogetherHaveSoManyModelsAndNoMore() {
        let registry = registry()
        let models = (0..<Registry.modelLimit).map { Model(id: "m\($0)") }
        let count = Registry.totalModelLimit / Registry.modelLimit + 2
        for number in 0..<count { add("\(number)", to: registry) }
        // Each probe may bring other names.
        for turn in 0..<2 {
            for number in 0..<count {
                registry.record(models.map { Model(id: "\(turn)-\(number)-\($0.id)") }, of: "\(number)")
            }
        }

        #expect(registry.views.reduce(0) { $0 + $1.models.count } == Registry.totalModelLimit)
        #expect(registry.views.last?.metadata["models_dropped"] == "\(Registry.modelLimit)")
    }

    @Test(arguments: [0, 12.5, 1e300, -1, .infinity, .nan] as [Double])
    func howLongAProbeTookIsShownWhateverItIs(_ latency: Double) {
        let registry = registry()
        add("a", to: registry)
        registry.record(HealthReport(outcome: .healthy, latencyMilliseconds: latency), of: "a", now: 1)

        #expect(registry.views[0].metadata["probe_ms"].flatMap(Int.init) ?? -1 >= 0)
    }

    @Test func howAttemptsEndIsCounted() {
        let counters = BackendCounters()
        for end in [BackendCounters.End.success(microseconds: 2000), .failure, .neutral] {
            _ = counters.begin(limit: 1)
            counters.ended(end)
        }
        #expect(counters.inFlight == 0 && counters.total == 3 && counters.failures == 1)
        #expect(counters.averageLatencyMilliseconds == 2)
    }

    @Test func aDriverIsReplacedWithoutANoticeWhenTheStateStays() {
        let registry = registry()
        add("a", to: registry)
        registry.record([Model(id: "m")], of: "a")
        registry.record(HealthReport(outcome: .healthy), of: "a", now: 1)
        let counters = registry.snapshot.backends[0].counters
        let driver = NoDriver()
        registry.replace(registry.snapshot.backends[0].identity, driver: driver, keepsState: true)

        #expect(registry.snapshot.candidates["m"] == [0])
        #expect(registry.snapshot.backends[0].driver === driver && registry.snapshot.backends[0].counters === counters)
    }

    @Test func aDriverOfAnotherServerStartsAnew() {
        let registry = registry()
        add("a", to: registry)
        registry.record([Model(id: "m")], of: "a")
        registry.record(HealthReport(outcome: .healthy), of: "a", now: 1)
        registry.replace(
            registry.snapshot.backends[0].identity, driver: NoDriver(), keepsState: false, lastError: "gone")

        #expect(registry.views[0].status == .unhealthy && registry.views[0].lastError == "gone")
        #expect(registry.views[0].models.isEmpty && registry.snapshot.candidates.isEmpty)
    }

    @Test func aDrainingBackendIsNoCandidateWhateverItReports() {
        let registry = registry()
        add("a", to: registry)
        registry.record([Model(id: "m")], of: "a")
        registry.record(HealthReport(outcome: .healthy), of: "a", now: 1)
        registry.drain(id: "a")
        registry.record(HealthReport(outcome: .healthy), of: "a", now: 2)

        #expect(registry.views[0].status == .draining && registry.snapshot.candidates.isEmpty)
    }

    @Test func otherThresholdsCountFromTheNextReport() {
        let registry = registry(failures: 3)
        add("a", to: registry)
        registry.record(HealthReport(outcome: .healthy), of: "a", now: 1)
        registry.setThresholds(failure: 1, recovery: 1)
        registry.record(HealthReport(outcome: .unhealthy, message: "x"), of: "a", now: 2)

        #expect(registry.views[0].status == .unhealthy)
    }
}
