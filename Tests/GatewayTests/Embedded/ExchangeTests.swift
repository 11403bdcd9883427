import Core
import NIOCore
import Testing

@testable import Gateway

/// Exchanges from the client's bytes to the backend's calls and back, without a socket.
@Suite struct ExchangeTests {
    private let gateway = EmbeddedGateway()

    @Test func anAnswerReachesItsClientWithItsLength() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask(#"{"model":"m","x":1}"#)

        #expect(driver.attempts.map(\.body) == [#"{"model":"m","x":1}"#])
        driver.attempts[0].answer(#"{"a":1}"#)

        let answer = try client.take()
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.hasSuffix("content-length: 7\r\n\r\n{\"a\":1}"))
        #expect(answer.contains("x-nexus-backend: one\r\nx-nexus-attempts: 1\r\nx-nexus-route-reason: only-candidate"))
        #expect(gateway.history.map(\.statusCode) == [200] && gateway.inFlight() == 0)
    }

    @Test func nothingIsSentBeforeTheFirstPieceAndEachPieceAtOnce() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask(#"{"model":"m","stream":true}"#)
        driver.attempts[0].begin()
        #expect(try client.take() == "")

        driver.attempts[0].write("data: 1\n\n")
        #expect(try client.take().hasSuffix("\r\n\r\n9\r\ndata: 1\n\n\r\n"))
        driver.attempts[0].write("data: 2\n\n")
        #expect(try client.take() == "9\r\ndata: 2\n\n\r\n")
        driver.attempts[0].finish()
        #expect(try client.take() == "0\r\n\r\n")
    }

    @Test func whatFailsBeforeTheFirstPieceIsTriedElsewhereUnseen() throws {
        let first = gateway.add("one", priority: 1)
        let second = gateway.add("two", priority: 2)
        let client = try gateway.client()
        try client.ask(#"{"model":"m","stream":true}"#)
        first.attempts[0].begin()
        first.attempts[0].fail(.upstream)
        #expect(try client.take() == "" && second.attempts.count == 1 && gateway.inFlight("one") == 0)

        second.attempts[0].begin()
        second.attempts[0].write("x")
        second.attempts[0].finish()

        #expect(try client.take().contains("x-nexus-backend: two\r\nx-nexus-attempts: 2"))
        #expect(gateway.history.map(\.backendID) == ["two"] && gateway.history.map(\.attempts) == [2])
    }

    @Test func whatFailsAfterItIsToldOnce() throws {
        let first = gateway.add("one", priority: 1)
        let second = gateway.add("two", priority: 2)
        let client = try gateway.client()
        try client.ask(#"{"model":"m","stream":true}"#)
        first.attempts[0].begin()
        first.attempts[0].write("data: 1\n\n")
        first.attempts[0].fail(.upstream, "died")
        first.attempts[0].fail(.upstream, "died again")

        let text = try client.take()
        #expect(
            text.components(of: "\"error\"") == 1 && text.contains("\"died\"") && !text.contains("one: ")
                && text.hasSuffix("0\r\n\r\n"))
        #expect(second.attempts.isEmpty && gateway.history.map(\.status) == [.error])
    }

    @Test func aClientThatGoesAwayFreesItsBackendAtOnce() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask()
        #expect(gateway.inFlight() == 1)

        try client.leave()

        #expect(driver.attempts[0].isCancelled && gateway.inFlight() == 0)
        #expect(gateway.history.map(\.statusCode) == [499])
        driver.attempts[0].answer("late")
        #expect(gateway.history.count == 1)
    }

    @Test func aSlowClientHoldsItsBackendUp() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask(#"{"model":"m","stream":true}"#)
        driver.attempts[0].begin()
        driver.attempts[0].write("data: 1\n\n")

        client.setTaking(false)
        #expect(driver.attempts[0].isPaused)
        client.setTaking(true)
        #expect(!driver.attempts[0].isPaused)
    }

    @Test func aStreamThatHasNothingToSayGetsComments() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask(#"{"model":"m","stream":true}"#)

        gateway.advance(.seconds(16))
        #expect(try client.take().hasSuffix("e\r\n: keep-alive\n\n\r\n"))
        gateway.advance(.seconds(16))
        #expect(try client.take() == "e\r\n: keep-alive\n\n\r\n")

        driver.attempts[0].fail(.upstream, "died")
        #expect(try client.take().contains("\"died\""))
    }

