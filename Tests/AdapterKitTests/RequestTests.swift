import ABIRules
import FakeHost
import PluginAPI
import Testing

/// Keeps how its request ended.
private final class Ends: HTTPHandler {
    var ends: [HTTPEnd] = []
    var passed: [HeaderField] = []
    override func head(_ head: nexus_http_head) { passed = head.passedHeaders }
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

    @Test func headersOfOneRequestCountInsteadOfThoseOfTheSameName() throws {
        try FakeHost.run { fake in
            _ = host.start(
                fake.newTask(), method: "GET", path: "/p", headers: common, extra: [("Accept", "b"), ("x-two", "2")],
                handler: Ends())

            let request = try #require(fake.request("/p"))
            #expect(request.headers == ["x-one": "1", "Accept": "b", "x-two": "2"])
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

    @Test func theEndTellsTheTimesOfARequest() throws {
        try FakeHost.run { fake in
            let handler = Ends()
            _ = host.start(fake.newTask(), method: "GET", path: "/p", headers: common, handler: handler)
            let request = try #require(fake.request("/p"))
            request.connectedMicroseconds = 3
            request.firstByteMicroseconds = 5
            request.reusesConnection = true
            request.answer(200, [], "")

            #expect(handler.timings == HTTPTimings(connected: 3, firstByte: 5, reusesConnection: true))
        }
    }

    @Test func theEndOfAnOlderHostTellsNone() {
        let handler = Ends()
        var end = nexus_http_end()
        end.struct_size = 24
        end.connected_us = .max
        end.flags = .max
        HTTPHandler.functions.on_end(Unmanaged.passRetained(handler).toOpaque(), 1, &end)

        #expect(handler.ends == [.complete] && handler.timings == HTTPTimings())
    }

    @Test func ofAServersHeadersThoseForTheClientAreKept() throws {
        try FakeHost.run { fake in
            let handler = Ends()
            _ = host.start(fake.newTask(), method: "GET", path: "/p", headers: common, handler: handler)
            let fields = [("Retry-After", "7"), ("server", "x"), ("X-RateLimit-Reset", "1s"), ("x-ratelimit-", "no")]
            try #require(fake.request("/p")).answer(200, fields, "")

            #expect(handler.passed.map(\.name) == ["Retry-After", "X-RateLimit-Reset"])
            #expect(handler.passed.map(\.value) == ["7", "1s"])
        }
    }

    @Test func theKitAndTheHostPassTheSameHeaders() {
        for name in NEXUS_HEADERS_OF_SERVERS.split(separator: " ").map({ String($0.replacing("*", with: "x")) }) {
            #expect(lend(name) { PassedHeaders.contains($0.bytes) } && ABIRules.PassedHeaders.ofServers.takes(name))
        }
        for name in ["", "x", "retry-afte", "retry-after-x", "set-cookie", "openai-organization"] {
            #expect(!lend(name) { PassedHeaders.contains($0.bytes) } && !ABIRules.PassedHeaders.ofServers.takes(name))
        }
    }

    @Test func aRequestTellsTheClientsHeadersAndItsDeadline() {
        lend([("traceparent", "00-1"), ("openai-beta", "x")]) { headers in
            var request = nexus_request()
            request.struct_size = UInt32(MemoryLayout<nexus_request>.size)
            request.deadline_ms = 1500
            request.headers = headers.baseAddress
            request.header_count = headers.count

            #expect(request.passedHeaders.map(\.name) == ["traceparent", "openai-beta"])
            let old = grown(&request, size: 96)
            #expect(old.passedHeaders.isEmpty && old.deadline_ms == 0)
        }
    }

    @Test func answersAndFailuresCarryHeaders() {
        FakeHost.run { fake in
            let headers = [(name: "retry-after", value: "7"), (name: "set-cookie", value: "a=b")]
            let exchange = ExchangeTask(handle: fake.newTask(), host: host)
            exchange.begin(status: 200, warning: "w", headers: headers)
            exchange.fail(Failure(kind: NEXUS_FAIL_BUSY, message: "m", headers: headers))

            let told = fake.exchanges[exchange.handle]
            #expect(told?.warning == "w" && told?.headers == [PassedField(name: "retry-after", value: "7")])
            #expect(told?.failure?.headers == told?.headers)
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
