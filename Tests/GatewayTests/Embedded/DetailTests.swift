import Core
import JSON
import NIOCore
import Testing

@testable import Gateway

/// One backend, the gateway and its log, as an operator sees them.
@Suite struct DetailTests {
    private let gateway = EmbeddedGateway()

    private func answer(_ path: String) throws -> (status: Int?, body: JSONValue) {
        let client = try gateway.client()
        try client.get(path)
        let text = try client.take()
        let start = try #require(text.firstRange(of: "\r\n\r\n")).upperBound
        return (Int(text.dropFirst(9).prefix(3)), try JSONValue.parse(String(text[start...])))
    }

    private var model: Model {
        var model = Model(id: "m", contextLength: 8192, capabilities: [.tools], lacks: [.vision])
        model.isLoaded = true
        model.loadedUntil = .forever
        model.memory = 5_000_000_000
        return model
    }

    @Test func aBackendIsShownWithAllThatIsKnown() throws {
        gateway.add(limit: 4, model: model)
        gateway.state.registry.record(ServerLoad(slots: 4, running: 1, waiting: 2, cacheUse: 0.5), of: "one")
        gateway.state.registry.record(HealthReport(outcome: .unhealthy, message: "refused"), of: "one", now: 2)

        let (status, body) = try answer("/v1/backends/one/detail")

        #expect(
            status == 200 && body["backend"]?["id"]?.string == "one" && body["state"]?["name"]?.string == "Unhealthy")
        #expect(body["state"]?["reason"]?.string == "refused" && body["flaps"]?["last_hour"]?.int == 1)
        #expect(body["probes"]?["data"]?[0]?["failed"]?.int == 1 && body["probes"]?["data"]?[0]?["good"]?.int == 1)
        #expect(body["errors"]?[0]?["source"]?.string == "probe" && body["errors"]?[0]?["message"]?.string == "refused")
        #expect(body["breaker"]?["state"]?.string == "closed" && body["breaker"]?["tries_again_at"]?.isNull == true)
        #expect(body["load"]?["running"]?.int == 1 && body["limits"]?["max_concurrent"]?.int == 4)
        let shown = body["models"]?[0]
        #expect(shown?["loaded"]?.bool == true && shown?["loaded_until"]?.string == "forever")
        #expect(shown?["memory"]?.int == 5_000_000_000 && shown?["context_length"]?.int == 8192)
        #expect(
            shown?["abilities"]?["tools"]?.bool == true && shown?["abilities"]?["vision"]?.bool == false
                && shown?["abilities"]?["thinking"]?.isNull == true)
        #expect(body["adapter"]?.isNull == true && body["options"]?.isNull == true, "its driver is no adapter")
        #expect(body["trouble"]?[0]?["kind"]?.string == "down")
    }

    @Test func failedRequestsStandAmongTheErrorsWithTheirId() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask(fields: "x-request-id: r7\r\n")
        driver.attempts[0].sink.attemptFailed(ExchangeFailure(kind: .upstream, message: "CUDA error"))
        gateway.advance(.milliseconds(500))

        let error = try answer("/v1/backends/one/detail").body["errors"]?[0]
        #expect(error?["source"]?.string == "request" && error?["request_id"]?.string == "r7")
        #expect(error?["model"]?.string == "m" && error?["message"]?.string?.contains("CUDA error") == true)
        #expect(error?["status_code"]?.int == 502 && error?["counts_against_backend"]?.bool == true)
    }

    @Test func aServerThatRestsSaysWithWhatAndUntilWhen() throws {
        gateway.add()
        let counters = gateway.state.registry.snapshot.backends[0].counters
        counters.rest("m", milliseconds: 60_000, now: Clock.monotonicNanoseconds())
        let rest = try answer("/v1/backends/one/detail").body["rests"]?[0]
        #expect(rest?["model"]?.string == "m" && rest?["until"]?.string != nil)
    }

    @Test func oneThatIsNotThereNamesTheNearest() throws {
        gateway.add("box-2")
        let (status, body) = try answer("/v1/backends/box-3/detail")
        #expect(status == 404 && body["error"]?["message"]?.string?.contains("box-2") == true)
    }

    @Test(arguments: [
        ("limit=0", "limit"), ("limit=x", "limit"), ("limit=2001", "limit"), ("level=loud", "level"),
        ("after=-1", "after"),
    ])
    func whatALogCannotBeAskedForIsSaid(_ query: String, _ param: String) throws {
        let answer = LogAnswers(state: gateway.state).lines(query)
        #expect(answer.status == 400)
        let body = try JSONValue.parse(answer.body)
        #expect(body["error"]?["param"]?.string == param)
    }

    @Test func theLogSaysWhoSpeaksOfWhichRequest() throws {
        let mark = "a line of \(UInt64.random(in: 0 ... .max))"
        GatewayLog.tail.take(
            LogLine(
                at: 5678, level: "warning", component: "backends", message: mark, request: "r1",
                fields: [("backend", .string("box")), ("count", .integer(3))]))
        let body = try JSONValue.parse(LogAnswers(state: gateway.state).lines("level=warning&limit=2000").body)
        let line = body["data"]?.array?.first { $0["message"]?.string == mark }
        #expect(line?["component"]?.string == "backends" && line?["request_id"]?.string == "r1")
        #expect(line?["fields"]?["backend"]?.string == "box" && line?["time"]?.string == "1970-01-01T00:00:05.678Z")
        #expect(line?["fields"]?["count"]?.int == 3)
        let errors = try JSONValue.parse(LogAnswers(state: gateway.state).lines("level=error&limit=2000").body)
        #expect(errors["data"]?.array?.contains { $0["message"]?.string == mark } == false)
    }
}
