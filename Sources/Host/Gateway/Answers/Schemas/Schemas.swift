/// The shapes of what the gateway's own routes answer, by the names under which the OpenAPI document has them. Each stands in a file
/// of its subject, in the order in which its encoder writes the members; `Tests/EndToEnd/test_openapi.py` holds both to each other.
enum Schemas {
    static let all: [(name: String, schema: Schema)] = common + fleet + figures + requests + operations + gateway

    private static let common: [(name: String, schema: Schema)] = [
        ("Error", error), ("OllamaError", Schema.object(["error": .text])), ("Health", health),
        ("Readiness", readiness),
    ]

    /// As OpenAI's clients understand it. Clients of Anthropic's API get theirs.
    private static let error = Schema.object([
        "error": .object(
            ["message": .text.says("What is wrong, and what to do about it."), "type": .text],
            sometimes: [
                "param": .text.orNull, "code": .text.orNull,
                "context": .list(.object(["backend": .text, "reason": .text])).says(
                    "Backends that cannot serve the request, and why."),
            ])
    ])

    private static let health = Schema.object(
        [
            "status": .word("healthy", "degraded", "unhealthy"), "version": .text, "uptime_seconds": .count,
            "backends": .object(["total": .count, "healthy": .count, "degraded": .count, "unhealthy": .count]),
            "models": .object(["total": .count]),
        ],
        sometimes: [
            "degraded_backends": .list(.object(["id": .text, "reason": .text])),
            "trouble": .list(.object(["kind": .text, "severity": severity, "words": .text])),
            "problem": .text,
        ])

    private static let readiness = Schema.object(["status": .word("ready", "not_ready")], sometimes: ["reason": .text])

    static let severity = Schema.word("critical", "warning", "notice")

    /// Points by part of the score.
    static let scoreParts = Schema.map(.number)

    /// What was left out of a list that would be too long: by member, how many.
    static let truncated = Schema.map(.count)
}
