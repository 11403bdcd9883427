import Core
import NIOCore
import Testing

@testable import Gateway

/// What exchanges tell breakers, and what follows from them.
@Suite struct BreakerExchangeTests {
    /// With two backends, of which the first is preferred.
    private func pair(
        _ change: (inout Configuration) -> Void = { _ in }
    ) -> (gateway: EmbeddedGateway, first: ScriptedDriver, second: ScriptedDriver) {
        let gateway = EmbeddedGateway { configuration in change(&configuration) }
        gateway.advance(.seconds(100))
        return (gateway, gateway.add("one", priority: 1), gateway.add("two", priority: 2))
    }

    private func counters(_ gateway: EmbeddedGateway, _ name: String = "one") throws -> BackendCounters {
        try #require(gateway.state.registry.snapshot.backends.first { $0.identity.id == name }).counters
    }

    /// Asks, lets the first backend fail where it is asked, and the second answer.
    private func ask(
        _ gateway: EmbeddedGateway, _ first: ScriptedDriver, _ second: ScriptedDriver, _ kind: ExchangeFailure.Kind,
        status: Int = 0
    ) throws -> Int? {
        let client = try gateway.client()
        let (asked, others) = (first.attempts.count, second.attempts.count)
        try client.ask()
        if first.attempts.count > asked { first.attempts[asked].fail(kind, status: status) }
        gateway.eventLoop.run()
        if second.attempts.count > others { second.attempts[others].answer("{}") }
        return try client.status()
    }

    @Test func oneThatRefusesConnectionsIsAskedTwiceAndThenNoMore() throws {
        let (gateway, first, second) = pair()
        let statuses = try (0..<20).map { _ in try ask(gateway, first, second, .connect) }
        #expect(statuses.allSatisfy { $0 == 200 } && first.attempts.count == 2)
        #expect(gateway.state.registry.views[0].status == .degraded)
    }

    @Test func whatTheCallerDidWrongOpensNothing() throws {
        let (gateway, first, second) = pair { $0.breaker.minimumRequests = 1 }
        for _ in 0..<20 { _ = try ask(gateway, first, second, .rejected, status: 422) }
        #expect(try first.attempts.count == 20 && counters(gateway).breaker.isClosed)
    }

    @Test func whenAllAreLeftAloneTheOneIsAskedWhoseTimeIsNearest() throws {
        let (gateway, first, second) = pair()
        for _ in 0..<2 { _ = try counters(gateway, "two").told(.unreachable, trial: nil, now: 98_000_000_000) }
        for _ in 0..<2 {
            _ = try counters(gateway, "one")
                .told(.unreachable, trial: nil, now: gateway.eventLoop.now.uptimeNanoseconds)
        }
        let client = try gateway.client()
        try client.ask()
        #expect(first.attempts.isEmpty && second.attempts.count == 1)
    }

    @Test func atItsTimeSoManyTryAsMayAndItClosesWhenTheirAnswersBegin() throws {
        let (gateway, first, second) = pair { $0.breaker.halfOpenRequests = 2 }
        for _ in 0..<2 { _ = try ask(gateway, first, second, .connect) }
        gateway.advance(.seconds(7))
        var clients: [EmbeddedClient] = []
        for _ in 0..<5 {
            clients.append(try gateway.client())
            try clients[clients.count - 1].ask(#"{"model":"m","stream":true}"#)
        }
        #expect(first.attempts.count == 4 && second.attempts.count == 5)

        // Long answers: their first pieces say enough.
        for attempt in first.attempts.suffix(2) {
            attempt.begin()
            attempt.write("data: 1\n\n")
        }

        #expect(try counters(gateway).breaker.isClosed && gateway.state.registry.views[0].status == .healthy)
    }

    @Test func aTrialWhoseClientLeavesIsNotLost() throws {
        let (gateway, first, second) = pair { $0.breaker.halfOpenRequests = 1 }
        for _ in 0..<2 { _ = try ask(gateway, first, second, .connect) }
        gateway.advance(.seconds(7))
        for round in 1...3 {
            let client = try gateway.client()
            try client.ask()
            #expect(first.attempts.count == 2 + round)
            try client.leave()
        }
    }

    @Test func requestsThatWaitAtAServerWithoutALifeSignAreTriedElsewhere() throws {
        let (gateway, first, second) = pair()
        let client = try gateway.client()
        try client.ask()
        gateway.advance(.seconds(3))
        gateway.state.registry.probeBegan(
            of: "one", now: gateway.eventLoop.now.uptimeNanoseconds, timeout: 5_000_000_000)
        gateway.advance(.seconds(2))
        // The probe goes on: others are asked first, and who waits waits.
        let next = try gateway.client()
        try next.ask()
        #expect(first.attempts.count == 1 && second.attempts.count == 1 && !first.attempts[0].isCancelled)

        gateway.advance(.seconds(3))
        var report = HealthReport(outcome: .unhealthy, message: "no answer")
        report.isLate = true
        gateway.state.registry.record(
            report, of: "one", now: 1, instant: gateway.eventLoop.now.uptimeNanoseconds)
        gateway.loop.refresh()
        gateway.advance(.seconds(1))

        #expect(second.attempts.count == 2 && first.attempts[0].isCancelled)
        second.attempts[1].answer("{}")
        #expect(try client.status() == 200)
        // Nothing more is held against it than its breaker knows.
        #expect(try counters(gateway).failures == 0)
    }

    @Test func anAnswerThatGoesOnIsASignOfLife() throws {
        let (gateway, first, _) = pair()
        let client = try gateway.client()
        try client.ask(#"{"model":"m","stream":true}"#)
        first.attempts[0].begin()
        gateway.advance(.seconds(3))
        first.attempts[0].write("data: 1\n\n")
        let instant = gateway.eventLoop.now.uptimeNanoseconds
        gateway.advance(.seconds(1))
        #expect(try counters(gateway).pulse.heardAt == instant)
    }

    @Test func retriesStopWhereTheBudgetDoes() throws {
        let (gateway, first, second) = pair {
            $0.breaker.enabled = false
            $0.routing.retryBudgetPercent = 0
            $0.routing.retryBudgetMinimum = 2
        }
        let statuses = try (0..<5).map { _ in try ask(gateway, first, second, .upstream, status: 500) }
        #expect(statuses == [200, 200, 502, 502, 502] && gateway.state.retries.value.refused == 3)
    }
}
