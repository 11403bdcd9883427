import Core

/// Models, backends, and what is wrong with them.
extension Schemas {
    static let fleet: [(name: String, schema: Schema)] = [
        ("ServedModel", servedModel), ("Model", model), ("Backend", backend), ("BackendDetail", detail),
        ("Trouble", trouble), ("TroubleList", troubleList), ("AdapterList", adapterList),
        ("UnusedAdapter", unusedAdapter),
    ]

    private static let capabilities = Schema.object(["vision": .flag, "tools": .flag, "json_mode": .flag])

    /// OpenAI's, and more.
    private static let servedModel = Schema.object(
        [
            "id": .text, "object": .constant("model"), "created": .count, "owned_by": .text, "context_length": .count,
            "capabilities": capabilities, "backends": .list(.text),
        ],
        sometimes: [
            "alias_of": .text.says("The model that an operator's name stands for."),
            "backend_id": .text.says("With per_backend, as all that follows."), "abilities": .list(.text),
            "max_output_tokens": .count.orNull, "size_bytes": .count.orNull, "loaded": .flag.orNull,
            "loaded_until": .text.orNull, "memory_bytes": .count.orNull, "device_memory_bytes": .count.orNull,
            "backend_status": state,
        ])

    /// Of one backend.
    private static let model = Schema.object([
        "id": .text, "name": .text, "context_length": .count, "supports_vision": .flag, "supports_tools": .flag,
        "supports_json_mode": .flag, "max_output_tokens": .count.orNull, "capabilities": capabilities,
    ])

    private static let state = Schema.word(BackendState.allCases.map(\.rawValue))

    private static let backend = Schema.object(
        [
            "id": .text, "name": .text, "url": .text,
            "backend_type": .text.says("As it was written: an adapter's type, or the name of a kind of server."),
            "status": .word("Healthy", "Unhealthy", "Unknown", "Draining"), "last_health_check": .time,
            "last_error": .text.orNull, "models": .list(.named("Model")), "priority": .count,
            "pending_requests": .count, "total_requests": .count, "avg_latency_ms": .count, "discovery_source": .text,
            "metadata": .map(.text),
        ],
        sometimes: [
            "adapter": .text.says("Its adapter's type, where backend_type is another word."),
            "state": state.says("Where it says more than status."), "state_since": .time, "state_reason": .text,
            "flaps": .count, "truncated": truncated,
        ])

    private static let detail = Schema.object([
        "object": .constant("backend"), "at": .time, "backend": .named("Backend"),
        "state": .object([
            "name": state, "since": .time.orNull, "reason": .text.orNull, "note": .text.orNull,
            "failing_since": .time.orNull, "added_at": .time.orNull,
        ]),
        "flaps": .object([
            "last_hour": .count, "total": .count, "first": .time.orNull, "last": .time.orNull,
        ]),
        "probes": .object([
            "slot_seconds": .count, "slots": .count,
            "data": .list(
                .object([
                    "from": .time, "outcome": .word("good", "busy", "loading", "failed"), "good": .count,
                    "busy": .count, "loading": .count, "failed": .count, "latency_ms": .number.orNull,
                    "error": .text.orNull,
                ])),
        ]),
        "errors": .list(
            .object(
                ["at": .time, "source": .word("probe", "request"), "message": .text, "count": .count],
                sometimes: [
                    "request_id": .text, "model": .text, "status_code": .count, "counts_against_backend": .flag,
                ])),
        "breaker": .object([
            "state": .word("closed", "open", "half_open"), "reason": .text.orNull, "tries_again_at": .time.orNull,
            "window": .object(["attempts": .count, "failures": .count, "error_rate": .number.orNull]),
            "openings": .count, "failures_in_a_row": .count, "failing_since": .time.orNull,
        ]),
        "limits": .object([
            "max_concurrent": .count.orNull, "in_flight": .count, "priority": .count, "attempts": .count,
            "failures": .count, "successes": .count,
        ]),
        "load": .object([
            "at": .time, "slots": .count.orNull, "running": .count.orNull, "waiting": .count.orNull,
            "cache_use": .number.orNull,
        ]).orNull,
        "models": .list(modelDetail), "models_omitted": .count,
        "adapter": .object([
            "type": .text, "name": .text, "version": .text, "path": .text, "abi": .text, "loaded_at": .time,
            "replaced": .flag,
        ]).orNull,
        "options": .open.orNull,
        "rests": .list(.object(["model": .text.orNull, "since": .time, "until": .time])),
        "trouble": .list(.named("Trouble")),
    ])

    private static let modelDetail = Schema.object([
        "id": .text, "name": .text, "loaded": .flag.orNull, "loaded_until": .text.orNull, "size": .count.orNull,
        "memory": .count.orNull, "device_memory": .count.orNull, "context_length": .count.orNull,
        "max_output_tokens": .count.orNull, "abilities": .map(.flag.orNull), "details": .map(.text),
    ])

    private static let trouble = Schema.object([
        "id": .text, "kind": .word(Trouble.Kind.allCases.map(\.rawValue)), "severity": severity,
        "subject": .object(
            ["type": .word("gateway", "backend", "model", "adapter")],
            sometimes: [
                "id": .text, "name": .text, "model": .text, "backend_id": .text, "backend_name": .text,
            ]),
        "since": .time, "words": .text, "what": .text, "why": .text.orNull, "link": .text,
    ])

    private static let troubleList = Schema.answeredList(
        .named("Trouble"), ["checked_at": .time, "total": .count, "omitted": .count])

    private static let adapterList = Schema.object([
        "data": .list(
            .either(
                .object(
                    [
                        "type": .text, "name": .text, "version": .text, "abi": .text, "path": .text,
                        "default_urls": .list(.text), "warnings": .list(.text),
                    ], sometimes: ["sha256": .text]),
                .named("UnusedAdapter")))
    ])

    private static let unusedAdapter = Schema.object(
        ["path": .text, "problem": .text, "keeps_older": .flag],
        sometimes: ["refused_by": .word("allow", "quarantine")])
}
