import Core
import Dialects
import JSON
import NIOCore
import Testing

@testable import Gateway

/// Operators that watch the text of an exchange, without sockets.
@Suite struct GlassTests {
    private let gateway = EmbeddedGateway { $0.dashboard.showContent = true }
    private let stream = #"{"model":"m","stream":true}"#

    private func watcher(_ exchange: String = "0-1", on gateway: EmbeddedGateway? = nil) throws -> EmbeddedClient {
        let client = try (gateway ?? self.gateway).client()
        try client.send(
            "GET /ws?watch=\(exchange) HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                + "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n")
        return client
    }

    private func delta(_ text: String) -> String {
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\(text)\"}}]}\n\n"
    }

    private func watchers() throws -> Int64? {
        let client = try gateway.client()
        try client.get("/v1/requests/active")
        let text = try client.take()
        let start = try #require(text.firstRange(of: "\r\n\r\n")).upperBound
        return try JSONValue.parse(String(text[start...]))["data"]?[0]?["watchers"]?.int
    }

    @Test func whatTheClientIsSentIsShownALittleLater() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask(stream)
        driver.attempts[0].begin()
        driver.attempts[0].write(delta("before"))
        let watcher = try watcher()
        #expect(try watcher.take().contains("ExchangeWatched"))
        #expect(try watchers() == 1)

        driver.attempts[0].write(delta("Hel"))
        driver.attempts[0].write(delta("lo"))
        #expect(try watcher.take() == "", "nothing on the way of the client's bytes")
        gateway.advance(.milliseconds(80))
        let text = try watcher.take()
        #expect(text.contains(#""text":"Hello""#) && !text.contains("before"))

        try client.leave()
        let end = try watcher.take()
        #expect(end.contains("ExchangeEnded") && end.contains("499"))
        gateway.advance(.seconds(6))
        #expect(!watcher.isOpen)
    }

    @Test func aWholeAnswerIsShownWhenItIsSent() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask()
        let watcher = try watcher()
        _ = try watcher.take()
        driver.attempts[0].answer(#"{"choices":[{"index":0,"message":{"content":"whole"}}]}"#)
        let text = try watcher.take()
        #expect(text.contains(#""text":"whole""#) && text.contains("ExchangeEnded") && text.contains(#""status":200"#))
    }

    @Test func nothingIsKeptWhenNobodyWatchesAnyMore() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask(stream)
        driver.attempts[0].begin()
        let watcher = try watcher()
        try watcher.leave()
        driver.attempts[0].write(delta("a"))
        gateway.advance(.milliseconds(80))
        #expect(try watchers() == 0)
        let exchange = try #require(
            gateway.loop.connections.lazy.compactMap { $0.service?.exchange }.first { _ in true })
        #expect(exchange.glass == nil)
    }

    @Test func oneThatReadsTooSlowlyIsToldWhatItLacks() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask(stream)
        driver.attempts[0].begin()
        let (slow, fast) = (try watcher(), try watcher())
        _ = (try slow.take(), try fast.take())
        slow.setTaking(false)
        let text = String(repeating: "x", count: 1000)
        for _ in 0..<300 {
            driver.attempts[0].write(delta(text))
            gateway.advance(.milliseconds(50))
            #expect(try fast.take().contains("ExchangeText"))
        }
        #expect(try slow.take() == "")
        slow.setTaking(true)
        let late = try slow.take()
        #expect(late.contains("ExchangeSkipped") && late.utf8.count < 2 * GlassRoll.defaultLimit)
        #expect(late.split(separator: "ExchangeText").count > 50)
    }

    @Test func itIsOffUnlessAnOperatorTurnsItOn() throws {
        let gateway = EmbeddedGateway()
        #expect(try watcher(on: gateway).take().contains("content_hidden"))
    }

    @Test(arguments: [("0-99", "request_not_found"), ("7-1", "request_not_found"), ("x", "invalid_argument")])
    func whatIsNotThereIsToldAndTheConnectionGoesOn(exchange: String, code: String) throws {
        let watcher = try watcher(exchange)
        gateway.advance(.milliseconds(300))
        #expect(try watcher.take().contains(code))
        #expect(gateway.state.glass.count == 0)
    }

    @Test func noMoreWatchThanMay() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask(stream)
        driver.attempts[0].begin()
        let all = try (0...GlassDesk.Limits.watchersOfOne).map { _ in try watcher() }
        #expect(try all.last?.take().contains("too_many_watchers") == true)
        #expect(try watchers() == Int64(GlassDesk.Limits.watchersOfOne))
        for each in all { try each.leave() }
        #expect(gateway.state.glass.count == 0)
    }

    @Test func whenItIsTurnedOffWatchersAreToldAndLeft() throws {
        gateway.add()
        let client = try gateway.client()
        try client.ask(stream)
        let watcher = try watcher()
        _ = try watcher.take()
        gateway.state.settings = LiveSettings(Configuration())
        gateway.loop.refresh()
        #expect(try watcher.take().contains("hidden"))
        gateway.advance(.seconds(6))
        #expect(!watcher.isOpen && gateway.state.glass.count == 0)
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true), ("10.0.0.7", false),
        ("fe80::1", false),
    ])
    func withoutKeysAnOperatorIsWhoSitsAtThisMachine(address: String, isOperator: Bool) throws {
        let context = RequestContext(
            id: "r", peer: try SocketAddress(ipAddress: address, port: 1), method: .get, dialect: .openAI, path: "/ws",
            query: "", contentType: "", wantsEvents: false, arrival: .uptimeNanoseconds(0))
        #expect(context.isLocal == isOperator)
    }
}
