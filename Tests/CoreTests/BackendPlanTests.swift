import Testing

@testable import Core

@Suite struct BackendPlanTests {
    private func backend(_ name: String, _ change: (inout Configuration.Backend) -> Void = { _ in }) throws
        -> Configuration.Backend
    {
        var backend = Configuration.Backend(name: name, type: "t", url: try BackendURL("http://127.0.0.1:1"))
        change(&backend)
        return backend
    }

    private func part(_ definition: Configuration.Backend, image: Int? = 1, isFailed: Bool = false) -> BackendPlan.Part
    {
        BackendPlan.Part(definition: definition, image: image, isFailed: isFailed)
    }

    @Test func nothingIsDoneWhereNothingHasChanged() throws {
        let part = part(try backend("a"))

        #expect(BackendPlan.steps(running: [part], wanted: [part]) == [])
    }

    @Test func whatIsNewComesBeforeWhatGoes() throws {
        let old = try backend("old")
        let new = try backend("new")

        #expect(
            BackendPlan.steps(running: [part(old)], wanted: [part(new)]) == [.add(new), .remove(id: "old")])
    }

    @Test func whatOnlyRoutingLooksAtLeavesTheInstance() throws {
        let changed = try backend("a") {
            $0.priority = 3
            $0.maxConcurrent = 8
            $0.timeouts.gap = .seconds(1)
        }

        #expect(BackendPlan.steps(running: [part(try backend("a"))], wanted: [part(changed)]) == [.relabel(changed)])
    }

    @Test func otherOptionsMakeANewInstanceOfTheSameServer() throws {
        let changed = try backend("a") { $0.options = #"{"x":1}"# }

        #expect(
            BackendPlan.steps(running: [part(try backend("a"))], wanted: [part(changed)])
                == [.replace(changed, keepsState: true)])
    }

    @Test func anotherLimitOfConnectingMakesANewInstance() throws {
        let changed = try backend("a") { $0.timeouts.connect = .seconds(1) }

        #expect(
            BackendPlan.steps(running: [part(try backend("a"))], wanted: [part(changed)])
                == [.replace(changed, keepsState: true)])
    }

    @Test func anotherAddressStartsAnew() throws {
        let url = try BackendURL("http://127.0.0.1:2")
        let changed = try backend("a") { $0.url = url }

        #expect(
            BackendPlan.steps(running: [part(try backend("a"))], wanted: [part(changed)])
                == [.replace(changed, keepsState: false)])
    }

    @Test func aNewImageTakesOverWithoutANotice() throws {
        let same = try backend("a")

        #expect(
            BackendPlan.steps(running: [part(same, image: 1)], wanted: [part(same, image: 2)])
                == [.replace(same, keepsState: true)])
    }

    @Test func withoutAnAdapterARunningBackendIsWithdrawn() throws {
        let same = try backend("a")

        #expect(
            BackendPlan.steps(running: [part(same)], wanted: [part(same, image: nil)]) == [.withdraw(same)])
    }

    @Test func whatHasFailedIsTriedAgain() throws {
        let same = try backend("a")

        #expect(
            BackendPlan.steps(running: [part(same, image: nil, isFailed: true)], wanted: [part(same)])
                == [.replace(same, keepsState: false)])
    }
}
