import Core
import PluginAPI
import Testing

@testable import AdapterHost

@Suite struct RequestKindTests {
    @Test func kindsAreTheBitsOfTheABI() {
        let bits: [RequestKind: UInt32] = [
            .chat: NEXUS_KIND_CHAT, .completions: NEXUS_KIND_COMPLETIONS, .embeddings: NEXUS_KIND_EMBEDDINGS,
            .responses: NEXUS_KIND_RESPONSES, .rerank: NEXUS_KIND_RERANK, .audio: NEXUS_KIND_AUDIO,
            .images: NEXUS_KIND_IMAGES, .messages: NEXUS_KIND_MESSAGES, .countTokens: NEXUS_KIND_COUNT_TOKENS,
            .ollama: NEXUS_KIND_OLLAMA,
        ]

        for kind in RequestKind.allCases { #expect(kind.bit == bits[kind]) }
    }

    @Test func flagsTellWhatARequestHolds() {
        var request = SubmittedRequest(
            kind: .chat, model: "m", requestID: "r", path: "/", stream: true, includeUsage: false, tools: true,
            images: false)
        #expect(request.flags == NEXUS_REQUEST_STREAM | NEXUS_REQUEST_TOOLS)

        (request.stream, request.tools, request.includeUsage, request.images) = (false, false, true, true)
        #expect(request.flags == NEXUS_REQUEST_INCLUDE_USAGE | NEXUS_REQUEST_IMAGES)
    }
}
