import Core
import Store

/// Whether it lives, and what there is.
extension RouteTable {
    static let health: [Route] = [
        Route(
            .get, path: "/health", access: .everybody,
            says: Operation(
                "200 while some backend can serve, else 503; to who may see it, which are degraded and why.",
                .json(.named("Health"), "Some backend can serve."),
                .json(.named("Health"), status: 503, "No backend can serve.")),
            .answer(size: AnswerSize.models) { LocalAnswers(state: $0.state).health($0.context) }),
        Route(
            .get, path: "/livez", access: .everybody,
            says: Operation("The process lives.", .json(.object(["status": .constant("live")]))),
            .answer { _ in LocalAnswers.live }),
        Route(
            .get, path: "/readyz", access: .everybody,
            says: Operation(
                "200 if requests should come here, else 503 and why.", .json(.named("Readiness"), "They should."),
                .json(.named("Readiness"), status: 503, "They should not.")),
            .answer { LocalAnswers(state: $0.state).ready }),
        Route(
            .get, path: "/metrics", access: .view,
            says: Operation(
                "Metrics for Prometheus ([metrics.md](../metrics.md)).", .other("text/plain")),
            .answer(size: AnswerSize.metrics) { LocalAnswers(state: $0.state).metrics }),
        Route(
            .get, path: "/v1/openapi.json", access: .everybody,
            says: Operation("This description of the gateway's routes (OpenAPI 3.1).", .json(.open)),
            // Made once, and that takes its time.
            .answer(size: { _ in AnswerSize.inlineLimit + 1 }) { _ in LocalAnswer(body: OpenAPIDocument.text) }),
    ]

    static let fleet: [Route] = [
        Route(
            .get, path: "/v1/models", access: .client,
            says: Operation(
                "The models of all healthy backends, each once; to clients of Anthropic's API in its shape.",
                takes: [
                    .flag("per_backend", "one object for each backend that has it, with what that tells."),
                    .text("backend", "with per_backend: of this backend, by its id."),
                    .flag("all", "with per_backend: also of backends that do not serve."),
                ], .json(.answeredList(.named("ServedModel")))),
            .answer(size: AnswerSize.models) { ModelAnswers(state: $0.state, context: $0.context).list }),
        Route(
            .get, path: "/v1/models/{id...}", access: .client,
            says: Operation(
                "One model, by any name that a request may have for it.", .json(.named("ServedModel")), errors: [404]),
            .answer(size: AnswerSize.models) { ModelAnswers(state: $0.state, context: $0.context).model($0.values[0]) }),
        Route(
            .get, path: "/v1/backends", access: .view,
            says: Operation(
                "The backends and how they are.",
                takes: [.choice("models", ["0", "false"], "leaves out the lists of models.")],
                .json(.answeredList(.named("Backend")))),
            .answer(size: AnswerSize.models) { LocalAnswers(state: $0.state).backends($0.context.query) }),
        Route(
            .get, path: "/v1/backends/{id}", access: .view,
            says: Operation("One backend.", .json(.named("Backend")), errors: [404]),
            .answer(size: AnswerSize.models) { BackendAnswers(state: $0.state).one($0.values[0]) }),
        Route(
            .get, path: "/v1/backends/{id}/detail", access: .view,
            says: Operation(
                "All that is known of one backend: probes, errors, breaker, load, models ([trouble.md](../trouble.md)).",
                .json(.named("BackendDetail")), errors: [404]),
            .answer(size: AnswerSize.models) { BackendAnswers(state: $0.state).detail($0.values[0]) }),
        Route(
            .get, path: "/v1/backends/{id}/actions", access: .view,
            says: Operation(
                "What can be done at a backend, such as pulling a model ([actions.md](../actions.md)).",
                .json(.object(["data": .list(.named("Action"))])), errors: [404]),
            .answer { ActionAnswers(state: $0.state).list(backend: $0.values[0]) }),
        Route(
            .get, path: "/v1/adapters", access: .view,
            says: Operation(
                "The adapters, and the files that could not be loaded ([adapters.md](../adapters.md)).",
                .json(.named("AdapterList"))),
            .answer { LocalAnswers(state: $0.state).adapters }),
        Route(
            .get, path: "/v1/keys", access: .view,
            says: Operation(
                "What keys may do and have used; never the keys ([access.md](../access.md)).",
                .json(.answeredList(.named("Key"), ["required": .flag]))),
            .answer(size: { $0.settings.keyring.keys.count * 512 }) { KeyAnswers(state: $0.state).list }),
        Route(
            .get, path: "/v1/gateway", access: .view,
            says: Operation(
                "The gateway itself: memory, connections, adapters, the configuration in force ([trouble.md](../trouble.md)).",
                .json(.named("Gateway"))),
            .lookup { GatewayAnswers(state: $0.state).show($1) }),
    ]

