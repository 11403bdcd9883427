import Testing

@testable import Gateway

@Suite struct RouteTests {
    @Test(arguments: [
        ("/v1/chat/completions", Route.exchange(.chat)), ("/v1/completions", .exchange(.completions)),
        ("/v1/embeddings", .exchange(.embeddings)), ("/v1/models", .models), ("/v1/history", .history),
        ("/v1/stats", .stats), ("/health", .health), ("/metrics", .metrics), ("/", .page), ("/ws", .webSocket),
        ("/assets/dashboard.js", .asset("dashboard.js")), ("/v1/models/llama3.2:1b", .model("llama3.2:1b")),
        ("/v1/models/org/model", .model("org/model")), ("/v1/models/org%2Fmodel%20x", .model("org/model x")),
    ])
    func aPathHasItsRoute(_ path: String, _ route: Route) {
        #expect(Route(path: path) == route)
    }

    @Test(arguments: [
        "/v1", "/v1/", "", "/x", "/v1/chat/completions/", "/v1/models/", "/v1/models/%zz", "/v1/models/%f",
    ])
    func otherPathsHaveNone(_ path: String) {
        #expect(Route(path: path) == nil)
    }
}

@Suite struct OriginCheckTests {
    @Test(
        arguments: [
            (nil, "h:8000", [], true), ("http://h:8000", "h:8000", [], true), ("https://H:8000", "h:8000", [], true),
            ("http://evil", "h:8000", [], false), ("null", "h:8000", [], false), ("http://h:8000", nil, [], false),
            ("http://h:80000", "h:8000", [], false), ("https://ops.example", "h:8000", ["https://ops.example"], true),
            ("https://ops.example.evil", "h:8000", ["https://ops.example"], false),
            ("http://any", "h:8000", ["*"], true),
        ] as [(String?, String?, [String], Bool)])
    func onlyPagesOfThisHostOrConfiguredOnesMayListen(
        _ origin: String?, _ host: String?, _ configured: [String], _ allowed: Bool
    ) {
        #expect(OriginCheck.allows(origin: origin, host: host, configured: configured) == allowed)
    }
}

@Suite struct WebSocketQueryTests {
    @Test(
        arguments: [
            ("", nil), ("after=12", 12), ("x=1&after=7&y", 7), ("after=", nil), ("after=-1", nil),
            ("after=99999999999999999999999", nil),
        ] as [(String, UInt64?)])
    func thePageMaySayWhatItHas(_ query: String, _ after: UInt64?) {
        #expect(WebSocketQuery.after(query) == after)
    }
}
