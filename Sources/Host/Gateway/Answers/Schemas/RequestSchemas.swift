import Core

/// Requests under way and ended, and where one would go.
extension Schemas {
    static let requests: [(name: String, schema: Schema)] = [
        ("ActiveRequest", active), ("ActiveRequests", activeList), ("CancelledRequests", cancelled),
        ("HistoryEntry", entry), ("HistoryPage", page), ("RequestRecord", record), ("Explanation", explanation),
    ]

    private static let active = Schema.object([
        "id": .text, "exchange": .text, "client": .text.orNull, "model": .text, "served_model": .text,
        "backend": .text.orNull, "backend_id": .text.orNull,
        "phase": .word(ExchangePhase.allCases.map(\.rawValue)), "place": .count.orNull, "elapsed_ms": .count,
        "attempts": .count, "api": .text.orNull, "endpoint": .text, "stream": .flag, "priority": .text,
        "tokens": .count.orNull, "tokens_per_second": .number.orNull, "ttft_ms": .count.orNull, "watchers": .count,
    ])

    private static let activeList = Schema.answeredList(
        .named("ActiveRequest"),
        ["total": .count, "left_out": .count, "silent_loops": .count, "phases": .map(.count)])

    private static let cancelled = Schema.answeredList(
        .named("ActiveRequest"), ["cancelled": .count, "left_out": .count])

    private static let step = Schema.object(
        [
            "backend_id": .text, "reason": .text,
            "outcome": .word("answered", "failed", "hedged_away", "unfinished"),
        ],
        sometimes: [
            "model": .text, "score": .number, "parts": scoreParts, "error_message": .text, "waited_ms": .count.orNull,
        ])

    private static let entry = Schema.object(
        [
            "timestamp": .integer.says("Unix seconds at which it ended."), "model": .text, "backend_id": .text,
            "duration_ms": .count, "status": .word("Success", "Error"), "error_message": .text.orNull, "seq": .count,
            "instance_id": .text.says("The run of the gateway in which seq counts."), "instance_started_at": .integer,
            "request_id": .text, "attempts": .count, "status_code": .count, "stream": .flag, "ttft_ms": .count.orNull,
            "prompt_tokens": .count.orNull, "completion_tokens": .count.orNull, "cached_tokens": .count.orNull,
            "tokens_estimated": .flag, "tokens_per_second": .number.orNull, "endpoint": .text, "api": .text,
            "client": .text.orNull,
        ],
        sometimes: ["key": .text, "route": .list(step)])

    private static let page = Schema.answeredList(
        .named("HistoryEntry"), ["next_before": .text.orNull, "is_cut": .flag])

    private static let event = Schema.object(
        ["at_ms": .number, "event": .text],
        sometimes: [
            "attempt": .integer, "model": .text, "backend_id": .text, "reason": .text, "candidates": .count,
            "score": .number, "parts": scoreParts, "error_message": .text.orNull, "counts_against_backend": .flag,
            "status_code": .count,
        ])

    private static let record = Schema.either(
        .object([
            "object": .constant("request"), "state": .constant("ended"), "record": .named("HistoryEntry"),
            "request_bytes": .count.orNull, "answer_bytes": .count.orNull, "events": .list(event),
            "others": .list(.count),
        ]),
        .object([
            "object": .constant("request"), "state": .constant("active"), "active": .named("ActiveRequest"),
        ]))

    private static let candidate = Schema.object(
        [
            "backend": .text, "has_place": .flag, "left_alone": .flag, "priority": .count, "in_flight": .count,
            "in_flight_of_others": .count, "slots": .count.orNull, "model_state": .text, "ttft_ms": .number.orNull,
            "failures_in_a_row": .count, "error_rate": .number,
        ],
        sometimes: ["score": .number, "parts": scoreParts])

    private static let explanation = Schema.object([
        "object": .constant("explanation"), "model": .text, "kind": .text, "stream": .flag,
        "strategy": .word(Configuration.Routing.Strategy.allCases.map(\.rawValue)),
        "needs": .object([
            "prompt_tokens": .count, "answer_tokens": .count, "vision": .flag, "tools": .flag, "json_mode": .flag,
            "thinking": .flag,
        ]),
        "choice": .object(
            ["what": .word("served", "waits", "refused")],
            sometimes: [
                "backend": .text, "model": .text, "reason": .text, "status": .count, "message": .text,
            ]),
        "targets": .list(
            .object(
                [
                    "model": .text, "candidates": .list(candidate),
                    "left_out": .list(.object(["backend": .text, "reason": .text])), "omitted": .count,
                ],
                sometimes: ["only_backend": .text])),
    ])
}
