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

    /// What a server of unknown software may have, and is taken to have until it says no: nothing else could serve such a
    /// request. It is not asked, since there are servers that answer any POST with tokens.
    static let possible = NEXUS_KIND_RESPONSES | NEXUS_KIND_RERANK | NEXUS_KIND_AUDIO | NEXUS_KIND_IMAGES

    /// Anthropic's API: the host translates it where a server lacks it, so a server is taken to have it only if it shows it.
    static let anthropic = all.filter { $0.kind == NEXUS_KIND_MESSAGES || $0.kind == NEXUS_KIND_COUNT_TOKENS }

    /// Whether an answer to a GET says that the path takes a POST; nil: it does not say. Many servers answer 404 to any other
    /// method than the one they know.
    static func isThere(_ answer: CollectingHandler.Answer) -> Bool? {
        answer.end == .complete && answer.status == 405 ? true : nil
    }

    /// Whether a failed exchange says that the server has no such path; a missing model is something else.
    static func isMissing(_ failure: Failure) -> Bool {
        failure.kind == NEXUS_FAIL_UNSUPPORTED && failure.status != 403
            && !failure.message.lowercased().contains("model")
    }

    /// What a client is told where the server has no such path.
    /// - Parameters:
    ///   - status: that it answered with.
    ///   - words: its own; nil: it had none.
    ///   - path: that it was asked at.
    func missing(_ status: UInt32, saying words: String?, at path: String) -> Failure {
        var message = "the server does not support \(name): it answered \(status) to POST \(path)"
        if let words { message += " (\(words.prefix(Self.wordsLimit)))" }
        if kind & Self.common != 0 {
            message +=
                "; ask for a model of another backend, or have the operator see whether this one's url is right and what its "
                + "server serves (options.endpoints)"
        }
        return Failure(kind: NEXUS_FAIL_UNSUPPORTED, status: 501, message: message)
    }

    /// Characters of a server's own words within ours.
    private static let wordsLimit = 100
}
