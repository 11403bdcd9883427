import Core
import Testing

@testable import Gateway

/// Subscribers of one loop, few and many.
@Suite struct LiveRoundTests {
    private let gateway = EmbeddedGateway()

    private func subscribers(_ count: Int) throws -> [EmbeddedClient] {
        let all = try (0..<count).map { _ in
            let client = try gateway.client()
            try client.send(
                "GET /ws?updates=deltas HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                    + "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n")
            return client
        }
        for each in all { _ = try each.take() }
        return all
    }

    private func publish(_ model: String) {
        gateway.state.broadcaster.publish(.models(backendID: "one", models: [Model(id: model)]))
        gateway.eventLoop.run()
    }

    @Test func fewAreToldAtOnce() throws {
        let all = try subscribers(LiveRound.Limits.atOnce)
        publish("first")
        for each in all { #expect(try each.take().contains("first")) }
    }

    @Test func manyAreToldOneAfterAnotherOfAllThatHasCome() throws {
        let all = try subscribers(LiveRound.Limits.atOnce * 10)
        publish("first")
        let early = try all.map { try $0.take() }
        let told = early.count { $0.contains("first") }
        #expect(told > 0 && told < all.count / 10, "not all in one turn")
        publish("second")
        gateway.advance(.milliseconds(Int64(LiveRound.Limits.steps) * 2 + 10))
        for (each, before) in zip(all, early) {
            let text = try before + each.take()
            let told = text.split(separator: "ModelChange").dropFirst()
            #expect(told.count == 2, "each once")
            #expect(told.first?.contains("first") == true && told.last?.contains("second") == true)
        }
    }

    @Test func whenAllHaveGoneNobodyListens() throws {
        let all = try subscribers(3)
        #expect(gateway.state.broadcaster.hasListeners)
        for each in all { try each.leave() }
        #expect(!gateway.state.broadcaster.hasListeners)
        // One that comes later is told again.
        let late = try subscribers(1)
        publish("later")
        #expect(try late[0].take().contains("later"))
    }
}
