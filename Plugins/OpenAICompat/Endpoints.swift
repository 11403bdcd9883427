import PluginAPI

/// What a server may answer, by the names that the option "endpoints" knows.
struct Endpoint: Sendable {
    let name: String
    /// `NEXUS_KIND_...`
    let kind: UInt32
    /// Below the prefix. Where a kind has several, the server may have any of them.
    let paths: [String]

    static let all = [
        Endpoint(name: "chat", kind: NEXUS_KIND_CHAT, paths: ["/chat/completions"]),
        Endpoint(name: "completions", kind: NEXUS_KIND_COMPLETIONS, paths: ["/completions"]),
        Endpoint(name: "embeddings", kind: NEXUS_KIND_EMBEDDINGS, paths: ["/embeddings"]),
        Endpoint(name: "responses", kind: NEXUS_KIND_RESPONSES, paths: ["/responses"]),
        Endpoint(name: "rerank", kind: NEXUS_KIND_RERANK, paths: ["/rerank"]),
        Endpoint(name: "audio", kind: NEXUS_KIND_AUDIO, paths: ["/audio/transcriptions", "/audio/speech"]),
        Endpoint(name: "images", kind: NEXUS_KIND_IMAGES, paths: ["/images/generations"]),
        Endpoint(name: "messages", kind: NEXUS_KIND_MESSAGES, paths: ["/messages"]),
        Endpoint(name: "count_tokens", kind: NEXUS_KIND_COUNT_TOKENS, paths: ["/messages/count_tokens"]),
    ]

    /// What every server of this type is assumed to have.
    static let common = NEXUS_KIND_CHAT | NEXUS_KIND_COMPLETIONS | NEXUS_KIND_EMBEDDINGS
    /// What OpenAI's own service has.
    static let openAI = common | NEXUS_KIND_RESPONSES | NEXUS_KIND_AUDIO | NEXUS_KIND_IMAGES

    /// What only some servers have: they are asked, each with an empty object, which no server answers with tokens.
    static let optional = all.filter { $0.kind & common == 0 }

    /// Whether an answer to `POST {}` says that the server has the path; nil: it did not answer.
    static func isThere(_ answer: CollectingHandler.Answer) -> Bool? {
        guard answer.end == .complete else { return nil }
        switch answer.status {
        case 404, 405, 501: return false
        case 200...299:
            let told = (try? JSONValue.parse(answer.body)).flatMap { UpstreamError.insideStream($0)?.message }
            return !(told.map(UpstreamError.isUnknownPath) ?? false)
        default: return true
        }
    }

    /// Whether a failed exchange says that the server has no such path; a missing model is something else.
    static func isMissing(_ failure: Failure) -> Bool {
        failure.kind == NEXUS_FAIL_UNSUPPORTED && !failure.message.lowercased().contains("model")
    }
}
