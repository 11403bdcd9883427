import Core
import JSON
import NIOCore
import Testing

@testable import Gateway

/// The exchanges under way as an operator sees and ends them.
@Suite struct ActiveRequestTests {
    private let gateway = EmbeddedGateway { $0.server.streamKeepAlive = .seconds(15) }
    private let stream = #"{"model":"m","stream":true}"#

    /// What `GET /v1/requests/active` says.
    private func active(_ query: String = "") throws -> JSONValue {
        let client = try gateway.client()
        try client.get("/v1/requests/active" + query)
        return try body(client)
    }

    private func rows() throws -> [JSONValue] { try active()["data"]?.array ?? [] }

    /// The JSON of the one answer that has come.
    private func body(_ client: EmbeddedClient) throws -> JSONValue {
        let text = try client.take()
        let start = try #require(text.firstRange(of: "\r\n\r\n")).upperBound
        return try JSONValue.parse(String(text[start...]))
    }

    private func delete(_ path: String, fields: String = "") throws -> EmbeddedClient {
        let client = try gateway.client()
        try client.send("DELETE /v1/requests/\(path) HTTP/1.1\r\nhost: localhost\r\n\(fields)\r\n")
        return client
    }

    private func ask(_ body: String, id: String = "r1", path: String = "/v1/chat/completions") throws -> EmbeddedClient
    {
        let client = try gateway.client()
        try client.ask(body, path: path, fields: "x-request-id: \(id)\r\n")
        return client
    }

    private func phases() throws -> [String] { try rows().compactMap { $0["phase"]?.string } }

    // MARK: The list

    @Test func withoutExchangesItIsEmpty() throws {
        let list = try active()
        #expect(list["total"]?.int == 0 && list["data"]?.array?.isEmpty == true && list["silent_loops"]?.int == 0)
    }

