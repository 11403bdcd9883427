import Testing

@testable import AdapterHost

@Suite struct InstanceEndTests {
    @Test func anInstanceThatIsEndedTwiceIsDestroyedOnceAndBothWaitForIt() async throws {
        let bench = try await Bench.make(name: "twice")
        let backend = bench.backend
        // Something is under way, so that both wait.
        backend.pin()
        let first = Task { await backend.end() }
        let second = Task { await backend.end() }
        while !EndingInstances.all.contains(where: { $0 === backend }) { await Task.yield() }
        #expect(backend.instance != nil)

        backend.unpin()
        await first.value
        await second.value
        await backend.end()

        #expect(backend.instance == nil)
    }

    @Test func whatIsOnItsWayOutIsKnownUntilItIsGone() async throws {
        let bench = try await Bench.make(name: "leaving")
        let backend = bench.backend
        backend.pin()
        let end = Task { await backend.end() }
        while !EndingInstances.all.contains(where: { $0 === backend }) { await Task.yield() }

        backend.unpin()
        await end.value

        #expect(!EndingInstances.all.contains { $0 === backend })
    }
}
