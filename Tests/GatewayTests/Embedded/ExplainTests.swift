import Core
import JSON
import NIOCore
import Testing

@testable import Gateway

/// Where a request would go, told without sending it.
@Suite struct ExplainTests {
    private func gateway(_ change: (inout Configuration) -> Void = { _ in }) -> EmbeddedGateway {
        EmbeddedGateway {
            $0.routing.strategy = .smart
            change(&$0)
        }
    }

    private func explain(
        _ gateway: EmbeddedGateway, _ body: String = #"{"model":"m"}"#, query: String = ""
    ) throws -> JSONValue {
        let context = RequestContext(
            id: "r", peer: nil, method: .post, dialect: .openAI, path: "/v1/explain", query: query, contentType: "",
            wantsEvents: false, arrival: gateway.eventLoop.now)
        let call = RouteCall(state: gateway.state, context: context, values: [], body: ByteBuffer(string: body))
        return try JSONValue.parse(ExplainAnswers(state: gateway.state).answer(call).body)
    }

    private func names(_ value: JSONValue?) -> [String] { value?.array?.compactMap { $0["backend"]?.string } ?? [] }

    @Test func itTellsTheChoiceWithTheScoreOfEachAndAsksNobody() throws {
        let gateway = gateway()
        let (one, two) = (gateway.add("one", priority: 60), gateway.add("two", priority: 10))

        let told = try explain(gateway)

        #expect(told["choice"]?["backend"]?.string == "two" && told["choice"]?["what"]?.string == "served")
        #expect(told["choice"]?["reason"]?.string == "smart;candidates=2;score=-5;priority=-5")
        let options = told["targets"]?[0]?["candidates"]
        #expect(names(options) == ["two", "one"])
        #expect(options?[1]?["parts"]?["priority"]?.double == -30 && options?[1]?["score"]?.double == -30)
        #expect(one.attempts.isEmpty && two.attempts.isEmpty && gateway.history.isEmpty)
        #expect(gateway.inFlight("one") == 0 && gateway.inFlight("two") == 0)
    }

    @Test func whoIsFullIsPassedOverAndIfAllAreTheRequestWaits() throws {
        let gateway = gateway()
        let one = gateway.add("one", limit: 1)
        gateway.add("two", priority: 99, limit: 1)
        let (first, second) = (try gateway.client(), try gateway.client())
        try first.ask()
        #expect(one.attempts.count == 1)
        #expect(try explain(gateway)["choice"]?["backend"]?.string == "two")
        try second.ask()
        #expect(try explain(gateway)["choice"]?["what"]?.string == "waits")
    }

    @Test func whoIsDownIsLeftOutWithTheReason() throws {
        let gateway = gateway()
        gateway.add("one")
        gateway.add("two")
        gateway.state.registry.record(
            HealthReport(outcome: .unhealthy, message: "connection refused"), of: "two", now: 2)

        let told = try explain(gateway)
        #expect(told["choice"]?["reason"]?.string == "only-candidate")
        let leftOut = told["targets"]?[0]?["left_out"]
        #expect(names(leftOut) == ["two"])
        #expect(leftOut?[0]?["reason"]?.string?.contains("connection refused") == true)
    }

    @Test func whoLacksWhatIsNeededIsLeftOutAndWhoSaysNothingComesBehind() throws {
        let gateway = gateway()
        gateway.add("blind", priority: 1, model: Model(id: "m", contextLength: 4096, lacks: .vision))
        gateway.add("silent", priority: 2)
        gateway.add("seeing", priority: 3, model: Model(id: "m", capabilities: [.vision, .tools]))
        let body = #"{"model":"m","max_tokens":9,"tools":[1],"messages":[{"content":[{"image_url":"x"}]}]}"#

        let told = try explain(gateway, body)

        #expect(told["needs"]?["vision"]?.bool == true && told["needs"]?["tools"]?.bool == true)
        #expect(told["needs"]?["json_mode"]?.bool == false && told["needs"]?["answer_tokens"]?.int == 9)
        #expect(names(told["targets"]?[0]?["candidates"]) == ["seeing", "silent"])
        let leftOut = told["targets"]?[0]?["left_out"]
        #expect(names(leftOut) == ["blind"] && leftOut?[0]?["reason"]?.string == "does not support images")
    }

