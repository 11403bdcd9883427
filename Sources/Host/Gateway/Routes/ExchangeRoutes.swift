import Core

/// What goes to a backend.
extension RouteTable {
    static let exchanges: [Route] = [
        exchange(
            "/v1/chat/completions", .chat, "OpenAI's chat completions, whole answers and server-sent events.",
            members: ["model": .text, "messages": .list(.open)]),
        exchange(
            "/v1/completions", .completions, "OpenAI's completions, whole answers and server-sent events.",
            members: ["model": .text, "prompt": .anything]),
        exchange(
            "/v1/embeddings", .embeddings, "OpenAI's embeddings.", members: ["model": .text, "input": .anything],
            streams: false),
        exchange(
            "/v1/responses", .responses,
            "OpenAI's responses; passed to backends that have them, else 501 with a reason.",
            members: ["model": .text]),
        exchange(
            "/v1/rerank", .rerank, "Reranking; passed to backends that have it, else 501 with a reason.",
            members: ["model": .text], streams: false),
        exchange(
            "/v1/messages", .messages, "Anthropic's messages, with every backend.",
            members: ["model": .text, "messages": .list(.open), "max_tokens": .count]),
        exchange(
            "/v1/messages/count_tokens", .countTokens, "Anthropic's count of the tokens of a prompt.",
            members: ["model": .text, "messages": .list(.open)], streams: false),
        // No others below these: what a client writes there would go to the server as it is.
        exchange(
            "/v1/audio/speech", .audio, "Speech from text; passed to backends that have it, else 501 with a reason.",
            members: ["model": .text, "input": .text], binary: true),
        form(
            "/v1/audio/transcriptions", .audio,
            "Text from speech; passed to backends that have it, else 501 with a reason."),
        form(
            "/v1/audio/translations", .audio,
            "English text from speech; passed to backends that have it, else 501 with a reason."),
        exchange(
            "/v1/images/generations", .images,
            "Images from text; passed to backends that have it, else 501 with a reason.", members: ["model": .text],
            streams: false),
        form(
            "/v1/images/edits", .images,
            "Images from images and text; passed to backends that have it, else 501 with a reason."),
        form(
            "/v1/images/variations", .images,
            "Images from images; passed to backends that have it, else 501 with a reason."),
        exchange(
            "/api/chat", .ollama, "Ollama's chat, whole answers and newline-delimited JSON.",
            members: ["model": .text, "messages": .list(.open)], stream: "application/x-ndjson",
            told: "OllamaError"),
        exchange(
            "/api/generate", .ollama, "Ollama's completion, whole answers and newline-delimited JSON.",
            members: ["model": .text], stream: "application/x-ndjson", told: "OllamaError"),
        exchange(
            "/api/embed", .ollama, "Ollama's embeddings.", members: ["model": .text, "input": .anything],
            streams: false, told: "OllamaError"),
        exchange(
            "/api/embeddings", .ollama, "Ollama's older embeddings.", members: ["model": .text, "prompt": .text],
            streams: false, told: "OllamaError"),
        Route(
            .get, .post, .delete, path: "/v1/responses/{id...}", access: .client,
            says: .refused("Not served: stored responses lie at one backend, and nobody knows at which."),
            .refuse { _ in .storedResponse }),
    ]

    /// Parameters of every request that goes to a backend.
    private static let headers: [Operation.Parameter] = [
        .header("x-nexus-backend", "the only backend that may be asked, by id or name."),
        .header("x-nexus-priority", "`high`, `normal` or `low`: who waits for a place before whom."),
    ]

    private static let failures = [404, 499, 500, 501, 502, 504]

    /// - Parameters:
    ///   - members: of the body, as far as the gateway needs them; all others go to the backend as they are.
    ///   - stream: the media type of an answer in pieces.
    private static func exchange(
        _ path: String, _ kind: RequestKind, _ summary: String, members: KeyValuePairs<String, Schema>,
        stream: String = "text/event-stream", streams: Bool = true, binary: Bool = false,
        told error: String = "Error"
    ) -> Route {
        var answer = Operation.Answer.json(.open, "The backend's answer.")
        if streams { answer = answer.or(stream) }
        if binary { answer = answer.or("audio/*").or("application/octet-stream") }
        let body = streams ? Schema.object(members, sometimes: ["stream": .flag]) : .object(members)
        let says = Operation(
            summary, takes: headers, body: Operation.Body(schema: body), answer, errors: failures, told: error)
        return Route(.post, path: path, access: .client, body: .request, says: says, .exchange(kind))
    }

    private static func form(_ path: String, _ kind: RequestKind, _ summary: String) -> Route {
        let body = Operation.Body(schema: .object(["model": .text]), type: "multipart/form-data")
        let answer = Operation.Answer.json(.anything, "The backend's answer.").or("text/plain")
            .or("text/event-stream")
        let says = Operation(summary, takes: headers, body: body, answer, errors: failures)
        return Route(.post, path: path, access: .client, body: .request, says: says, .exchange(kind))
    }
}
