import Testing

@testable import Gateway

/// What pages of other origins are told, byte by byte.
@Suite struct CrossOriginTests {
    private static let origin = "https://ops.example"
    private let gateway = EmbeddedGateway { $0.server.allowedOrigins = [Self.origin] }
    private let grant = "access-control-allow-origin: \(Self.origin)\r\n"

    private func answer(_ line: String, _ fields: String...) throws -> String {
        let client = try gateway.client()
        try client.send("\(line) HTTP/1.1\r\nhost: localhost\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
        return try client.take()
    }

    @Test(arguments: [
        ("/v1/chat/completions", "POST"), ("/v1/messages", "POST"), ("/api/chat", "POST"), ("/v1/models", "GET, HEAD"),
        ("//v1/embeddings/", "POST"),
    ]) func aBrowserIsToldWhatAPageMaySend(_ path: String, _ methods: String) throws {
        let told = try answer(
            "OPTIONS \(path)", "origin: \(Self.origin)", "access-control-request-method: POST",
            "access-control-request-headers: authorization, x-stainless-os")

        #expect(told.hasPrefix("HTTP/1.1 204 No Content\r\n") && told.contains(grant))
        #expect(told.contains("access-control-allow-methods: \(methods), OPTIONS\r\n"))
        #expect(told.contains("access-control-allow-headers: authorization, x-stainless-os\r\n"))
        #expect(told.contains("vary: Origin\r\n") && !told.contains("content-length"))
        #expect(!told.contains("private-network"))
    }

    @Test func aPageOfAPublicNetworkMayReachAPrivateOne() throws {
        let told = try answer(
            "OPTIONS /v1/models", "origin: \(Self.origin)", "access-control-request-method: GET",
            "access-control-request-private-network: true")
        #expect(told.contains("access-control-allow-private-network: true\r\n"))
    }

    @Test func whatIsNoListOfFieldsIsNotRepeated() throws {
        let told = try answer(
            "OPTIONS /v1/models", "origin: \(Self.origin)", "access-control-request-method: GET",
            "access-control-request-headers: a: b")
        #expect(told.contains(grant) && !told.contains("access-control-allow-headers"))
    }

    @Test(arguments: [
        "POST /v1/backends", "PATCH /v1/backends/one", "DELETE /v1/backends/one", "POST /v1/backends/one/drain",
        "POST /v1/admin/reload", "POST /v1/backends/one/actions/pull", "DELETE /v1/actions/a", "DELETE /v1/requests/a",
        "POST /v1/explain",
    ]) func onlyTheGatewaysOwnPageGivesCommands(_ line: String) throws {
        #expect(try answer(line, "origin: \(Self.origin)", "content-length: 0").hasPrefix("HTTP/1.1 403"))
        #expect(try !answer(line, "origin: http://localhost", "content-length: 0").hasPrefix("HTTP/1.1 403"))
    }

    @Test func aPageOfAConfiguredOriginMayLookButIsToldNothing() throws {
        let told = try answer("GET /v1/stats", "origin: \(Self.origin)")
        #expect(told.hasPrefix("HTTP/1.1 200") && !told.contains("access-control"))
    }

    @Test func anotherOriginIsToldNothing() throws {
        let told = try answer(
            "OPTIONS /v1/models", "origin: https://evil.example", "access-control-request-method: GET")
        #expect(told.hasPrefix("HTTP/1.1 403") && !told.contains("access-control"))
    }

    @Test(arguments: ["/v1/stats", "/v1/admin/reload", "/", "/v1/backends/one/actions/x"])
    func nothingOfTheOperatorsIsGranted(_ path: String) throws {
        let asked = try answer("OPTIONS \(path)", "origin: \(Self.origin)", "access-control-request-method: GET")
        #expect(asked.hasPrefix("HTTP/1.1 405") && !asked.contains("access-control"))

        let read = try answer("GET \(path)", "origin: \(Self.origin)")
        #expect(!read.contains("access-control") && !read.contains("vary"))
    }

    @Test func optionsWithoutAPageTellTheMethods() throws {
        let told = try answer("OPTIONS /api/tags")
        #expect(told.hasPrefix("HTTP/1.1 204") && told.contains("allow: GET, HEAD, OPTIONS\r\n"))
        #expect(!told.contains("access-control"))
        #expect(try answer("OPTIONS *").hasPrefix("HTTP/1.1 204"))
    }

    @Test func theConnectionGoesOnBehindTheBodyOfAQuestion() throws {
        let client = try gateway.client()
        try client.send("OPTIONS /v1/models HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}")
        #expect(try client.status() == 204)
        try client.get("/v1/models")
        #expect(try client.status() == 200)
    }

    @Test func everyAnswerToAPageCanBeReadByIt() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        let field = "origin: \(Self.origin)\r\n"
        try client.ask(fields: field)
        driver.attempts[0].answer("{}")
        #expect(try client.take().contains(grant))
        try client.ask(#"{"model":"m","stream":true}"#, fields: field)
        driver.attempts[1].begin()
        driver.attempts[1].write("data: {}\n\n")
        driver.attempts[1].finish()
        #expect(try client.take().contains(grant))
        // What went wrong is for the page as well.
        try client.ask("{", fields: field)
        let refused = try client.take()
        #expect(refused.hasPrefix("HTTP/1.1 400") && refused.contains(grant))
        #expect(try answer("GET /v1/nothing", "origin: \(Self.origin)").contains(grant))
        #expect(try answer("DELETE /v1/models", "origin: \(Self.origin)").contains(grant))
    }

    @Test func anAnswerToNobodysPageSaysThatItWouldDiffer() throws {
        let told = try answer("GET /v1/models")
        #expect(told.contains("vary: Origin\r\n") && !told.contains("access-control"))
    }

    @Test func whereNoOriginIsConfiguredNothingIsSaid() throws {
        let client = try EmbeddedGateway().client()
        try client.send("GET /v1/models HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost\r\n\r\n")
        let told = try client.take()
        #expect(told.hasPrefix("HTTP/1.1 200") && !told.contains("vary") && !told.contains("access-control"))
    }

    @Test func theNextRequestOfAConnectionIsGrantedNothing() throws {
        let client = try gateway.client()
        try client.send("GET /v1/models HTTP/1.1\r\nhost: localhost\r\norigin: \(Self.origin)\r\n\r\n")
        #expect(try client.take().contains(grant))
        try client.get("/v1/models")
        #expect(try !client.take().contains("access-control"))
    }
}