    @Test func aStreamThatFallsSilentInTheMiddleGetsThemBetweenItsEventsOnly() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask(#"{"model":"m","stream":true}"#)
        driver.attempts[0].begin(.eventStream)
        driver.attempts[0].write("data: 1\n\n")
        _ = try client.take()

        gateway.advance(.seconds(16))
        #expect(try client.take() == "e\r\n: keep-alive\n\n\r\n")
        driver.attempts[0].write("data: {\"half\"")
        _ = try client.take()
        gateway.advance(.seconds(60))
        #expect(try client.take() == "")
        driver.attempts[0].write(":1}\n\n")
        #expect(try client.take() == "5\r\n:1}\n\n\r\n")
        gateway.advance(.seconds(14))
        #expect(try client.take() == "")
        gateway.advance(.seconds(2))
        #expect(try client.take() == "e\r\n: keep-alive\n\n\r\n")
    }

    @Test(arguments: [("", 1), ("openai-project: p\r\n", 2), ("openai-organization: o\r\n", 2)])
    func aLimitOfAClientsOwnProjectKeepsNobodyElseAway(_ field: String, _ attempts: Int) throws {
        let first = gateway.add("one", priority: 1)
        let second = gateway.add("two", priority: 2)
        let client = try gateway.client()
        try client.ask(fields: field)
        first.attempts[0].sink.attemptFailed(
            ExchangeFailure(kind: .busy, status: 429, retryAfterMilliseconds: 60_000, message: "later"))
        gateway.eventLoop.run()
        second.attempts[0].answer("{}")
        #expect(try client.status() == 200)

        try client.ask()

        #expect(first.attempts.count == attempts)
    }

    @Test func aClientThatDoesNotTakeGetsNoComments() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask(#"{"model":"m","stream":true}"#)
        driver.attempts[0].begin(.eventStream)
        driver.attempts[0].write("data: 1\n\n")
        _ = try client.take()
        client.setTaking(false)

        gateway.advance(.seconds(60))

        #expect(try client.take() == "")
    }

    @Test func whatIsNoStreamOfEventsGetsNoComments() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask(#"{"model":"m","stream":true}"#)
        driver.attempts[0].begin(.other("text/plain"))
        driver.attempts[0].write("1\n\n")
        _ = try client.take()

        gateway.advance(.seconds(60))

        #expect(try client.take() == "")
    }

    @Test(arguments: [RequestKind.messages, .chat])
    func anAnthropicStreamGetsPings(_ spoken: RequestKind) throws {
        let driver = gateway.add(kinds: [spoken])
        let client = try gateway.client()
        try client.ask(
            #"{"model":"m","stream":true,"max_tokens":5,"messages":[{"role":"user","content":"a"}]}"#,
            path: "/v1/messages")
        gateway.advance(.seconds(16))
        #expect(try client.take().hasSuffix("e\r\n: keep-alive\n\n\r\n"))
        driver.attempts[0].begin(.eventStream)
        driver.attempts[0].write(
            spoken == .messages
                ? "event: message_start\ndata: {\"type\":\"message_start\"}\n\n"
                : "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n")
        #expect(try client.take().contains("event: message_start\n"))

        gateway.advance(.seconds(16))

        #expect(try client.take() == "23\r\nevent: ping\ndata: {\"type\":\"ping\"}\n\n\r\n")
    }

