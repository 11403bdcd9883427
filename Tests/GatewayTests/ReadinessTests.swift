import Core
import Testing

@testable import Gateway

@Suite struct ReadinessTests {
    @Test(
        arguments: [
            (false, [.healthy], nil), (false, [.unhealthy, .degraded], nil),
            (true, [.healthy], "The gateway is shutting down."),
            (false, [], "There is no backend."),
            (false, [.unknown, .unhealthy], "No backend can serve; 1 of 2 have not been looked at yet."),
            (false, [.draining, .draining], "No backend can serve: all 2 are drained."),
            (false, [.draining, .unhealthy], "No backend can serve: none of 2 is well."),
        ] as [(Bool, [BackendStatus], String?)])
    func requestsAreWelcomeWhereOneBackendCanServe(_ isEnding: Bool, _ backends: [BackendStatus], _ problem: String?) {
        #expect(Readiness.problem(isEnding: isEnding, backends) == problem)
    }
}
