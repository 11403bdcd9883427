import Core
import Testing

@testable import Gateway

@Suite struct LeftOutTests {
    /// What is told where nobody can be asked: whether waiting helps.
    @Test func ofSeveralModelsAtOneBackendTheOneCountsThatMayBeServedThereOneDay() throws {
        let gateway = EmbeddedGateway { $0.routing.fallbacks = ["a": ["b"]] }
        gateway.add("one")
        var (blind, seeing) = (Model(id: "a"), Model(id: "b", capabilities: .vision))
        (blind.told, seeing.told) = (.vision, .vision)
        gateway.state.registry.record([blind, seeing], of: "one")
        gateway.state.registry.record(HealthReport(outcome: .unhealthy, message: "down"), of: "one", now: 2)
        gateway.loop.refresh()
        let client = try gateway.client()

        try client.ask(#"{"model":"a","messages":[{"content":[{"type":"image_url","image_url":{"url":"u"}}]}]}"#)

        let answer = try client.take()
        #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.contains("is unhealthy: down"))
    }

    @Test func whoHasNeverToldWhatItHasIsNamed() throws {
        let gateway = EmbeddedGateway()
        for name in ["one", "two", "three"] { gateway.add(name) }
        gateway.state.registry.record([], of: "two")
        for name in ["two", "three"] {
            gateway.state.registry.record(HealthReport(outcome: .unhealthy, message: "down"), of: name, now: 2)
        }
        gateway.loop.refresh()
        let client = try gateway.client()

        try client.ask(#"{"model":"b","messages":[]}"#)

        let answer = try client.take()
        #expect(answer.hasPrefix("HTTP/1.1 404 ") && answer.contains("What 'two' has is not known"))
    }
}