    @Test func anOllamaStreamGetsNothing() throws {
        let driver = gateway.add(kinds: [.ollama])
        let client = try gateway.client()
        try client.ask(#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#, path: "/api/chat")
        gateway.advance(.seconds(16))
        #expect(try client.take() == "")
        driver.attempts[0].begin(.jsonLines)
        driver.attempts[0].write("{}\n")
        _ = try client.take()
        gateway.advance(.seconds(60))
        #expect(try client.take() == "")
    }

    @Test func withoutAQueueAFullFleetIsBusyAndTakesNoPlaceForIt() throws {
        let gateway = EmbeddedGateway { $0.queue.enabled = false }
        let driver = gateway.add(limit: 1)
        let (first, second) = (try gateway.client(), try gateway.client())
        try first.ask()
        try second.ask()

        #expect(try second.take().contains("all_backends_busy") && gateway.inFlight() == 1)
        driver.attempts[0].answer("{}")
        try second.ask()
        #expect(driver.attempts.count == 2)
    }

    @Test func anotherApiIsTranslatedForABackendThatDoesNotSpeakIt() throws {
        let driver = gateway.add(kinds: [.chat])
        let client = try gateway.client()
        try client.ask(
            #"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#, path: "/v1/messages")

        #expect(driver.attempts[0].request.kind == .chat)
        driver.attempts[0].answer(
            #"{"choices":[{"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}]}"#)

        #expect(try client.take().contains(#""text":"yes""#))
    }

    @Test func whenTheGatewayStopsWhatIsUnderWayIsToldSo() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask()

        gateway.loop.stop()

        #expect(try client.take().contains("shutting_down") && driver.attempts[0].isCancelled)
        #expect(gateway.history.map(\.statusCode) == [503] && gateway.inFlight() == 0)
    }

    // MARK: Time

    @Test func whatGivesNoFirstByteInTimeIsReplaced() throws {
        let gateway = EmbeddedGateway { $0.timeouts.firstByte = .seconds(2) }
        let slow = gateway.add("slow", priority: 1)
        let good = gateway.add("good", priority: 2)
        let client = try gateway.client()
        try client.ask()

        gateway.advance(.milliseconds(1900))
        #expect(good.attempts.isEmpty)
        gateway.advance(.milliseconds(400))

        #expect(slow.attempts[0].isCancelled && good.attempts.count == 1 && gateway.inFlight("slow") == 0)
        good.attempts[0].answer("{}")
        #expect(try client.status() == 200)
    }

    @Test func aModelHasLimitsOfItsOwn() throws {
        var changes = Configuration.TimeoutChanges()
        changes.firstByte = .seconds(60)
        changes.total = .seconds(90)
        let gateway = EmbeddedGateway { configuration in
            configuration.timeouts.firstByte = .seconds(2)
            configuration.timeouts.total = .seconds(10)
            configuration.modelTimeouts = [Configuration.ModelTimeouts(pattern: "m", changes: changes)]
        }
        let slow = gateway.add("slow", priority: 1)
        let good = gateway.add("good", priority: 2)
        let client = try gateway.client()
        try client.ask()

        gateway.advance(.seconds(59))
        #expect(good.attempts.isEmpty && !slow.attempts[0].isCancelled)
        gateway.advance(.seconds(2))

        #expect(slow.attempts[0].isCancelled && good.attempts.count == 1)
        gateway.advance(.seconds(30))
        #expect(try client.status() == 504)
        #expect(gateway.history.first?.errorMessage?.contains("90 s") == true)
    }

    @Test func aStreamThatStandsStillEndsWithTrueWords() throws {
        let gateway = EmbeddedGateway { $0.timeouts.gap = .seconds(3) }
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask(#"{"model":"m","stream":true}"#)
        driver.attempts[0].begin()
        for _ in 0..<10 {
            driver.attempts[0].write("data: 1\n\n")
            gateway.advance(.seconds(2))
        }
        _ = try client.take()
        gateway.advance(.seconds(2))

        let text = try client.take()
        #expect(text.contains("gap_timeout") && text.contains("sent nothing for 3 s after 10 pieces"))
        #expect(driver.attempts[0].isCancelled && gateway.history.map(\.status) == [.error])
    }

    @Test func theTotalCutsNoStreamThatGoesOn() throws {
        let gateway = EmbeddedGateway { $0.timeouts.total = .seconds(5) }
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask(#"{"model":"m","stream":true}"#)
        driver.attempts[0].begin()
        for _ in 0..<20 {
            driver.attempts[0].write("data: 1\n\n")
            gateway.advance(.seconds(2))
        }
        driver.attempts[0].finish()
        #expect(gateway.history.map(\.status) == [.success])
    }

    @Test func withNoLimitOfTimeTheFirstByteMayTakeHours() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask()
        gateway.advance(.hours(2))
        driver.attempts[0].answer("{}")
        #expect(try client.status() == 200)
    }

    @Test func aClientThatIsSlowIsNotTheServersFault() throws {
        let gateway = EmbeddedGateway { $0.timeouts.gap = .seconds(3) }
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask(#"{"model":"m","stream":true}"#)
        driver.attempts[0].begin()
        driver.attempts[0].write("data: 1\n\n")
        client.setTaking(false)
        gateway.advance(.seconds(30))
        client.setTaking(true)
        driver.attempts[0].write("data: 2\n\n")
        driver.attempts[0].finish()

        #expect(gateway.history.map(\.status) == [.success])
    }

    // MARK: Records

    @Test func theRecordIsThereForWhoeverReadsAtOnceAndPublishedSoon() throws {
        var subscription = gateway.state.broadcaster.subscribe {}
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask()
        driver.attempts[0].answer("{}")
        let published = {
            gateway.state.broadcaster.read(&subscription, limit: 10).updates.filter {
                if case .requestComplete = $0.content { true } else { false }
            }.count
        }

        #expect(published() == 0)
        gateway.advance(.milliseconds(2))
        #expect(published() == 1 && gateway.history.count == 1)
    }
}

extension String {
    /// How often a text occurs.
    func components(of text: String) -> Int {
        split(separator: text, omittingEmptySubsequences: false).count - 1
    }
}
