import Core
import JSON
import NIOCore
import Testing

@testable import Gateway

/// Requests that say which backend alone may be asked: `x-nexus-backend`.
@Suite struct OnlyBackendTests {
    private func gateway(_ change: (inout Configuration) -> Void = { _ in }) -> EmbeddedGateway {
        EmbeddedGateway(change)
    }

    @Test(arguments: ["two", "Two"]) func itIsAskedThoughAnotherWouldBeChosen(_ name: String) throws {
        let gateway = gateway()
        let (one, two) = (gateway.add("one", priority: 1), gateway.add("two", priority: 90))
        let client = try gateway.client()

        try client.ask(fields: "X-Nexus-Backend: \(name)\r\n")

        guard name == "two" else {
            let answer = try client.take()
            #expect(answer.hasPrefix("HTTP/1.1 400 ") && answer.contains("There are: 'two', 'one'"))
            #expect(answer.contains(#""param":"x-nexus-backend""#))
            #expect(one.attempts.isEmpty && two.attempts.isEmpty && gateway.history.count == 1)
            return
        }
        #expect(one.attempts.isEmpty && two.attempts.count == 1)
        two.attempts[0].answer("{}")
        #expect(try client.take().contains("x-nexus-backend: two\r\n"))
    }

    @Test func aNameThatAHeaderCannotHoldIsPercentEncoded() throws {
        let gateway = gateway()
        gateway.add("one")
        let two = gateway.add("b\u{FC}ro 100%")
        let client = try gateway.client()

        try client.ask(fields: "x-nexus-backend: b%C3%BCro%20100%25\r\n")

        #expect(two.attempts.count == 1)
    }

    @Test func nobodyElseIsAskedWhenItFails() throws {
        let gateway = gateway { $0.routing.maxRetries = 3 }
        let (one, two) = (gateway.add("one"), gateway.add("two"))
        let client = try gateway.client()
        try client.ask(fields: "x-nexus-backend: two\r\n")
        two.attempts[0].fail(.upstream, status: 500)
        gateway.advance(.seconds(5))

        #expect(try client.take().contains("broken"))
        #expect(one.attempts.isEmpty && two.attempts.count == 1)
    }

    @Test func whoIsDownIsToldWithTheReasonAndNobodyElseIsAsked() throws {
        let gateway = gateway()
        let one = gateway.add("one")
        gateway.add("two")
        gateway.state.registry.record(
            HealthReport(outcome: .unhealthy, message: "connection refused"), of: "two", now: 2)
        gateway.loop.refresh()
        let client = try gateway.client()

        try client.ask(fields: "x-nexus-backend: two\r\n")

        let answer = try client.take()
        #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.contains("two is unhealthy: connection refused"))
        #expect(one.attempts.isEmpty)
    }

    @Test func whoDoesNotHaveTheModelIsToldAndWhoHasIt() throws {
        let gateway = gateway()
        gateway.add("one")
        gateway.add("two", model: Model(id: "n"))
        let client = try gateway.client()

        try client.ask(fields: "x-nexus-backend: two\r\n")

        let answer = try client.take()
        #expect(answer.hasPrefix("HTTP/1.1 404 ") && answer.contains("does not have the model 'm'. It is at: 'one'."))
    }

    @Test func itWaitsForAPlaceThereAndTakesNoOther() throws {
        let gateway = gateway()
        let (one, two) = (gateway.add("one"), gateway.add("two", limit: 1))
        let (first, second) = (try gateway.client(), try gateway.client())
        try first.ask(fields: "x-nexus-backend: two\r\n")
        try second.ask(fields: "x-nexus-backend: two\r\n")
        #expect(gateway.state.admission.count == 1)

        two.attempts[0].answer("{}")
        gateway.eventLoop.run()

        #expect(two.attempts.count == 2 && one.attempts.isEmpty)
    }

    @Test func ofWhatANameStandsForThatIsAskedWhichTheBackendHas() throws {
        let alias = ModelAlias([
            ModelAlias.Target("m", backend: "one"), ModelAlias.Target("n"), ModelAlias.Target("m"),
        ])
        let gateway = gateway { $0.routing.aliases = ["best": alias] }
        gateway.add("one")
        let two = gateway.add("two", model: Model(id: "n"))
        let client = try gateway.client()

        try client.ask(#"{"model":"best"}"#, fields: "x-nexus-backend: two\r\n")

        #expect(two.attempts.map(\.request.model) == ["n"])
    }

    /// It goes round what the operator has set, so it is a command of the operator's.
    @Test func pagesOfOtherOriginsMayNotSayIt() throws {
        let gateway = gateway { $0.server.allowedOrigins = ["https://ops.example"] }
        gateway.add("one")
        let client = try gateway.client()
        try client.ask(fields: "origin: https://ops.example\r\nx-nexus-backend: one\r\n")
        #expect(try client.status() == 403)
        let own = try gateway.client()
        try own.ask(fields: "origin: http://localhost\r\nx-nexus-backend: nobody\r\n")
        #expect(try own.status() == 400)
    }

    @Test func ofTwoThatAreNamedNeitherIsAsked() throws {
        let gateway = gateway()
        gateway.add("one")
        let client = try gateway.client()
        try client.ask(fields: "x-nexus-backend: one\r\nx-nexus-backend: two\r\n")
        #expect(try client.status() == 400)
    }

    @Test func theExplanationSaysTheSame() throws {
        let gateway = gateway()
        gateway.add("one", priority: 1)
        gateway.add("two", priority: 90)
        let context = RequestContext(
            id: "r", peer: nil, method: .post, dialect: .openAI, path: "/v1/explain", query: "", contentType: "",
            wantsEvents: false, arrival: gateway.eventLoop.now, onlyBackend: "two")
        let call = RouteCall(
            state: gateway.state, context: context, values: [], body: ByteBuffer(string: #"{"model":"m"}"#))

        let told = try JSONValue.parse(ExplainAnswers(state: gateway.state).answer(call).body)

        #expect(told["choice"]?["backend"]?.string == "two")
        #expect(told["targets"]?[0]?["left_out"]?[0]?["reason"]?.string == "is not meant, but two")
    }
}
