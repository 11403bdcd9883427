import Testing

@testable import Core

/// Who waits at which backends, as these come, go and tell other things.
@Suite struct VacanciesTests {
    private let registry = Registry(
        failureThreshold: 1, recoveryThreshold: 1, broadcaster: Broadcaster(), onSnapshot: { _ in })
    private let limits = ConcurrencyLimits()

    private func add(_ id: String, sees: Bool, limit: Int = 1) {
        let identity = BackendIdentity(id: id, name: id, url: "", backendType: "t", priority: 1, maxConcurrent: limit)
        _ = registry.add(identity, driver: FailedBackend())
        tell(id, sees: sees)
        registry.record(HealthReport(outcome: .healthy), of: id, now: 1)
    }

    private func tell(_ id: String, sees: Bool) {
        registry.record(
            [Model(id: "m", capabilities: sees ? .vision : .tools, lacks: sees ? [] : .vision)], of: id)
    }

    private func counters(_ id: String) throws -> BackendCounters {
        try #require(registry.snapshot.backends.first { $0.identity.id == id }).counters
    }

    private func wants() -> Admission.Wants {
        let eligibility = Eligibility(model: "m", needs: Needs(required: .vision))
        return Admission.Wants(model: "m", kind: .chat, unfit: eligibility.unfit(in: registry.snapshot))
    }

    private func mayFind(_ wants: Admission.Wants) -> Bool {
        Vacancies.mayFind(wants, in: registry.snapshot, under: limits)
    }

    @Test func whoWaitsIsServedByABackendThatComesUpLater() throws {
        add("blind", sees: false)
        add("seeing", sees: true)
        let lease = try counters("seeing").begin(limit: 1)
        let wants = wants()
        #expect(!mayFind(wants), "a blind one is no help")

        add("later", sees: true)

        #expect(mayFind(wants))
        #expect(self.wants() == wants, "who comes now waits for the same, and does not overtake")
        lease?.end()
    }

    @Test func whoWaitsIsServedByABackendThatTellsMeanwhileThatItCan() throws {
        add("blind", sees: false)
        add("seeing", sees: true)
        let lease = try counters("seeing").begin(limit: 1)
        let wants = wants()
        #expect(!mayFind(wants))

        tell("blind", sees: true)

        #expect(mayFind(wants))
        lease?.end()
    }

    @Test func whereOnlySuchAreLeftThatCannotWhoWaitsIsTold() {
        add("blind", sees: false)
        add("seeing", sees: true)
        let wants = wants()
        registry.remove(id: "seeing")

        #expect(mayFind(wants))
    }
}