    @Test func anExchangeIsListedAsFarAsItIs() throws {
        let driver = gateway.add(limit: 1)
        let first = try ask(stream, id: "first")
        let second = try ask(#"{"model":"m"}"#, id: "second", path: "/v1/chat/completions")
        gateway.advance(.milliseconds(1500))
        let attempt = driver.attempts[0]
        attempt.sink.attemptSaw(.connecting)
        #expect(try phases() == ["connecting", "queued"])
        attempt.sink.attemptSaw(.connected)
        #expect(try phases() == ["prefill", "queued"])
        attempt.begin()
        attempt.write("data: 1\n\n")
        gateway.advance(.seconds(2))
        attempt.write("data: 2\n\ndata: 3\n\n")

        let rows = try rows()
        #expect(rows[0]["id"]?.string == "first" && rows[1]["id"]?.string == "second")
        #expect(rows[0]["phase"]?.string == "streaming" && rows[0]["tokens"]?.int == 3)
        #expect(rows[0]["tokens_per_second"]?.double == 1 && rows[0]["ttft_ms"]?.int == 1500)
        #expect(rows[0]["elapsed_ms"]?.int == 3500 && rows[0]["client"]?.string == "127.0.0.1")
        #expect(rows[0]["backend"]?.string == "one" && rows[0]["attempts"]?.int == 1)
        #expect(rows[0]["api"]?.string == "openai" && rows[0]["stream"]?.bool == true)
        #expect(rows[1]["phase"]?.string == "queued" && rows[1]["place"]?.int == 1)
        #expect(rows[1]["backend"]?.isNull == true && rows[1]["tokens"]?.isNull == true)
        try first.leave()
        try second.leave()
        #expect(try rows.count == 2 && phases().isEmpty)
    }

    @Test func aModelThatIsNotLoadedIsBeingLoaded() throws {
        gateway.add()
        var model = Model(id: "m")
        model.isLoaded = false
        gateway.state.registry.record([model], of: "one")
        gateway.loop.refresh()
        let client = try ask(stream)
        #expect(try phases() == ["loading"])
        try client.leave()
    }

    @Test func noMoreAreListedThanWereAskedFor() throws {
        gateway.add()
        let clients = try (0..<5).map { try ask(stream, id: "r\($0)") }
        let list = try active("?limit=2")
        #expect(list["data"]?.array?.compactMap { $0["id"]?.string } == ["r0", "r1"])
        #expect(list["total"]?.int == 5 && list["left_out"]?.int == 3 && list["phases"]?["prefill"]?.int == 5)
        for client in clients { try client.leave() }
    }

    @Test(arguments: ["?limit=0", "?limit=1001", "?limit=x", "?limit="])
    func aLimitThatIsNoneIsRefused(_ query: String) throws {
        let client = try gateway.client()
        try client.get("/v1/requests/active" + query)
        let text = try client.take()
        #expect(text.hasPrefix("HTTP/1.1 400 ") && text.contains("from 1 to 1000"))
    }

    // MARK: Cancelling

    private static let apis = [
        ("/v1/chat/completions", #""code":"request_cancelled""#), ("/v1/messages", #""type":"error""#),
        ("/api/chat", #"{"error":"An operator cancelled the request."}"#),
    ]

    @Test(arguments: apis)
    func aCancelledExchangeFreesItsBackendAndIsToldInTheWordsOfItsAPI(_ path: String, _ words: String) throws {
        let driver = gateway.add()
        let client = try ask(
            #"{"model":"m","stream":false,"max_tokens":1,"messages":[{"role":"user","content":"a"}]}"#, path: path)
        #expect(gateway.inFlight() == 1)

        let answer = try body(try delete("r1"))

        #expect(answer["cancelled"]?.int == 1 && answer["data"]?[0]?["id"]?.string == "r1")
        #expect(driver.attempts[0].isCancelled && gateway.inFlight() == 0)
        let told = try client.take()
        #expect(told.hasPrefix("HTTP/1.1 499 ") && told.contains(words))
        #expect(told.contains("An operator cancelled the request.") && client.isOpen)
        #expect(gateway.history.map(\.statusCode) == [499] && gateway.history[0].backendID == "one")
        #expect(gateway.history[0].errorMessage == "An operator cancelled the request.")
        driver.attempts[0].answer("late")
        #expect(try gateway.history.count == 1 && rows().isEmpty)
    }

    @Test(arguments: [
        ("/v1/chat/completions", AnswerType.eventStream, "data: {\"error\":"),
        ("/v1/messages", .eventStream, "event: error\ndata: {"),
        ("/api/chat", .jsonLines, "{\"error\":\"An operator cancelled"),
    ])
    func aStreamThatHasBegunEndsWithOneError(_ path: String, _ type: AnswerType, _ words: String) throws {
        let driver = gateway.add(kinds: [.chat, .messages, .ollama])
        let client = try ask(
            #"{"model":"m","stream":true,"max_tokens":1,"messages":[{"role":"user","content":"a"}]}"#, path: path)
        driver.attempts[0].begin(type)
        driver.attempts[0].write("data: 1\n\n")
        _ = try client.take()

        #expect(try delete("r1").status() == 200)

        let told = try client.take()
        #expect(told.contains(words) && told.hasSuffix("0\r\n\r\n") && !told.contains("[DONE]"))
        #expect(told.components(of: "An operator cancelled") == 1)
        #expect(driver.attempts[0].isCancelled && gateway.inFlight() == 0)
        #expect(gateway.history.map(\.statusCode) == [499])
    }

    @Test func oneThatWaitsInTheQueueLeavesIt() throws {
        let driver = gateway.add(limit: 1)
        let (first, second) = (try ask(stream, id: "first"), try ask(stream, id: "second"))
        #expect(try delete("second").status() == 200)
        #expect(try second.status() == 499 && gateway.state.admission.count == 0)
        driver.attempts[0].fail(.rejected, status: 400)
        #expect(try first.status() == 400 && driver.attempts.count == 1 && gateway.history.count == 2)
    }

    @Test func aStreamWhoseClientHasHeardCommentsIsToldInsideIt() throws {
        gateway.add()
        let client = try ask(stream)
        gateway.advance(.seconds(16))
        #expect(try client.take().contains("keep-alive"))
        #expect(try delete("r1").status() == 200)
        let told = try client.take()
        #expect(told.contains("data: {\"error\":") && told.hasSuffix("0\r\n\r\n"))
    }

    @Test func aWholeAnswerThatHasBegunToBeSentIsCutOff() throws {
        let driver = gateway.add()
        let client = try ask(#"{"model":"m"}"#)
        driver.attempts[0].begin()
        driver.attempts[0].write(String(repeating: "x", count: Dispatch.holdLimit + 1))
        _ = try client.take()
        #expect(try delete("r1").status() == 200)
        #expect(!client.isOpen && gateway.inFlight() == 0 && gateway.history.map(\.statusCode) == [499])
    }

    @Test func theConnectionGoesOnAfterIt() throws {
        let driver = gateway.add()
        let client = try ask(#"{"model":"m"}"#)
        #expect(try delete("r1").status() == 200)
        _ = try client.take()
        try client.ask()
        driver.attempts[1].answer("{}")
        #expect(try client.status() == 200)
    }

    @Test func anUnknownIdIsTold() throws {
        let text = try delete("nobody%2Fknows").take()
        #expect(text.hasPrefix("HTTP/1.1 404 ") && text.contains("'nobody/knows'"))
        #expect(text.contains("request_not_found"))
    }

    @Test func ofSeveralWithOneIdNoneIsCancelledByAccident() throws {
        let driver = gateway.add()
        let (first, second) = (try ask(stream, id: "same"), try ask(stream, id: "same"))
        let refused = try delete("same").take()
        #expect(refused.hasPrefix("HTTP/1.1 409 ") && refused.contains("2 requests") && gateway.inFlight() == 2)

        let key = try #require(try rows()[1]["exchange"]?.string)
        #expect(try delete("other?exchange=\(key)").status() == 404)
        #expect(try delete("same?exchange=\(key)").status() == 200)
        #expect(try second.status() == 499)
        #expect(try first.take() == "" && gateway.inFlight() == 1)

        let third = try ask(stream, id: "same")
        #expect(try body(try delete("same?all=true"))["cancelled"]?.int == 2)
        #expect(try first.status() == 499)
        #expect(try third.status() == 499)
        #expect(driver.attempts.allSatisfy(\.isCancelled) && gateway.history.count == 3)
    }

    @Test func aKeyThatIsNoneIsRefused() throws {
        #expect(try delete("a?exchange=x").status() == 400)
        #expect(try delete("a?exchange=7-1").status() == 404)
    }

    @Test func aPageOfAnotherOriginCancelsNothing() throws {
        gateway.add()
        let client = try ask(stream)
        #expect(try delete("r1", fields: "origin: http://evil.example\r\n").status() == 403)
        #expect(gateway.inFlight() == 1)
        try client.leave()
    }

    // MARK: Live updates

    private func subscriber(_ query: String) throws -> EmbeddedClient {
        let client = try gateway.client()
        try client.send(
            "GET /ws\(query) HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                + "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n")
        return client
    }

    @Test func whoAsksForRequestsSeesThem() throws {
        let driver = gateway.add()
        let (watching, plain) = (try subscriber("?updates=requests"), try subscriber("?updates=deltas"))
        #expect(try watching.take().contains("ActiveRequests"))
        gateway.advance(.seconds(2))
        #expect(try !watching.take().contains("ActiveRequests"))

        let client = try ask(stream)
        gateway.advance(.milliseconds(500))
        #expect(try watching.take().contains(#""id":"r1""#))
        driver.attempts[0].begin()
        driver.attempts[0].write("data: 1\n\n")
        gateway.advance(.milliseconds(500))
        #expect(try watching.take().contains(#""tokens":1"#))

        #expect(try delete("r1").status() == 200)
        let told = try watching.take()
        #expect(told.contains("RequestCancelled") && told.contains(#""total":0"#))
        gateway.advance(.milliseconds(500))
        #expect(try watching.take().contains("An operator cancelled the request."))
        let untold = try plain.take()
        #expect(untold.contains("RequestComplete") && !untold.contains("ActiveRequests"))
        #expect(!untold.contains("RequestCancelled"))
        try client.leave()
    }

    @Test func oneThatTakesNothingGetsTheNewestLater() throws {
        gateway.add()
        let watching = try subscriber("?updates=requests")
        _ = try watching.take()
        watching.setTaking(false)
        let client = try ask(stream)
        gateway.advance(.seconds(15))
        #expect(try watching.take() == "")
        watching.setTaking(true)
        gateway.advance(.seconds(1))
        #expect(try watching.take().components(of: "ActiveRequests") <= 3)
        try client.leave()
    }
}
