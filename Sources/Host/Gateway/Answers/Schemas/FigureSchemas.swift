import Core

/// Sums and series.
extension Schemas {
    static let figures: [(name: String, schema: Schema)] = [
        ("Statistics", statistics), ("ModelFigures", modelFigures), ("KeyUsage", keyUsage), ("Series", series),
        ("SeriesChanges", changes),
    ]

    private static let modelFigures = Schema.object([
        "name": .text, "requests": .count, "average_duration_ms": .number, "prompt_tokens": .count,
        "completion_tokens": .count, "cached_tokens": .count, "average_ttft_ms": .number.orNull,
        "tokens_per_second": .number.orNull,
    ])

    private static let quality = Schema.object([
        "requests": .count, "error_rate": .number, "average_ttft_ms": .number.orNull,
        "tokens_per_second": .number.orNull,
    ])

    private static let statistics = Schema.object(
        [
            "uptime_seconds": .count,
            "requests": .object(["total": .count, "success": .count, "errors": .count, "error_rate": .number]),
            "backends": .list(
                .object([
                    "id": .text, "name": .text, "requests": .count, "average_latency_ms": .number, "pending": .count,
                    "prompt_tokens": .count, "completion_tokens": .count, "cached_tokens": .count,
                    "average_ttft_ms": .number.orNull, "tokens_per_second": .number.orNull,
                ])),
            "models": .list(.named("ModelFigures")), "former_models": .list(.named("ModelFigures")),
            "other_models": .named("ModelFigures"),
            "quality": .list(
                .object(["backend_id": .text, "model": .text]).with(
                    [:], sometimes: ["1m": quality, "5m": quality, "1h": quality, "24h": quality])),
            "quality_omitted": .count,
        ],
        sometimes: [
            "keys": .list(.object(["name": .text, "role": .word("client", "operator"), "usage": .named("KeyUsage")])),
            "truncated": truncated,
        ])

    private static let keyUsage = Schema.object([
        "requests": .count, "refused": .count, "prompt_tokens": .count, "completion_tokens": .count,
        "requests_in_minute": .count, "requests_in_day": .count, "tokens_in_minute": .count, "tokens_in_day": .count,
        "active": .count, "last_used": .time.orNull,
    ])

    private static let series = Schema.object([
        "object": .constant("series"), "window": .text, "from": .integer, "to": .integer, "step_seconds": .count,
        "awake_seconds": .list(.number), "quantile_error": .number, "left_out": .count, "folded": .count,
        "series": .list(
            .object([
                "backend_id": .text.orNull, "backend": .text.orNull, "model": .text.orNull,
                "rest": .flag.says("All that have no row of their own."), "requests": .count,
                "values": .map(.list(.number.orNull)).says("By metric, one for each step."),
            ])),
    ])

    private static let changes = Schema.object([
        "object": .constant("series.changes"), "from": .integer, "to": .integer, "step_seconds": .count,
        "before": .list(.integer), "quantile_error": .number, "left_out": .count,
        "data": .list(
            .object([
                "text": .text, "metric": .word(SeriesMetric.allCases.map(\.rawValue)), "backend_id": .text.orNull,
                "backend": .text.orNull, "model": .text.orNull, "value": .number, "values_before": .list(.number),
                "score": .number, "requests": .count, "what": .text, "now": .text, "usual": .text,
            ])),
    ])
}
