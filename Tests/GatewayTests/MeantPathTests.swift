import Dialects
import Testing

@testable import Gateway

@Suite struct MeantPathTests {
    @Test(arguments: [
        ("/chat/completions", "/v1/chat/completions"), ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("/api/v1/chat/completions", "/v1/chat/completions"), ("/v1/v1/v1/embeddings", "/v1/embeddings"),
        ("/messages", "/v1/messages"), ("/v1/v1/messages", "/v1/messages"), ("/api/messages", "/v1/messages"),
        ("/v1/v1/messages/count_tokens", "/v1/messages/count_tokens"),
        ("/v1/api/chat", "/api/chat"), ("/api/api/chat", "/api/chat"), ("/stats", "/v1/stats"),
        ("/v1/health", "/health"),
    ])
    func theNearestKnownPathIsMeant(_ path: String, _ meant: String) {
        #expect(RouteTable.gateway.meant(.post, path)?.path == meant)
    }

    @Test(arguments: ["/nothing", "/api/nothing", "/v1/nothing", "/v1", "/api", "", "/v1/messages/batches"])
    func nothingIsMeantByOthers(_ path: String) {
        #expect(RouteTable.gateway.meant(.post, path)?.path == nil)
    }

    @Test(arguments: [
        ("/v1/v1/messages", Dialect.anthropic), ("/messages", .anthropic), ("/messages/count_tokens", .anthropic),
        ("/api/v1/messages", .anthropic), ("/v1/v1/messages/batches", .anthropic), ("/messagesx", .openAI),
        ("/v1/api/chat", .ollama), ("/api/api/chat", .ollama), ("/api/v1/chat/completions", .openAI),
        ("/v1/v1/chat/completions", .openAI), ("/v1/v1/models", .openAI),
    ])
    func theAPIIsThatOfThePathThatIsMeant(_ path: String, _ dialect: Dialect) {
        #expect(Dialect(path: path) == dialect)
    }

    @Test func aPathOfManyPartsIsLookedIntoToALimit() {
        let path = String(repeating: "/v1", count: 20_000) + "/messages"

        #expect(RouteTable.gateway.meant(.post, path)?.path == nil && Dialect(path: path) == .openAI)
    }

    @Test(
        arguments: [
            ("/v1/messages", "has no /v1: they add it; here it is http://box:8000."),
            ("/v1/chat/completions", "ends in /v1, once; here it is http://box:8000/v1."),
            ("/api/chat", "has no path; here it is http://box:8000."),
        ])
    func theBaseAddressThatIsRightIsTold(_ meant: String, _ words: String) {
        let error = ErrorBody.unknownPath("/x", meant: (meant, isForClients: true), origin: "http://box:8000")

        #expect(error.message.hasSuffix(words))
    }

    @Test func pathsOfTheOperatorHaveNoBaseAddress() {
        let error = ErrorBody.unknownPath("/stats", meant: ("/v1/stats", isForClients: false), origin: nil)

        #expect(error.message == "Unknown path /stats; did you mean /v1/stats?")
    }
}
