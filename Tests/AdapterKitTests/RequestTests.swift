import FakeHost
import PluginAPI
import Testing

/// Keeps how its request ended.
private final class Ends: HTTPHandler {
    var ends: [HTTPEnd] = []
    override func end(_ end: HTTPEnd) { ends.append(end) }
}

@Suite struct RequestTests {
    private let host = Host(FakeHost.table)
    private let common = StaticHeaders([("accept", "a"), ("x-one", "1")])

    @Test func headersOfOneRequestComeBesideThoseOfAll() throws {
        try FakeHost.run { fake in
            let status = host.start(
                fake.newTask(), method: "POST", path: "/p", headers: common, extra: [("x-request-id", "r1")],
                body: Array("b".utf8), handler: Ends())

            let request = try #require(fake.request("/p"))
            #expect(status == NEXUS_OK && request.method == "POST" && request.body == "b")
            #expect(request.headers == ["accept": "a", "x-one": "1", "x-request-id": "r1"])
            request.answer(200, [], "")
        }
    }

    @Test func theExchangesOwnBodyIsSentWithoutACopy() throws {
        try FakeHost.run { fake in
            _ = host.start(
                fake.newTask(), method: "POST", path: "/p", headers: common, sendsExchangeBody: true, handler: Ends())

            let request = try #require(fake.request("/p"))
            #expect(request.sendsExchangeBody && request.headers == ["accept": "a", "x-one": "1"])
            request.answer(200, [], "")
        }
    }

    @Test func aCancelledRequestEndsOnceInALaterTurn() {
        FakeHost.run { fake in
            let handler = Ends()
            _ = host.start(fake.newTask(), method: "GET", path: "/p", headers: common, handler: handler)

            host.cancel(handler)
            #expect(handler.ends.isEmpty)
            fake.turn()
            host.cancel(handler)
            fake.turn()

            #expect(handler.ends == [.cancelled])
        }
    }

    @Test func aRequestThatTheHostRefusesLeavesTheHandlerToItsOwner() {
        weak var alive: Ends?
        do {
            let handler = Ends()
            alive = handler
            #expect(host.start(1, method: "GET", path: "/p", headers: common, handler: handler) != NEXUS_OK)
        }
        #expect(alive == nil)
    }
}
