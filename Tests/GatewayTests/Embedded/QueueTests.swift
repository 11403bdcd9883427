import Core
import NIOCore
import Testing

@testable import Gateway

/// Requests that wait for a place.
@Suite struct QueueTests {
    private func gateway(_ change: (inout Configuration) -> Void = { _ in }) -> EmbeddedGateway {
        EmbeddedGateway(change)
    }

    private let stream = #"{"model":"m","stream":true}"#

    @Test func aRequestWaitsForAPlaceAndGetsIt() throws {
        let gateway = gateway()
        let driver = gateway.add(limit: 1)
        let (first, second) = (try gateway.client(), try gateway.client())
        try first.ask()
        try second.ask()
        #expect(try second.take() == "" && driver.attempts.count == 1 && gateway.state.admission.count == 1)

        driver.attempts[0].answer("{}")
        #expect(try first.status() == 200)
        #expect(driver.attempts.count == 2 && gateway.state.admission.count == 0)
        driver.attempts[1].answer("{}")

        #expect(try second.status() == 200)
        #expect(gateway.inFlight() == 0 && gateway.history.count == 2)
    }

    @Test(arguments: ["nobody-has-it", "down"])
    func aRequestWaitsForTheModelThatHasNoPlaceThoughTheNextOneCannotBeServed(next: String) throws {
        let gateway = gateway {
            $0.routing.aliases = ["best": ModelAlias([ModelAlias.Target("m"), ModelAlias.Target(next)])]
        }
        let driver = gateway.add(limit: 1)
        gateway.add("other")
        gateway.state.registry.record([Model(id: "down")], of: "other")
        gateway.state.registry.record(HealthReport(outcome: .unhealthy), of: "other", now: 1)
        gateway.loop.refresh()
        let (first, second) = (try gateway.client(), try gateway.client())
        try first.ask()
        try second.ask(#"{"model":"best"}"#)
        #expect(try second.take() == "" && gateway.state.admission.count == 1)

        driver.attempts[0].answer("{}")
        gateway.eventLoop.run()
        driver.attempts[1].answer("{}")
        let answer = try second.take()
        #expect(answer.hasPrefix("HTTP/1.1 200 ") && !answer.contains("x-nexus-fallback-model"))
    }

    @Test func whoWaitsForARestartIsServedByTheFirstModelThatComesBack() throws {
        let gateway = gateway {
            $0.routing.aliases = ["best": ModelAlias([ModelAlias.Target("n"), ModelAlias.Target("m")])]
            $0.queue.waitForRestart = true
        }
        let driver = gateway.add()
        gateway.state.registry.record([Model(id: "m"), Model(id: "n")], of: "one")
        gateway.state.registry.record(HealthReport(outcome: .unhealthy), of: "one", now: 1)
        gateway.loop.refresh()
        let client = try gateway.client()
        try client.ask(#"{"model":"best"}"#)
        #expect(gateway.state.admission.count == 1)

        gateway.state.registry.record(HealthReport(outcome: .healthy), of: "one", now: 2)
        gateway.loop.refresh()
        gateway.eventLoop.run()
        #expect(driver.attempts.map(\.request.model) == ["n"])
    }

    @Test func aHigherPriorityComesFirst() throws {
        let gateway = gateway()
        let driver = gateway.add(limit: 1)
        let (first, low, high) = (try gateway.client(), try gateway.client(), try gateway.client())
        try first.ask()
        try low.ask(fields: "x-nexus-priority: low\r\n")
        try high.ask(fields: "X-Nexus-Priority: High\r\n")
        driver.attempts[0].answer("{}")
        gateway.eventLoop.run()
        driver.attempts[1].answer("{}")
        #expect(try high.status() == 200)
        #expect(try low.take() == "")
        driver.attempts[2].answer("{}")
        #expect(try low.status() == 200)
    }

    @Test func anUnknownPriorityIsRefusedWithWhatIsAllowed() throws {
        let gateway = gateway()
        gateway.add()
        let client = try gateway.client()
        try client.ask(fields: "x-nexus-priority: urgent\r\n")
        let answer = try client.take()
        #expect(answer.hasPrefix("HTTP/1.1 400 ") && answer.contains("high, normal, low"))
        #expect(gateway.history.count == 1)
    }

    @Test(arguments: ["/v1/chat/completions", "/v1/messages", "/api/chat"])
    func whoseShareIsUsedUpIsRefusedAndSoIsEverybodyWhenAllIsFull(path: String) throws {
        let gateway = gateway { $0.queue.maxSize = 2 }
        gateway.add(limit: 1)
        let body = #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"}]}"#
        let clients = try (0..<5).map { _ in try gateway.client() }
        for client in clients[..<2] { try client.ask(body, path: path, fields: "authorization: Bearer a\r\n") }
        #expect(gateway.state.admission.count == 1)
        try clients[2].ask(body, path: path, fields: "authorization: Bearer a\r\n")
        let overShare = try clients[2].take()
        #expect(overShare.hasPrefix("HTTP/1.1 429 ") && overShare.lowercased().contains("retry-after: 5"))
        try clients[3].ask(body, path: path, fields: "x-api-key: b\r\n")
        try clients[4].ask(body, path: path, fields: "x-api-key: c\r\n")
        let full = try clients[4].take()
        #expect(full.hasPrefix("HTTP/1.1 503 ") && full.lowercased().contains("retry-after: 5"))
        if path == "/v1/chat/completions" {
            #expect(overShare.contains("queue_share") && overShare.contains("rate_limit_error"))
            #expect(full.contains("queue_full"))
        }
        if path == "/v1/messages" {
            #expect(overShare.contains("rate_limit_error") && full.contains("overloaded_error"))
        }
        for client in clients { try client.leave() }
        #expect(gateway.state.admission.count == 0 && gateway.inFlight() == 0)
        #expect(gateway.history.count == 5)
    }

    @Test func aClientThatLeavesFreesItsPlaceInTheQueue() throws {
        let gateway = gateway()
        let driver = gateway.add(limit: 1)
        let clients = try (0..<3).map { _ in try gateway.client() }
        for client in clients { try client.ask() }
        try clients[1].leave()
        #expect(gateway.state.admission.count == 1)
        #expect(gateway.history.map(\.statusCode) == [499])

        driver.attempts[0].answer("{}")
        gateway.eventLoop.run()
        driver.attempts[1].answer("{}")
        #expect(try clients[2].status() == 200)
        #expect(driver.attempts.count == 2 && gateway.inFlight() == 0)
    }

    @Test func whoWaitsTooLongIsTold() throws {
        let gateway = gateway { $0.queue.maxWait = .seconds(10) }
        gateway.add(limit: 1)
        let (first, second) = (try gateway.client(), try gateway.client())
        try first.ask()
        try second.ask()
        gateway.advance(.seconds(9))
        #expect(try second.take() == "")
        gateway.advance(.seconds(2))
        let answer = try second.take()
        #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.contains("queue_timeout") && answer.contains("within 10 s"))
        #expect(answer.lowercased().contains("retry-after: "))
        #expect(gateway.state.admission.count == 0 && gateway.state.admission.figures.timedOut == 1)
    }

    @Test func aStreamThatWaitsGetsCommentsAndThenItsAnswer() throws {
        let gateway = gateway()
        let driver = gateway.add(limit: 1)
        let (first, second) = (try gateway.client(), try gateway.client())
        try first.ask()
        try second.ask(stream)
        gateway.advance(.seconds(16))
        let waiting = try second.take()
        #expect(waiting.hasPrefix("HTTP/1.1 200 ") && waiting.contains(": waiting for a place, number 1"))
        driver.attempts[0].answer("{}")
        gateway.eventLoop.run()
        driver.attempts[1].begin(.eventStream)
        driver.attempts[1].write("data: 1\n\n")
        #expect(try second.take().contains("data: 1"))
    }

    @Test func aStreamThatWaitsTooLongIsToldInside() throws {
        let gateway = gateway { $0.queue.maxWait = .seconds(20) }
        gateway.add(limit: 1)
        let (first, second) = (try gateway.client(), try gateway.client())
        try first.ask()
        try second.ask(stream)
        gateway.advance(.seconds(16))
        _ = try second.take()
        gateway.advance(.seconds(5))
        #expect(try second.take().contains("queue_timeout"))
    }

    @Test func aStopTellsWhoWaits() throws {
        let gateway = gateway()
        gateway.add(limit: 1)
        let (first, second) = (try gateway.client(), try gateway.client())
        try first.ask()
        try second.ask()
        gateway.loop.stop()
        #expect(try second.take().contains("shutting_down") && gateway.state.admission.count == 0)
    }

    @Test func aRaisedLimitWakes() throws {
        let gateway = gateway()
        let driver = gateway.add(limit: 1)
        let clients = try (0..<4).map { _ in try gateway.client() }
        for client in clients { try client.ask() }
        var identity = try #require(gateway.state.registry.snapshot.backends.first).identity
        identity.maxConcurrent = 3
        gateway.state.registry.relabel(identity)
        gateway.loop.refresh()
        gateway.eventLoop.run()
        #expect(driver.attempts.count == 3 && gateway.state.admission.count == 1)
    }

    @Test func aBackendThatComesBackWakes() throws {
        let gateway = gateway()
        gateway.add("one", limit: 1)
        let second = gateway.add("two", limit: 1)
        gateway.state.registry.record(HealthReport(outcome: .unhealthy), of: "two", now: 2)
        gateway.loop.refresh()
        let clients = try (0..<2).map { _ in try gateway.client() }
        for client in clients { try client.ask() }
        #expect(gateway.state.admission.count == 1)
        gateway.state.registry.record(HealthReport(outcome: .healthy), of: "two", now: 3)
        gateway.loop.refresh()
        gateway.eventLoop.run()
        #expect(second.attempts.count == 1 && gateway.state.admission.count == 0)
    }

    @Test func whoWaitsForABackendThatSeesIsServedByOneThatComesUpLater() throws {
        let gateway = gateway()
        gateway.add("blind", model: Model(id: "m", capabilities: .tools, lacks: .vision))
        let seeing = gateway.add("seeing", limit: 1, model: Model(id: "m", capabilities: .vision))
        let image =
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,x"}}]}]}"#
        let (first, second) = (try gateway.client(), try gateway.client())
        try first.ask(image)
        try second.ask(image)
        #expect(seeing.attempts.count == 1 && gateway.state.admission.count == 1)

        let later = gateway.add("later", limit: 1, model: Model(id: "m", capabilities: .vision))
        gateway.eventLoop.run()
        #expect(later.attempts.count == 1 && gateway.state.admission.count == 0)
    }

    @Test func aDrainedBackendTellsWhoWaitsForIt() throws {
        let gateway = gateway()
        gateway.add(limit: 1)
        let clients = try (0..<2).map { _ in try gateway.client() }
        for client in clients { try client.ask() }
        gateway.state.registry.drain(id: "one")
        gateway.loop.refresh()
        #expect(try clients[1].take().contains("no_healthy_backend") && gateway.state.admission.count == 0)
    }

    @Test func aFullBackendHoldsUpNobodyWhoWantsAnother() throws {
        let gateway = gateway { $0.queue.maxSize = 1 }
        gateway.add(limit: 1)
        let other = ScriptedDriver(kinds: [])
        let identity = BackendIdentity(id: "other", name: "other", url: "", backendType: "t", priority: 1)
        _ = gateway.state.registry.add(identity, driver: other)
        gateway.state.registry.record([Model(id: "n")], of: "other")
        gateway.state.registry.record(HealthReport(outcome: .healthy), of: "other", now: 1)
        gateway.loop.refresh()
        let clients = try (0..<3).map { _ in try gateway.client() }
        try clients[0].ask()
        try clients[1].ask()
        try clients[2].ask(#"{"model":"n"}"#)
        #expect(other.attempts.count == 1)
    }

    @Test(arguments: ["total", "m", "*", "x*"])
    func theGatewaysOwnLimitsHold(limit: String) throws {
        let gateway = gateway {
            if limit == "total" { $0.queue.maxConcurrent = 2 } else { $0.queue.models = [limit: 2, "*z": 1] }
        }
        let driver = gateway.add()
        let clients = try (0..<3).map { _ in try gateway.client() }
        for client in clients { try client.ask() }
        guard limit != "x*" else {
            #expect(driver.attempts.count == 3)
            return
        }
        #expect(driver.attempts.count == 2 && gateway.state.admission.count == 1)
        driver.attempts[0].answer("{}")
        gateway.eventLoop.run()
        #expect(driver.attempts.count == 3 && gateway.state.admission.count == 0)
        for attempt in driver.attempts[1...] { attempt.answer("{}") }
        #expect(gateway.loop.limits.total?.capacity.inUse ?? 0 == 0)
        #expect(gateway.loop.limits.models.allSatisfy { $0.capacity.inUse == 0 })
    }

    @Test func aReloadRaisesTheGatewaysOwnLimits() throws {
        let gateway = gateway { $0.queue.maxConcurrent = 1 }
        let driver = gateway.add()
        let clients = try (0..<3).map { _ in try gateway.client() }
        for client in clients { try client.ask() }
        #expect(driver.attempts.count == 1)
        var configuration = Configuration()
        configuration.queue.maxConcurrent = 2
        gateway.state.settings = LiveSettings(configuration)
        gateway.loop.refresh()
        gateway.eventLoop.run()
        #expect(driver.attempts.count == 2, "what was under way counts")
    }

    @Test func ifSoSetARestartIsWaitedFor() throws {
        let gateway = gateway { $0.queue.waitForRestart = true }
        let driver = gateway.add()
        gateway.state.registry.record(HealthReport(outcome: .unhealthy), of: "one", now: 2)
        gateway.loop.refresh()
        let (client, other) = (try gateway.client(), try gateway.client())
        try client.ask()
        try other.ask(#"{"model":"unheard of"}"#)
        #expect(try client.take() == "" && driver.attempts.isEmpty)
        gateway.state.registry.record(HealthReport(outcome: .healthy), of: "one", now: 3)
        gateway.loop.refresh()
        gateway.eventLoop.run()
        #expect(driver.attempts.count == 1)
    }

    @Test func elseNot() throws {
        let gateway = gateway()
        gateway.add()
        gateway.state.registry.record(HealthReport(outcome: .unhealthy), of: "one", now: 2)
        gateway.loop.refresh()
        let client = try gateway.client()
        try client.ask()
        #expect(try client.take().contains("no_healthy_backend"))
    }

    @Test func aRetryWaitsForThePlaceItNeeds() throws {
        let gateway = gateway()
        let first = gateway.add("one", priority: 1)
        let second = gateway.add("two", priority: 2, limit: 1)
        let clients = try (0..<2).map { _ in try gateway.client() }
        try clients[0].ask()
        first.attempts[0].fail(.upstream)
        gateway.eventLoop.run()
        try clients[1].ask()
        first.attempts[1].fail(.upstream)
        gateway.eventLoop.run()
        #expect(second.attempts.count == 1 && gateway.state.admission.count == 1)
        second.attempts[0].answer("{}")
        gateway.eventLoop.run()
        second.attempts[1].answer("{}")
        #expect(try clients[1].status() == 200)
    }
}
