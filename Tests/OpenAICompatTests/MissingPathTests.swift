import PluginAPI
import Testing

@testable import FakeHost
@testable import OpenAICompat

@Suite struct MissingPathTests {
    private func failure(_ status: UInt32, _ body: String, kind: UInt32 = NEXUS_KIND_EMBEDDINGS) throws -> FakeHost
        .Failure?
    {
        try answered(kind: kind) { $0.answer(status, [], body) }.failure
    }

    @Test(
        arguments: [
            // llama.cpp, vLLM and SGLang, Go, Python's own server, Express, OpenAI, TGI, LM Studio.
            (404, #"{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}"#),
            (404, #"{"detail":"Not Found"}"#), (404, "404 page not found\n"),
            (501, "<html><title>Error response</title><p>Unsupported method ('POST').</p></html>"),
            (404, "<pre>Cannot POST /v1/embeddings</pre>"),
            (404, #"{"error":{"message":"Invalid URL (POST /v1/embeddings)","type":"invalid_request_error"}}"#),
            (404, ""), (405, #"{"detail":"Method Not Allowed"}"#), (404, #"{"error":"not found."}"#), (404, "{}"),
            (404, #"{"error":"Route POST:/v1/embeddings not found"}"#), (404, "no handler for '/v1/embeddings'"),
            (200, #"{"error":"Unexpected endpoint or method. (POST /v1/embeddings)"}"#),
        ] as [(UInt32, String)])
    func aPathThatTheServerDoesNotHaveIsToldInOurWords(_ status: UInt32, _ body: String) throws {
        let failure = try failure(status, body)

        #expect(failure?.kind == NEXUS_FAIL_UNSUPPORTED && failure?.status == 501 && failure?.body.isEmpty == true)
        #expect(
            failure?.message.hasPrefix(
                "the server does not support embeddings: it answered \(status) to POST /v1/embeddings") == true)
        #expect(failure?.message.contains("this one's url") == true)
    }

    @Test(
        arguments: [
            (404, #"{"error":{"message":"The model `x` does not exist.","type":"NotFoundError","code":404}}"#),
            (404, #"{"error":{"message":"Not Found","code":"model_not_found"}}"#),
            (404, #"{"error":{"code":"model_not_found"}}"#), (404, "no such deployment: x"),
            (404, #"{"error":{"message":"POST /v1/embeddings: deployment 'x' does not exist"}}"#),
            (404, #"{"error":"model 'x' not found"}"#), (404, #"{"detail":"LoRA adapter x not found"}"#),
            (404, #"{"error":{"code":"DeploymentNotFound","message":"The deployment does not exist."}}"#),
            (501, #"{"error":{"message":"Start it with `--embeddings`","type":"not_supported_error"}}"#),
            (404, "data: {\"error\":{\"message\":\"no deployment is called x\"}}\n\n"),
        ] as [(UInt32, String)])
    func whatIsAboutTheRequestIsPassedOn(_ status: UInt32, _ body: String) throws {
        let failure = try failure(status, body)

        #expect(failure?.kind == NEXUS_FAIL_UNSUPPORTED && failure?.status == status)
        #expect(failure?.message.contains("does not support embeddings") == false)
    }

    @Test func aChatWithoutItsPathIsToldLikewise() throws {
        let told = try failure(404, "<html>nginx</html>", kind: NEXUS_KIND_CHAT)?.message

        #expect(told?.contains("does not support chat: it answered 404 to POST /v1/chat/completions (nginx)") == true)
    }
}
