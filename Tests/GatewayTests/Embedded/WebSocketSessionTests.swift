import Core
import NIOCore
import NIOWebSocket
import Testing

@testable import Gateway

/// A subscriber of live updates, without a socket.
@Suite struct WebSocketSessionTests {
    private let gateway = EmbeddedGateway()

    private func subscriber(_ query: String = "") throws -> EmbeddedClient {
        let client = try gateway.client()
        try client.send(
            "GET /ws\(query) HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                + "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n")
        return client
    }

    @Test func aSubscriberIsToldHowAllStandsAtOnce() throws {
        gateway.add()
        let text = try subscriber().take()
        #expect(text.hasPrefix("HTTP/1.1 101") && text.contains("BackendStatus") && text.contains(#""id":"one""#))
    }

    @Test func aCompletedExchangeIsTold() throws {
        let driver = gateway.add()
        let subscriber = try subscriber()
        _ = try subscriber.take()
        let client = try gateway.client()
        try client.ask()
        driver.attempts[0].answer("{}")
        gateway.advance(.milliseconds(500))

        let text = try subscriber.take()
        #expect(text.contains("RequestComplete") && text.contains(gateway.state.ledger.instance.id))
    }

    @Test func aNumberOfAnotherRunTellsNothingOfWhatAPageHas() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask()
        driver.attempts[0].answer("{}")
        let ours = gateway.state.ledger.instance.id

        #expect(try !subscriber("?after=1&instance=\(ours)").take().contains("RequestComplete"))
        #expect(try subscriber("?after=1&instance=another").take().contains("RequestComplete"))
        #expect(try subscriber("?after=0&instance=\(ours)").take().contains("RequestComplete"))
    }

    @Test func aSubscriberThatAnswersNoPingIsDropped() throws {
        let subscriber = try subscriber()
        gateway.advance(.seconds(45))
        #expect(subscriber.isOpen)
        gateway.advance(.seconds(20))
        #expect(!subscriber.isOpen)
    }

    @Test func oneThatTakesNothingGetsTheNewestPictureLater() throws {
        gateway.add()
        let subscriber = try subscriber("?updates=deltas")
        _ = try subscriber.take()
        subscriber.setTaking(false)
        for number in 0..<5 {
            gateway.state.registry.record(
                HealthReport(outcome: number % 2 == 0 ? .unhealthy : .healthy, message: "flap \(number)"), of: "one",
                now: 2)
            gateway.advance(.seconds(1))
        }
        #expect(try subscriber.take() == "")

        subscriber.setTaking(true)
        gateway.advance(.seconds(1))
        #expect(try subscriber.take().contains("flap 4"))
    }

    @Test func whatIsWrongIsToldToThoseThatAskAtTheStartAndWhenItChanges() throws {
        gateway.add()
        let (watching, plain) = (try subscriber("?updates=trouble"), try subscriber("?updates=deltas"))
        // Of the adapters in this process others may be told of: what they did is counted for all tests together.
        let first = try watching.take()
        #expect(first.contains(#"{"update_type":"Trouble","data":{"total":"#) && !first.contains("one is down"))
        _ = try plain.take()
        gateway.state.registry.record(HealthReport(outcome: .unhealthy, message: "refused"), of: "one", now: 2)
        gateway.state.watchTrouble()
        gateway.state.watchTrouble()

        let told = try watching.take()
        #expect(told.split(separator: "one is down since").count == 2, "once, since it did not change again")
        #expect(told.contains("refused"))
        #expect(try !plain.take().contains("Trouble"))

        gateway.state.registry.record(HealthReport(outcome: .healthy), of: "one", now: 3)
        gateway.state.watchTrouble()
        let last = try watching.take()
        #expect(last.contains(#""update_type":"Trouble""#) && !last.contains("one is down"))
    }

    @Test func aLateSubscriberIsToldWhatIsWrongAlready() throws {
        gateway.add()
        gateway.state.registry.record(HealthReport(outcome: .unhealthy, message: "refused"), of: "one", now: 2)
        #expect(try subscriber("?updates=trouble,deltas").take().contains("one is down"))
    }

    @Test func theEndOfTheGatewayIsTold() throws {
        let subscriber = try subscriber()
        _ = try subscriber.take()
        gateway.loop.drain {}
        // Close frame, going away (RFC 6455, section 7.4.1).
        #expect(try subscriber.takeBytes() == [0x88, 0x02, 0x03, 0xE9])
    }
}
