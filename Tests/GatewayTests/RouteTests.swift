import Core
import HTTP1
import Testing

@testable import Gateway

@Suite struct RouteTests {
    /// The pattern of the route that a request has, and what stands in its places.
    private func found(_ method: RequestHead.Method, _ path: String) -> [String]? {
        guard case .route(let route, let values) = RouteTable.gateway.match(method, path) else { return nil }
        return [route.pattern.text] + values
    }

    @Test(
        arguments: [
            (.post, "/v1/chat/completions", ["/v1/chat/completions"]), (.post, "/v1/responses", ["/v1/responses"]),
            (.post, "/v1/audio/speech", ["/v1/audio/speech"]), (.post, "/api/embed", ["/api/embed"]),
            (.get, "/api/tags", ["/api/tags"]), (.delete, "/api/delete", ["/api/delete"]),
            (.get, "/v1/responses/r1", ["/v1/responses/{id...}", "r1"]), (.get, "/v1/models", ["/v1/models"]),
            (.head, "/health", ["/health"]), (.head, "/livez", ["/livez"]), (.get, "/readyz", ["/readyz"]),
            (.get, "/", ["/"]), (.get, "/ws", ["/ws"]),
            (.get, "/assets/dashboard.js", ["/assets/{name...}", "dashboard.js"]),
            (.get, "/v1/models/llama3.2:1b", ["/v1/models/{id...}", "llama3.2:1b"]),
            (.get, "/v1/models/org/model", ["/v1/models/{id...}", "org/model"]),
            (.get, "/v1/models/org%2Fmodel%20x", ["/v1/models/{id...}", "org/model x"]),
            (.get, "/v1/actions", ["/v1/actions"]), (.delete, "/v1/actions/0a%20b", ["/v1/actions/{id...}", "0a b"]),
            (.get, "/v1/requests/active", ["/v1/requests/active"]),
            (.get, "/v1/openapi.json", ["/v1/openapi.json"]), (.get, "/v1/series", ["/v1/series"]),
            (.get, "/v1/series/compare", ["/v1/series/compare"]),
            (.delete, "/v1/requests/a%2Fb", ["/v1/requests/{id...}", "a/b"]),
            (.get, "/v1/requests/a%2Fb", ["/v1/requests/{id...}", "a/b"]),
            // An id that a client chose.
            (.delete, "/v1/requests/active", ["/v1/requests/{id...}", "active"]),
            (.get, "/v1/backends/a%2Fb%20c/actions", ["/v1/backends/{id}/actions", "a/b c"]),
            (.delete, "/v1/captures/6f1a", ["/v1/captures/{id}", "6f1a"]),
            (.delete, "/v1/captures", ["/v1/captures"]),
            (.post, "/v1/backends", ["/v1/backends"]), (.delete, "/v1/backends/one", ["/v1/backends/{id}", "one"]),
            (.patch, "/v1/backends/a%2Fb", ["/v1/backends/{id}", "a/b"]),
            (.post, "/v1/backends/one/drain", ["/v1/backends/{id}/drain", "one"]),
            (.post, "/v1/backends/one/enable", ["/v1/backends/{id}/enable", "one"]),
            (.post, "/v1/backends/one/actions/pull", ["/v1/backends/{id}/actions/{name}", "one", "pull"]),
            (
                .post, "/v1/backends/actions/actions/actions",
                ["/v1/backends/{id}/actions/{name}", "actions", "actions"]
            ),
        ] as [(RequestHead.Method, String, [String])])
    func aPathHasItsRoute(_ method: RequestHead.Method, _ path: String, _ expected: [String]) {
        #expect(found(method, path) == expected)
    }

    @Test(arguments: [
        "/v1", "", "/x", "/v1/models/", "/v1/models/%zz", "/v1/models/%f", "/v1/audio/x",
        "/v1/images/../../api/delete", "/v1/images/%2e%2e/x", "/v1/audio//speech", "/api/x", "/v1/actions/",
        "/v1/backends/", "/v1/backends/one/x", "/v1/backends//actions", "/v1/backends/one/actions/x/y",
        "/v1/backends/%zz/actions",
    ])
    func otherPathsHaveNone(_ path: String) {
        for method in [RequestHead.Method.get, .post] {
            guard case .unknownPath = RouteTable.gateway.match(method, path) else {
                Issue.record("\(path) has a route")
                return
            }
        }
    }

