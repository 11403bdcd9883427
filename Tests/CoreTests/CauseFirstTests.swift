import Testing

@testable import Core

@Suite struct CauseFirstTests {
    @Test(arguments: [
        (
            "GET /v1/models: 127.0.0.1:8080: connection refused: nothing listens there",
            "connection refused: nothing listens there (GET /v1/models, 127.0.0.1:8080)"
        ),
        ("GET /api/tags: [::1]:11434: no answer", "no answer (GET /api/tags, [::1]:11434)"),
        ("box:1: the host cannot be reached", "the host cannot be reached (box:1)"),
        ("POST http://h/x: out of memory", "out of memory (POST http://h/x)"),
        (
            "GET /v1/models: the server refuses the API key (status 401); set api_key_env",
            "the server refuses the API key (status 401); set api_key_env (GET /v1/models)"
        ),
    ])
    func thePlaceFollowsTheCause(_ told: String, _ expected: String) {
        #expect(CauseFirst.words(told) == expected)
    }

    @Test func aHostWithoutAPortIsAPlaceIfItIsTheServer() {
        let told = "GET /v1/models: api.example.org: certificate verify failed: it has expired"

        #expect(
            CauseFirst.words(told, of: "api.example.org")
                == "certificate verify failed: it has expired (GET /v1/models, api.example.org)")
        #expect(
            CauseFirst.words(told)
                == "api.example.org: certificate verify failed: it has expired (GET /v1/models)")
    }

    @Test(arguments: [
        "", "connection refused", "connection refused: nobody", "GET /v1/models answered with status 500: boom",
        "GET /v1/models: ", "127.0.0.1:8080: ", "the server says: GET /x: no", "error: 5: no", "a: b", ":1: x",
        "Get /x: no", "GET x: no", "box:1x: no", "box:123456: no",
    ])
    func otherWordsStayAsTheyAre(_ told: String) { #expect(CauseFirst.words(told) == told) }

    @Test func noMoreThanAFewPlacesAreMoved() {
        let told = String(repeating: "a:1: ", count: 50) + "x"

        #expect(CauseFirst.words(told).hasSuffix("x (a:1, a:1, a:1, a:1)"))
    }
}
