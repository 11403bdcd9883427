import Testing

@testable import Gateway

@Suite struct ServiceStatusTests {
    @Test func itSaysWhereAndHowManyServe() {
        #expect(
            ServiceStatus.words(address: "http://127.0.0.1:8000", serving: 2, of: 3)
                == "http://127.0.0.1:8000; 2 of 3 backends serve")
        #expect(ServiceStatus.words(address: "a", serving: 1, of: 1) == "a; 1 of 1 backends serves")
        #expect(ServiceStatus.words(address: "a", serving: 0, of: 0) == "a; no backend yet")
    }
}

@Suite struct PatienceTests {
    @Test func whatEndsInTimeIsWaitedFor() async {
        await confirmation { ended in await Patience.wait(atMost: .seconds(600)) { ended() } }
    }

    @Test func whatDoesNotEndIsLeftToItself() async {
        await Patience.wait(atMost: .milliseconds(1)) { try? await Task.sleep(for: .seconds(600)) }
    }
}
