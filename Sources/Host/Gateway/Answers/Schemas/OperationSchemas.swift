import Core

/// What operators do, and what was done.
extension Schemas {
    static let operations: [(name: String, schema: Schema)] = [
        ("BackendCommandOutcome", outcome), ("NewBackend", newBackend), ("BackendChange", change),
        ("Persistence", Schema.object([:], sometimes: ["persist": .flag])), ("Action", action),
        ("ActionProgress", progress), ("ActionEnd", end), ("AuditRecord", audit), ("Capture", capture),
        ("Key", key), ("ReloadOutcome", reload),
    ]

    private static let outcome = Schema.object(
        [
            "status": .word("added", "changed", "removed", "unchanged"), "id": .text,
            "backend": .named("Backend").orNull, "persisted": .flag, "warnings": .list(.text),
        ],
        sometimes: ["recognised": .object(["type": .text, "server": .text])])

    private static let timeouts = Schema.object(
        [:],
        sometimes: [
            "connect_seconds": .number, "first_byte_seconds": .number, "gap_seconds": .number,
            "total_seconds": .number, "queue_seconds": .number,
        ])

    private static let newBackend = Schema.object(
        ["url": .text.says("http(s)://host[:port][/path].")],
        sometimes: [
            "name": .text.orNull, "type": .text.orNull.says("Left out: the server is asked what it is."),
            "priority": .counting(0...1000), "max_concurrent": .counting(1...100_000).orNull, "enabled": .flag,
            "api_key_env": .either(.text, .list(.text)), "timeouts": timeouts, "options": .open,
            "secret_options": .list(.text), "persist": .flag,
        ])

    private static let change = Schema.object(
        [:],
        sometimes: [
            "priority": .counting(0...1000), "max_concurrent": .counting(1...100_000).orNull, "enabled": .flag,
            "timeouts": timeouts, "persist": .flag,
        ])

    private static let action = Schema.object([
        "name": .text, "help": .text, "destructive": .flag,
        "parameters": .open.says("A JSON Schema of the arguments."), "result": .word("json", "none"),
    ])

    private static let progress = Schema.object(
        [
            "id": .text, "backend_id": .text, "action": .text,
            "status": .word("running", "succeeded", "failed", "cancelled"), "done": .count.orNull,
            "total": .count.orNull, "fraction": .number.orNull, "message": .text.orNull, "error": .text.orNull,
        ],
        sometimes: ["started_at": .time, "duration_ms": .count, "result": .anything])

    private static let end = Schema.object([
        "id": .text, "backend_id": .text, "action": .text, "status": .word("succeeded"), "result": .anything,
        "duration_ms": .count,
    ])

    private static let audit = Schema.object([
        "seq": .count, "at": .time, "key": .text.orNull, "certificate": .text.orNull, "session": .flag,
        "client": .text.orNull, "command": .text, "status": .count, "problem": .text.orNull,
    ])

    private static let body = Schema.object(
        ["content_type": .text, "bytes": .count, "cut": .flag, "redacted": .flag, "problem": .text.orNull],
        sometimes: ["text": .text, "base64": .text])

    private static let capture = Schema.object([
        "id": .text, "timestamp": .integer, "request_id": .text, "key": .text.orNull, "client": .text.orNull,
        "endpoint": .text, "model": .text, "backend_id": .text.orNull, "status_code": .count,
        "status": .word("Success", "Error"), "stream": .flag, "duration_ms": .count, "encrypted": .flag,
        "request": body, "answer": body,
    ])

    private static let key = Schema.object([
        "name": .text, "role": .word("client", "operator"), "expires": .time.orNull, "models": .list(.text),
        "backends": .list(.text), "requests_per_minute": .count.orNull, "requests_per_day": .count.orNull,
        "tokens_per_minute": .count.orNull, "tokens_per_day": .count.orNull, "max_concurrent": .count.orNull,
        "max_priority": .text, "expired": .flag, "usage": .named("KeyUsage"),
    ])

    private static let reload = Schema.object(
        ["status": .word("reloaded")],
        sometimes: ["keys_omitted": .count.says("More keys than are listed.")]
    ).with(ofReload)

    /// What a reload has done.
    static let ofReload: KeyValuePairs<String, Schema> = [
        "added": .list(.text).says("Backends."), "changed": .list(.text), "removed": .list(.text), "unchanged": .count,
        "tables": .list(.text).says("Tables of the configuration that say something else than before."),
        "keys": .list(.text).says("Keys in them, with their tables; not those of backends and of keys of clients."),
        "needs_restart": .list(.text).says("Those of them that count only after a restart."),
        "warnings": .list(.text),
    ]
}
