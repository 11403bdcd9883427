import Core
import Testing

@testable import Gateway

@Suite struct RouteTests {
    @Test(arguments: [
        ("/v1/chat/completions", Route.exchange(.chat)), ("/v1/completions", .exchange(.completions)),
        ("/v1/embeddings", .exchange(.embeddings)), ("/v1/responses", .exchange(.responses)),
        ("/v1/rerank", .exchange(.rerank)), ("/v1/audio/speech", .exchange(.audio)),
        ("/v1/images/edits", .exchange(.images)), ("/v1/messages", .exchange(.messages)),
        ("/v1/messages/count_tokens", .exchange(.countTokens)), ("/api/embed", .exchange(.ollama)),
        ("/api/tags", .ollama(.tags)), ("/api/delete", .ollamaManagement), ("/v1/responses/r1", .storedResponse),
        ("/v1/models", .models), ("/v1/history", .history),
        ("/v1/stats", .stats), ("/health", .health), ("/metrics", .metrics), ("/", .page), ("/ws", .webSocket),
        ("/favicon.ico", .rootFile("favicon.ico")), ("/robots.txt", .rootFile("robots.txt")),
        ("/assets/dashboard.js", .asset("dashboard.js")), ("/v1/models/llama3.2:1b", .model("llama3.2:1b")),
        ("/v1/models/org/model", .model("org/model")), ("/v1/models/org%2Fmodel%20x", .model("org/model x")),
        ("/v1/actions", .actions), ("/v1/actions/0a%20b", .action("0a b")),
        ("/v1/backends/one/actions", .actionsOf(backend: "one")),
        ("/v1/backends/a%2Fb%20c/actions", .actionsOf(backend: "a/b c")),
        ("/v1/backends/one/actions/pull_model", .runAction("pull_model", backend: "one")),
        ("/v1/backends/actions/actions/actions", .runAction("actions", backend: "actions")),
    ])
    func aPathHasItsRoute(_ path: String, _ route: Route) {
        #expect(Route(path: path) == route)
    }

    @Test(arguments: [
        "/v1", "/v1/", "", "/x", "/v1/chat/completions/", "/v1/models/", "/v1/models/%zz", "/v1/models/%f",
        "/v1/audio/", "/v1/audio/x", "/v1/images/../../api/delete", "/v1/images/%2e%2e/x", "/v1/audio//speech",
        "/api/", "/api/x", "/v1/messages/", "/v1/actions/", "/v1/backends/", "/v1/backends/one",
        "/v1/backends//actions", "/v1/backends/one/actions/",
        "/v1/backends/one/actions/x/y", "/v1/backends/%zz/actions",
    ])
    func otherPathsHaveNone(_ path: String) {
        #expect(Route(path: path) == nil)
    }
}

@Suite struct CommandTests {
    @Test func onlyWhatChangesSomethingIsACommand() {
        #expect(Route.runAction("x", backend: "one").isCommand(.post) && Route.action("1").isCommand(.delete))
        #expect(!Route.runAction("x", backend: "one").isCommand(.get) && !Route.action("1").isCommand(.post))
        #expect(!Route.actions.isCommand(.post) && !Route.exchange(.chat).isCommand(.post))
    }

    @Test(arguments: [
        ("stream", true), ("stream=true", true), ("a=b&stream=1", true), ("stream=false", false), ("", false),
        ("xstream=true", false), ("stream=truer", false),
    ])
    func aFlagOfAQueryIsSetByNameOrTrue(_ query: String, _ isSet: Bool) {
        #expect(QueryFlags.isSet("stream", in: query) == isSet)
    }
}

@Suite struct WebSocketQueryTests {
    @Test(
        arguments: [
            ("", nil, .pictures), ("after=7", 7, .pictures), ("updates=deltas", nil, .deltas),
            ("updates=deltas&after=18446744073709551615", .max, .deltas),
            ("after=18446744073709551616", nil, .pictures),
            ("x=1&after=7&y", 7, .pictures), ("after=", nil, .pictures), ("after=-1&updates=all", nil, .pictures),
            ("xupdates=deltas&updates=deltasx", nil, .pictures),
        ] as [(String, UInt64?, Feed.Form)])
    func whatIsNotAskedForIsNotGiven(_ text: String, _ after: UInt64?, _ form: Feed.Form) {
        let query = WebSocketQuery(text)
        #expect(query.after == after && query.form == form)
    }
}