    @Test(
        arguments: [
            (.get, "/v1/chat/completions", "POST"), (.post, "/v1/models", "GET, HEAD"),
            (.post, "/v1/models/x", "GET, HEAD"), (.get, "/v1/admin/reload", "POST"),
            (.post, "/v1/requests/1", "GET, HEAD, DELETE"),
            (.post, "/v1/requests/active", "GET, HEAD, DELETE"), (.put, "/api/pull", "GET, POST, DELETE, HEAD"),
            (.get, "/v1/actions/1", "DELETE"), (.put, "/api/pull", "GET, POST, DELETE, HEAD"),
            (.post, "/v1/backends/one", "GET, HEAD, PATCH, DELETE"), (.put, "/v1/backends", "GET, HEAD, POST"),
            (.get, "/v1/backends/one/actions/x", "POST"), (.other, "/", "GET, HEAD"),
        ] as [(RequestHead.Method, String, String)])
    func aPathSaysWhichMethodsItTakes(_ method: RequestHead.Method, _ path: String, _ allow: String) {
        guard case .otherMethod(let told, _) = RouteTable.gateway.match(method, path) else {
            Issue.record("\(path) takes it, or is unknown")
            return
        }
        #expect(told == allow)
    }

    @Test(arguments: [
        ("/v1/models/", "/v1/models"), ("//v1/models", "/v1/models"), ("///v1//x//", "/v1/x"), ("/", "/"),
        ("//", "/"), ("/v1/models", "/v1/models"), ("/assets/x/", "/assets/x/"),
    ])
    func slashesTooManyAreForgiven(_ path: String, _ meant: String) {
        let told = Array(path.utf8).withUnsafeBytes { RouteTable.meant($0[...]) }
        #expect(told == meant)
    }

    @Test(arguments: [
        ("/v1/chat/completions", true), ("/v1/models", true), ("/api/tags", true), ("/v1/messages/count_tokens", true),
        ("/health", true), ("/", false), ("/v1/stats", false), ("/v1/admin/reload", false), ("/ws", false),
        ("/v1/backends/one/actions/x", false), ("/v1/backends/one/drain", false), ("/v1/backends/one", false),
    ])
    func onlyTheApisOfClientsAreForPagesOfOtherOrigins(_ path: String, _ expected: Bool) {
        guard case .otherMethod(_, let isForClients) = RouteTable.gateway.match(.options, path) else {
            Issue.record("\(path) takes it, or is unknown")
            return
        }
        #expect(isForClients == expected)
    }

    @Test func noTwoRoutesAreTheSame() {
        let all = RouteTable.gateway.all.flatMap { route in route.methods.map { "\($0) \(route.pattern.text)" } }
        #expect(Set(all).count == all.count)
    }

    /// A page of another origin can send GET with no questions asked.
    @Test func nothingThatChangesAnythingAnswersToGet() {
        for route in RouteTable.gateway.all where route.methods.contains(.get) {
            if case .later = route.handler { Issue.record("\(route.pattern.text)") }
            if case .exchange = route.handler { Issue.record("\(route.pattern.text)") }
        }
    }
}

@Suite struct QueryTests {
    @Test func aNameThatMayBeAKeyIsNotRepeated() {
        #expect(QueryValues.shown("limits") == "limits" && QueryValues.shown("per_backend") == "per_backend")
        for name in ["nx-ABC", "sk-1", "", "é", String(repeating: "a", count: 25)] where !name.isEmpty {
            #expect(QueryValues.shown(name) == "(not shown)")
        }
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
            ("xupdates=deltas&updates=deltasx", nil, .pictures), ("updates=requests,deltas", nil, .deltas),
            ("updates=deltas%2Crequests", nil, .deltas), ("updates=requests", nil, .pictures),
        ] as [(String, UInt64?, Feed.Form)])
    func whatIsNotAskedForIsNotGiven(_ text: String, _ after: UInt64?, _ form: Feed.Form) {
        let query = WebSocketQuery(text)
        #expect(query.after == after && query.form == form)
    }

    @Test(arguments: [
        ("", false), ("updates=deltas,requests", false), ("updates=trouble", true), ("updates=deltas,trouble", true),
        ("updates=troubles", false), ("trouble", false),
    ])
    func whatIsWrongIsForThoseThatAsk(_ text: String, _ watches: Bool) {
        #expect(WebSocketQuery(text).watchesTrouble == watches)
    }

    @Test(arguments: [
        ("", false), ("updates=deltas", false), ("updates=requests", true), ("updates=deltas,requests", true),
        ("after=1&updates=requests%2Cdeltas", true), ("updates=deltas&updates=requests", true),
        ("updates=requestsx", false), ("requests", false), ("updates=%zzrequests", false),
    ])
    func exchangesUnderWayAreForThoseThatAsk(_ text: String, _ watches: Bool) {
        #expect(WebSocketQuery(text).watchesRequests == watches)
    }
}