    static let watching: [Route] = [
        Route(
            .get, path: "/v1/trouble", access: .view,
            says: Operation(
                "What is wrong now, since when and why, in words ([trouble.md](../trouble.md)).",
                .json(.named("TroubleList"))),
            .answer(size: AnswerSize.backends) { LocalAnswers(state: $0.state).trouble }),
        Route(
            .get, path: "/v1/requests/active", access: .view,
            says: Operation(
                "The requests under way: client, backend, phase, tokens so far ([requests.md](../requests.md)).",
                takes: [.count("limit", 1...ActiveExchanges.limit, "how many.")], .json(.named("ActiveRequests"))),
            .lookup { RequestAnswers(state: $0.state).list($0, $1) }),
        Route(
            .get, path: "/v1/requests/{id...}", access: .view,
            says: Operation(
                "One request, under way or ended, with all that happened to it.",
                takes: [Operation.Parameter(name: "seq", schema: .count, words: "which, where several have this id.")],
                .json(.named("RequestRecord")), errors: [404]),
            .lookup { HistoryAnswers(state: $0.state).record($0, $1) }),
        Route(
            .get, path: "/v1/history", access: .view,
            says: Operation(
                "The last requests that ended, oldest first ([dashboard.md](../dashboard.md)); with before, a page of those on disk, "
                    + "newest first ([history.md](../history.md)).",
                takes: [
                    .text("model", "of this model."),
                    .text("backend", "that this backend was asked for, by id or name."),
                    .text("status", "`Success`, `Error`, `503`, `5xx`."), .text("client", "of this client."),
                    .text("key", "of this key, by its name."),
                    .choice("api", HistoryFilter.apis, "of clients of this API."),
                    .text("text", "with this text in them."), .text("q", "the same."),
                    .text("from", "ended from this time on, Unix seconds or RFC 3339."),
                    .text("to", "ended before this time."),
                    Operation.Parameter(name: "after", schema: .count, words: "after this seq."),
                    .text("instance", "of this run of the gateway."),
                    .count("limit", 1...Int(Int32.max), "the newest of them."),
                    .text("before", "`newest`, or next_before of the page before."),
                    .choice("format", ["json", "csv"], "how."),
                ],
                .json(.either(.list(.named("HistoryEntry")), .named("HistoryPage"))).or("text/csv")),
            .answer(size: AnswerSize.storedHistory) { HistoryAnswers(state: $0.state).list($0.context.query) }),
        Route(
            .get, path: "/v1/stats", access: .view,
            says: Operation(
                "Uptime, totals, figures of each backend and model ([dashboard.md](../dashboard.md)).",
                .json(.named("Statistics"))),
            .answer(size: AnswerSize.figures) { LocalAnswers(state: $0.state).statistics }),
        Route(
            .get, path: "/v1/series", access: .view,
            says: Operation(
                "Figures step by step, of all, by backend and by model ([series.md](../series.md)).",
                takes: [
                    .choice(
                        "window", SeriesWindow.allCases.map(\.name) + StoredWindow.allCases.map(\.rawValue),
                        "how far back."),
                    .choice("by", SeriesQuery.Grouping.allCases.map(\.rawValue), "one series for each."),
                    .text("backend", "of this backend, by id or name."), .text("model", "of this model."),
                    .text("metrics", "which, with commas between them."),
                    .count("limit", 1...SeriesQuery.mostSeries, "series at the most."),
                ], .json(.named("Series")), errors: [404]),
            .answer(size: AnswerSize.storedSeries) { SeriesAnswers(state: $0.state).list($0.context.query) }),
        Route(
            .get, path: "/v1/series/compare", access: .view,
            says: Operation(
                "What changed most in a time against the time before ([series.md](../series.md)).",
                takes: [
                    Operation.Parameter(name: "from", schema: .count, words: "Unix seconds.", isRequired: true),
                    Operation.Parameter(name: "to", schema: .count, words: "Unix seconds.", isRequired: true),
                    .text("backend", "of this backend, by id or name."), .text("model", "of this model."),
                    .count("limit", 1...ChangeQuery.mostChanges, "changes at the most."),
                ], .json(.named("SeriesChanges")), errors: [404]),
            .answer(size: AnswerSize.series) { SeriesAnswers(state: $0.state).compare($0.context.query) }),
        Route(
            .get, path: "/v1/actions", access: .view,
            says: Operation(
                "Actions that run, and the last that ended.",
                .json(.object(["data": .list(.named("ActionProgress"))]))),
            .answer { ActionAnswers(state: $0.state).running }),
        Route(
            .get, path: "/v1/logs", access: .operator,
            says: Operation(
                "The end of the gateway's log ([logging.md](../logging.md)).",
                takes: [
                    Operation.Parameter(name: "after", schema: .count, words: "lines after this seq."),
                    .count("limit", 1...LogRing.Limits.lines, "lines at the most."),
                    .choice("level", Configuration.Logging.Level.allCases.map(\.rawValue), "the least."),
                    .choice(
                        "component", Configuration.Logging.Component.allCases.map(\.rawValue), "of this component."),
                    .choice(
                        "requests", Configuration.Logging.Requests.allCases.map(\.rawValue), "lines of which requests."),
                    .text("request", "of this request."), .text("model", "of this model."),
                    .text("client", "of this client."), .text("backend", "of this backend."),
                ], .json(.named("LogLines"))),
            .answer(size: { _ in 2 * LogRing.Limits.bytes }) { LogAnswers(state: $0.state).lines($0.context.query) }),
        Route(
            .get, path: "/v1/audit", access: .operator,
            says: Operation(
                "What operators have had the gateway do ([access.md](../access.md)); with before, a page of what is on disk.",
                takes: [
                    .text("before", "`newest`, or next_before of the page before."),
                    .count("limit", 1...StoreLimits.longestPage, "how many."),
                ],
                .json(
                    .either(
                        .answeredList(.named("AuditRecord")),
                        .answeredList(.named("AuditRecord"), ["next_before": .text.orNull])))),
            .answer(size: AnswerSize.stored) { AuditAnswers(state: $0.state).list($0.context.query) }),
        Route(
            .get, path: "/v1/captures", access: .operator,
            says: Operation(
                "Requests and answers whose bodies are kept, without them ([captures.md](../captures.md)).",
                takes: [
                    .text("key", "of this key, by its name."), .text("model", "of this model."),
                    .choice("status", ["Success", "Error"], "that went so."),
                    .text("before", "`newest`, or next_before of the page before."),
                    .count("limit", 1...StoreLimits.longestPage, "how many."),
                ], .json(.answeredList(.named("Capture"), ["next_before": .text.orNull]))),
            .answer(size: { _ in AnswerSize.inlineLimit + 1 }) {
                CaptureAnswers(state: $0.state).list($0.context.query)
            }),
        Route(
            .get, path: "/v1/captures/{id}", access: .operator,
            says: Operation("One of them, with its bodies.", .json(.named("Capture")), errors: [404]),
            .lookup { CaptureAnswers(state: $0.state).one($0, $1) }),
        Route(
            .get, path: "/ws", access: .view,
            says: .page("Live updates over WebSocket ([dashboard.md](../dashboard.md))."), .webSocket),
    ]
}
