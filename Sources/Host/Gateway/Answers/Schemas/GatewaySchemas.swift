/// The gateway itself, and its log.
extension Schemas {
    static let gateway: [(name: String, schema: Schema)] = [("Gateway", ofGateway), ("LogLines", log)]

    private static let breaches = Schema.list(
        .object(["kind": .text, "words": .text, "backend_id": .text.orNull, "count": .count]))

    private static let ofGateway = Schema.object([
        "object": .constant("gateway"), "version": .text, "instance_id": .text, "at": .time, "started_at": .time,
        "uptime_seconds": .count,
        "memory": .object([
            "resident_bytes": .count.orNull, "requests_bytes": .count, "requests_limit_bytes": .count,
            "refused_total": .count,
        ]),
        "descriptors": .object(["open": .count.orNull, "limit": .count.orNull]),
        "connections": .object(["clients": .count, "servers": .count, "subscribers": .count]),
        "loops": .object([
            "silent": .count,
            "data": .list(.object(["index": .count, "clients": .count, "subscribers": .count])),
        ]),
        "queue": .object(["waiting": .count, "limit": .count]),
        "tls": .object([
            "certificate": .text, "expires_at": .time, "client_certificates": .flag, "problem": .text.orNull,
            "problem_since": .time.orNull,
        ]).orNull,
        "adapters": .list(
            .object([
                "type": .text, "name": .text, "version": .text, "abi": .text, "path": .text, "loaded_at": .time,
                "warnings": .list(.text), "breaches": breaches,
            ])),
        "adapters_retired": .list(.object(["type": .text, "version": .text, "path": .text, "loaded_at": .time])),
        "adapters_unused": .list(.named("UnusedAdapter")), "breaches_of_unknown": breaches,
        "configuration": .object([
            "version": .count, "applied_at": .time, "discovers": .flag, "state_file": .text.orNull,
            "state_file_problem": .text.orNull,
            "effective": .open.says("Every key of the configuration as it is in force, without secrets."),
        ]).orNull,
        "last_reload": .object(
            ["at": .time, "status": .word("reloaded", "kept"), "problem": .text.orNull],
            sometimes: ["keys_omitted": .count]
        ).with(ofReload).orNull,
        "log": .object(["lines_dropped": .count]),
    ])

    private static let log = Schema.answeredList(
        .object([
            "seq": .count, "time": .time, "level": .text, "component": .text, "message": .text,
            "request_id": .text.orNull, "fields": .open,
        ]), ["instance_id": .text, "last_seq": .count, "skipped": .count])
}