    @Test func whatAllLackIsRefusedAsTheClientWouldBe() throws {
        let gateway = gateway()
        gateway.add("blind", model: Model(id: "m", lacks: .vision))
        let body = #"{"model":"m","messages":[{"content":[{"type":"image","source":{}}]}]}"#

        let choice = try explain(gateway, body, query: "endpoint=/v1/messages")["choice"]

        #expect(choice?["what"]?.string == "refused" && choice?["status"]?.int == 400)
        #expect(choice?["message"]?.string?.contains("does not support images") == true)
    }

    @Test func namesThatStandForSeveralModelsTellEachOfThem() throws {
        let gateway = gateway {
            $0.routing.aliases = ["best": ModelAlias([ModelAlias.Target("gone"), ModelAlias.Target("m")])]
        }
        gateway.add("one")

        let told = try explain(gateway, #"{"model":"best"}"#)
        #expect(told["targets"]?.array?.compactMap { $0["model"]?.string } == ["gone", "m"])
        #expect(told["choice"]?["model"]?.string == "m")
    }

    @Test func whatNobodyCanServeTellsWhatTheClientWouldBeTold() throws {
        let gateway = gateway()
        gateway.add("one")
        let told = try explain(gateway, #"{"model":"nosuch"}"#)
        #expect(told["choice"]?["what"]?.string == "refused" && told["choice"]?["status"]?.int == 404)
    }

    @Test func otherKindsOfRequestsAreExplainedByTheirPath() throws {
        let gateway = gateway()
        gateway.add("one", kinds: [.chat])
        #expect(
            try explain(gateway, query: "endpoint=/v1/embeddings")["error"] != nil, "an embedding needs an input")
        let body = #"{"model":"m","input":"x"}"#
        #expect(try explain(gateway, body, query: "endpoint=/v1/embeddings")["choice"]?["status"]?.int == 501)
        let odd = try explain(gateway, query: "endpoint=/v1/nosuch")
        #expect(odd["error"]?["code"]?.string == "unknown_endpoint")
    }

    @Test func aBodyThatIsNoRequestIsRefused() throws {
        #expect(try explain(gateway(), "[1]")["error"]?["message"]?.string != nil)
    }
}

/// Where so many backends have a model that only some of them are looked at.
@Suite struct ManyBackendsExchangeTests {
    @Test(arguments: Configuration.Routing.Strategy.allCases)
    func whoeverHasAPlaceIsFound(strategy: Configuration.Routing.Strategy) throws {
        let gateway = EmbeddedGateway { $0.routing.strategy = strategy }
        let drivers = (0..<60).map { gateway.add("b\($0)", priority: $0, limit: 1) }
        let clients = try (0..<60).map { _ in try gateway.client() }
        for client in clients { try client.ask() }

        #expect(drivers.allSatisfy { $0.attempts.count == 1 })
        for driver in drivers { driver.attempts[0].answer("{}") }
        for client in clients { #expect(try client.status() == 200) }
    }

    /// Of those that are drawn none may see.
    @Test func theOneThatCanIsFoundAmongMany() throws {
        let gateway = EmbeddedGateway()
        let others = (0..<60).map { index in
            let lacks: Capabilities = index % 2 == 0 ? .vision : []
            return gateway.add("b\(index)", model: Model(id: "m", lacks: lacks))
        }
        let seeing = gateway.add("seeing", priority: 99, model: Model(id: "m", capabilities: .vision))
        for _ in 0..<20 {
            let client = try gateway.client()
            try client.ask(#"{"model":"m","messages":[{"content":[{"image_url":"x"}]}]}"#)
        }

        #expect(seeing.attempts.count == 20 && others.allSatisfy(\.attempts.isEmpty))
    }

    /// However many lack it: one that could and is down is worth the wait.
    @Test func whetherWaitingHelpsIsJudgedByAllOfMany() throws {
        let gateway = EmbeddedGateway()
        for index in 0..<100 { gateway.add("b\(index)", model: Model(id: "m", lacks: .vision)) }
        func status() throws -> Int? {
            let client = try gateway.client()
            try client.ask(#"{"model":"m","messages":[{"content":[{"image_url":"x"}]}]}"#)
            return try client.status()
        }
        #expect(try status() == 400)
        gateway.add("seeing", model: Model(id: "m", capabilities: .vision))
        gateway.state.registry.record(HealthReport(outcome: .unhealthy), of: "seeing", now: 2)
        gateway.loop.refresh()
        #expect(try status() == 503)
    }
}
