import Core
import NIOCore
import Testing

@testable import Gateway

/// A second attempt beside one whose answer is late.
@Suite struct HedgingTests {
    private let gateway: EmbeddedGateway
    private let first: ScriptedDriver
    private let second: ScriptedDriver
    private let client: EmbeddedClient

    /// Answers of "m" have begun within 100 ms so far.
    init() throws {
        gateway = EmbeddedGateway { $0.routing.hedge = true }
        first = gateway.add("one", priority: 1)
        second = gateway.add("two", priority: 2)
        client = try gateway.client()
        gateway.expectFirstTokens()
    }

    private func ask() throws { try client.ask(#"{"model":"m","stream":true}"#) }

    private var isIdle: Bool { gateway.inFlight("one") == 0 && gateway.inFlight("two") == 0 }

    private func expectOneRecord(
        _ backend: String, attempts: Int, _ status: HistoryEntry.Status = .success, isWhole: Bool = false
    ) {
        let history = gateway.history
        #expect(history.map(\.backendID) == [backend] && history.map(\.attempts) == [attempts])
        #expect(history.map(\.status) == [status] && isIdle)
        // The scripted drivers keep what was held back of a whole answer.
        if !isWhole { #expect(gateway.state.memory.used == 0) }
    }

    @Test func anAnswerInTimeHasNoSecondAttempt() throws {
        try ask()
        gateway.advance(.milliseconds(99))
        first.attempts[0].begin()
        first.attempts[0].write("data: 1\n\n")
        gateway.advance(.seconds(5))
        first.attempts[0].finish()

        #expect(second.attempts.isEmpty && gateway.state.hedges.begun == 0)
        expectOneRecord("one", attempts: 1)
    }

    @Test func theSecondWinsIfItGivesTheFirstByte() throws {
        try ask()
        gateway.advance(.milliseconds(100))
        #expect(second.attempts.count == 1 && !first.attempts[0].isCancelled)
        first.attempts[0].begin()
        second.attempts[0].begin()
        #expect(try client.take() == "")

        second.attempts[0].write("data: 2\n\n")
        #expect(first.attempts[0].isCancelled && gateway.inFlight("one") == 0)
        second.attempts[0].write("data: 3\n\n")
        second.attempts[0].finish()

        let text = try client.take()
        #expect(text.contains("x-nexus-backend: two\r\nx-nexus-attempts: 2") && text.contains(";hedge\r\n"))
        #expect(text.contains("data: 2") && text.contains("data: 3"))
        #expect(gateway.state.hedges.wins == 1)
        expectOneRecord("two", attempts: 2)
    }

    @Test func theFirstWinsIfItGivesTheFirstByteAfterAll() throws {
        try ask()
        gateway.advance(.milliseconds(150))
        second.attempts[0].begin()
        first.attempts[0].begin()
        first.attempts[0].write("data: 1\n\n")
        #expect(second.attempts[0].isCancelled && gateway.inFlight("two") == 0)
        // What comes of it all the same counts for nothing.
        #expect(second.attempts[0].write("data: 2\n\n") == .refused)
        first.attempts[0].finish()

        let text = try client.take()
        #expect(text.contains("x-nexus-backend: one") && !text.contains("data: 2"))
        expectOneRecord("one", attempts: 2)
    }

    @Test func embeddingsAreRacedForToo() throws {
        try client.ask(#"{"model":"m","input":"a"}"#, path: "/v1/embeddings")
        gateway.advance(.milliseconds(150))
        second.attempts[0].answer(#"{"a":2}"#)

        #expect(try client.take().hasSuffix(#"{"a":2}"#) && first.attempts[0].isCancelled)
        expectOneRecord("two", attempts: 2, isWhole: true)
    }

    @Test(
        arguments: [
            ("/v1/chat/completions", #"{"model":"m"}"#), ("/v1/completions", #"{"model":"m","prompt":"a"}"#),
            ("/v1/responses", #"{"model":"m","input":"a","stream":true}"#),
            ("/v1/images/generations", #"{"model":"m","prompt":"a"}"#),
            ("/v1/audio/speech", #"{"model":"m","input":"a"}"#),
        ])
    func whatMustNotRunTwiceOrBeginsOnlyAtItsEndIsAskedOnce(path: String, body: String) throws {
        try client.ask(body, path: path)
        gateway.advance(.seconds(5))
        #expect(first.attempts.count == 1 && second.attempts.isEmpty)
        first.attempts[0].answer("{}")
        expectOneRecord("one", attempts: 1, isWhole: true)
    }

    @Test func aSecondThatFailsLeavesTheFirst() throws {
        try ask()
        gateway.advance(.milliseconds(150))
        second.attempts[0].fail(.upstream, status: 500)
        #expect(!first.attempts[0].isCancelled && gateway.inFlight("two") == 0)
        first.attempts[0].begin()
        first.attempts[0].write("data: 1\n\n")
        first.attempts[0].finish()

        #expect(try client.take().contains("x-nexus-backend: one"))
        expectOneRecord("one", attempts: 2)
    }

    @Test func aFirstThatFailsLeavesTheSecond() throws {
        try ask()
        gateway.advance(.milliseconds(150))
        first.attempts[0].fail(.upstream, status: 500)
        #expect(!second.attempts[0].isCancelled && second.attempts.count == 1 && gateway.inFlight("one") == 0)
        second.attempts[0].begin()
        second.attempts[0].write("data: 2\n\n")
        second.attempts[0].finish()

        #expect(try client.take().contains("x-nexus-backend: two"))
        expectOneRecord("two", attempts: 2)
    }

    @Test func ifBothFailTheLastFailureIsTold() throws {
        try ask()
        gateway.advance(.milliseconds(150))
        first.attempts[0].fail(.upstream, status: 500, "first")
        second.attempts[0].fail(.upstream, status: 500, "second")

        let text = try client.take()
        #expect(text.hasPrefix("HTTP/1.1 502") && text.contains("second"))
        expectOneRecord("two", attempts: 2, .error)
        #expect(gateway.history.first?.route.map(\.end) == [.failed, .failed])
        #expect(gateway.failures("one") == 1 && gateway.failures("two") == 1)
    }

    @Test func whatTheClientIsToBlameForEndsBoth() throws {
        try ask()
        gateway.advance(.milliseconds(150))
        first.attempts[0].fail(.rejected, status: 400, "too long")

        #expect(try client.take().hasPrefix("HTTP/1.1 400") && second.attempts[0].isCancelled)
        expectOneRecord("one", attempts: 2, .error)
        #expect(gateway.history.first?.route.map(\.end) == [.failed, .hedgedAway])
    }

    @Test func aClientThatGoesFreesBoth() throws {
        try ask()
        gateway.advance(.milliseconds(150))
        try client.leave()
        gateway.eventLoop.run()

        #expect(first.attempts[0].isCancelled && second.attempts[0].isCancelled && isIdle)
        #expect(gateway.history.map(\.statusCode) == [499] && gateway.history.map(\.attempts) == [2])
    }

    // MARK: What is recorded

    @Test func aFirstThatWasTooSlowSaysSoAndHasNotFailed() throws {
        try ask()
        gateway.advance(.milliseconds(250))
        second.attempts[0].begin()
        second.attempts[0].write("data: 2\n\n")
        second.attempts[0].finish()

        let entry = try #require(gateway.history.first)
        #expect(entry.route.map(\.end) == [.hedgedAway, .answered] && entry.route.map(\.backend) == ["one", "two"])
        #expect(entry.route.map(\.waitedMilliseconds) == [250, nil])
        #expect(entry.route.map(\.firstByteMilliseconds) == [nil, 150] && entry.timeToFirstByteMilliseconds == 250)
        #expect(entry.route.map(\.isBlamed) == [false, false] && entry.route[1].reason.isHedge)
        #expect(gateway.failures("one") == 0 && gateway.successes("one") == 0 && gateway.successes("two") == 1)

        let pairs = gateway.state.quality.pairs(now: entry.timestamp)
        let sums = pairs.first { $0.backend == "two" }?.sums[0]
        #expect(sums?.attempts == 1 && sums?.failures == 0 && sums?.timeToFirstTokenMilliseconds == 150)
        #expect(!pairs.contains { $0.backend == "one" }, "it has neither answered nor failed")
    }

    @Test func aSlowFirstIsKnownToBeAtLeastThatSlow() throws {
        try ask()
        gateway.advance(.milliseconds(250))
        second.attempts[0].begin()
        second.attempts[0].write("data: 2\n\n")
        second.attempts[0].finish()

        #expect(gateway.firstToken("one") == 250 && gateway.firstToken("two") == 150)
        // A second one that lost was merely not fast enough.
        try ask()
        let (slow, beside) = (gateway.inFlight("one") == 1 ? (first, second) : (second, first))
        gateway.advance(.milliseconds(250))
        let before = (gateway.firstToken("one"), gateway.firstToken("two"))
        slow.attempts.last?.begin()
        slow.attempts.last?.write("data: 1\n\n")
        #expect(beside.attempts.last?.isCancelled == true)
        slow.attempts.last?.finish()
        let (one, two) = (gateway.firstToken("one"), gateway.firstToken("two"))
        #expect(slow === first ? two == before.1 : one == before.0)
    }

    @Test func aSecondThatLostSaysSo() throws {
        try ask()
        gateway.advance(.milliseconds(150))
        first.attempts[0].begin()
        first.attempts[0].write("data: 1\n\n")
        first.attempts[0].finish()

        let entry = try #require(gateway.history.first)
        #expect(entry.route.map(\.end) == [.answered, .hedgedAway] && entry.route[1].waitedMilliseconds == 50)
        #expect(gateway.failures("two") == 0 && gateway.state.hedges.wins == 0 && gateway.state.hedges.begun == 1)
        #expect(try client.take().contains("x-nexus-attempts: 2"))
    }

    @Test func aSecondThatBreaksOffLaterIsTheOneThatFailed() throws {
        try ask()
        gateway.advance(.milliseconds(150))
        second.attempts[0].begin()
        second.attempts[0].write("data: 2\n\n")
        second.attempts[0].fail(.upstream)

        #expect(gateway.history.first?.route.map(\.end) == [.hedgedAway, .failed])
        #expect(gateway.failures("one") == 0 && gateway.failures("two") == 1)
        expectOneRecord("two", attempts: 2, .error)
    }

    @Test func thereIsOneForARequestAtTheMost() throws {
        try ask()
        gateway.advance(.milliseconds(150))
        second.attempts[0].fail(.upstream, status: 500)
        gateway.advance(.seconds(5))
        first.attempts[0].fail(.upstream, status: 500)
        gateway.advance(.seconds(5))

        #expect(first.attempts.count == 1 && second.attempts.count == 1)
        expectOneRecord("one", attempts: 2, .error)
    }

    @Test func aRetryThatIsLateMayHaveOne() throws {
        let third = gateway.add("three", priority: 3)
        try ask()
        first.attempts[0].fail(.upstream, status: 500)
        gateway.advance(.milliseconds(150))
        #expect(second.attempts.count == 1 && third.attempts.count == 1)
        third.attempts[0].begin()
        third.attempts[0].write("data: 3\n\n")
        third.attempts[0].finish()

        #expect(second.attempts[0].isCancelled)
        #expect(gateway.history.first?.route.map(\.end) == [.failed, .hedgedAway, .answered])
        expectOneRecord("three", attempts: 3)
    }

    @Test func eachIsOverWhenItsOwnTimeIs() throws {
        let short = EmbeddedGateway {
            $0.routing.hedge = true
            $0.timeouts.firstByte = .seconds(1)
        }
        let (one, two) = (short.add("one", priority: 1), short.add("two", priority: 2))
        short.expectFirstTokens()
        let client = try short.client()
        try client.ask(#"{"model":"m","stream":true}"#)
        short.advance(.milliseconds(500))
        #expect(two.attempts.count == 1)
        short.advance(.milliseconds(550))
        // The first's time is over before the second's, which goes on alone.
        #expect(one.attempts[0].isCancelled && !two.attempts[0].isCancelled)
        two.attempts[0].begin()
        two.attempts[0].write("data: 2\n\n")
        two.attempts[0].finish()
        #expect(short.history.first?.route.map(\.end) == [.failed, .answered])
    }

    // MARK: When there is none

    @Test func aPlaceThatOthersWaitForIsNotTaken() throws {
        let full = EmbeddedGateway {
            $0.routing.hedge = true
            $0.queue.maxConcurrent = 1
        }
        full.add("one", priority: 1)
        let other = full.add("two", priority: 2)
        full.expectFirstTokens()
        let (client, waiter) = (try full.client(), try full.client())
        try client.ask(#"{"model":"m","stream":true}"#)
        try waiter.ask(#"{"model":"m","stream":true}"#)
        full.advance(.seconds(2))

        #expect(other.attempts.isEmpty && full.state.admission.count == 1)
    }

    @Test func thereIsNoneWhereTooFewAnswersHaveCome() throws {
        let fresh = EmbeddedGateway { $0.routing.hedge = true }
        fresh.add("one", priority: 1)
        let other = fresh.add("two", priority: 2)
        let client = try fresh.client()
        try client.ask(#"{"model":"m","stream":true}"#)
        fresh.advance(.seconds(60))

        #expect(other.attempts.isEmpty)
    }

    @Test func whatIsLateIsLearntFromStreams() throws {
        let fresh = EmbeddedGateway { $0.routing.hedge = true }
        let one = fresh.add("one", priority: 1)
        let other = fresh.add("two", priority: 2)
        for _ in 0..<FirstTokenTimes.minimum {
            let client = try fresh.client()
            try client.ask(#"{"model":"m","stream":true}"#)
            fresh.advance(.milliseconds(40))
            one.attempts.last?.begin()
            one.attempts.last?.write("data: 1\n\n")
            one.attempts.last?.finish()
        }
        let client = try fresh.client()
        try client.ask(#"{"model":"m","stream":true}"#)
        fresh.advance(.milliseconds(39))
        #expect(other.attempts.isEmpty)
        fresh.advance(.milliseconds(1))
        #expect(other.attempts.count == 1)
    }

    @Test func thereIsNoneWithoutAFreePlaceElsewhere() throws {
        let full = EmbeddedGateway { $0.routing.hedge = true }
        full.add("one", priority: 1)
        let other = full.add("two", priority: 2, limit: 1)
        full.expectFirstTokens()
        let lease = full.state.registry.snapshot.backends[1].counters.begin(limit: 1)
        let client = try full.client()
        try client.ask(#"{"model":"m","stream":true}"#)
        full.advance(.seconds(2))

        #expect(other.attempts.isEmpty && lease != nil)
    }

    @Test func thereIsNoneBeyondTheBudgetOfRetriesOrTheirNumber() throws {
        for change: (inout Configuration) -> Void in [
            { ($0.routing.retryBudgetMinimum, $0.routing.retryBudgetPercent) = (0, 0) }, { $0.routing.maxRetries = 0 },
            { $0.routing.hedge = false },
        ] {
            let gateway = EmbeddedGateway { configuration in
                configuration.routing.hedge = true
                change(&configuration)
            }
            gateway.add("one", priority: 1)
            let other = gateway.add("two", priority: 2)
            gateway.expectFirstTokens()
            let client = try gateway.client()
            try client.ask(#"{"model":"m","stream":true}"#)
            gateway.advance(.seconds(2))

            #expect(other.attempts.isEmpty && gateway.inFlight("two") == 0)
        }
    }
}

extension EmbeddedGateway {
    /// As if answers of "m" had begun within 100 ms so far.
    fileprivate func expectFirstTokens() {
        for isWhole in [false, true] {
            for _ in 0..<FirstTokenTimes.minimum {
                state.hedges.note(100_000_000, of: FirstTokenTimes.Key(model: "m", isWhole: isWhole))
            }
        }
    }

    private func counters(_ name: String) -> BackendCounters? {
        state.registry.snapshot.backends.first { $0.identity.id == name }?.counters
    }
    fileprivate func failures(_ name: String) -> UInt64? { counters(name)?.failures }
    fileprivate func successes(_ name: String) -> UInt64? { counters(name)?.successes }

    /// Milliseconds to the first token that are known of "m" there.
    fileprivate func firstToken(_ name: String) -> Double? {
        let snapshot = state.registry.snapshot
        guard let index = snapshot.backends.firstIndex(where: { $0.identity.id == name }) else { return nil }
        return snapshot.standings["m"]?[index]?.firstToken(now: 0)
    }
}
