import Core
import Dashboard

/// Everything that can be asked of the gateway. One entry is one route.
extension RouteTable {
    static let gateway = RouteTable(exchanges + ollama + fleet + operations + page)

    /// What goes to a backend.
    private static let exchanges: [Route] = [
        exchange("/v1/chat/completions", .chat),
        exchange("/v1/completions", .completions),
        exchange("/v1/embeddings", .embeddings),
        exchange("/v1/responses", .responses),
        exchange("/v1/rerank", .rerank),
        exchange("/v1/messages", .messages),
        exchange("/v1/messages/count_tokens", .countTokens),
        // No others below these: what a client writes there would go to the server as it is.
        exchange("/v1/audio/speech", .audio),
        exchange("/v1/audio/transcriptions", .audio),
        exchange("/v1/audio/translations", .audio),
        exchange("/v1/images/generations", .images),
        exchange("/v1/images/edits", .images),
        exchange("/v1/images/variations", .images),
        exchange("/api/chat", .ollama),
        exchange("/api/generate", .ollama),
        exchange("/api/embed", .ollama),
        exchange("/api/embeddings", .ollama),
        Route(.get, .post, .delete, path: "/v1/responses/{id...}", access: .client, .refuse { _ in .storedResponse }),
    ]

    private static func exchange(_ path: String, _ kind: RequestKind) -> Route {
        Route(.post, path: path, access: .client, body: .request, .exchange(kind))
    }

    /// What Ollama's clients ask besides.
    private static let ollama: [Route] =
        [
            Route(
                .get, path: "/api/tags", access: .client,
                .answer(size: AnswerSize.models) { OllamaAnswers(state: $0.state, scope: $0.context.scope).tags }),
            Route(
                .get, path: "/api/ps", access: .client,
                .answer(size: AnswerSize.models) { OllamaAnswers(state: $0.state, scope: $0.context.scope).running }),
            Route(
                .get, path: "/api/version", access: .everybody,
                .answer { OllamaAnswers(state: $0.state).version }),
            Route(
                .post, path: "/api/show", access: .client,
                .answer(size: AnswerSize.models) {
                    OllamaAnswers(state: $0.state, scope: $0.context.scope).show($0.body)
                }),
        ]
        + ["pull", "push", "create", "copy", "delete"].map { name in
            Route(
                .get, .post, .delete, path: "/api/\(name)", access: .client,
                .refuse { .ollamaManagement($0.path) })
        }

    /// What there is, and how it is.
    private static let fleet: [Route] = [
        Route(
            .get, path: "/v1/models", access: .client,
            .answer(size: AnswerSize.models) { ModelAnswers(state: $0.state, context: $0.context).list }),
        Route(
            .get, path: "/v1/models/{id...}", access: .client,
            .answer(size: AnswerSize.models) { ModelAnswers(state: $0.state, context: $0.context).model($0.values[0]) }),
        Route(
            .get, path: "/v1/backends", access: .view,
            .answer(size: AnswerSize.models) { LocalAnswers(state: $0.state).backends($0.context.query) }),
        Route(
            .get, path: "/v1/trouble", access: .view,
            .answer(size: AnswerSize.backends) { LocalAnswers(state: $0.state).trouble }),
        Route(
            .get, path: "/v1/history", access: .view,
            .answer(size: AnswerSize.storedHistory) { HistoryAnswers(state: $0.state).list($0.context.query) }),
        Route(
            .get, path: "/v1/stats", access: .view,
            .answer(size: AnswerSize.figures) { LocalAnswers(state: $0.state).statistics }),
        Route(
            .get, path: "/v1/series", access: .view,
            .answer(size: AnswerSize.storedSeries) { SeriesAnswers(state: $0.state).list($0.context.query) }),
        Route(
            .get, path: "/v1/series/compare", access: .view,
            .answer(size: AnswerSize.series) { SeriesAnswers(state: $0.state).compare($0.context.query) }),
        Route(
            .get, path: "/v1/adapters", access: .view, .answer { LocalAnswers(state: $0.state).adapters }),
        Route(
            .get, path: "/health", access: .everybody,
            .answer(size: AnswerSize.models) { LocalAnswers(state: $0.state).health($0.context) }),
        Route(.get, path: "/livez", access: .everybody, .answer { _ in LocalAnswers.live }),
        Route(.get, path: "/readyz", access: .everybody, .answer { LocalAnswers(state: $0.state).ready }),
        Route(
            .get, path: "/v1/keys", access: .view,
            .answer(size: { $0.settings.keyring.keys.count * 512 }) { KeyAnswers(state: $0.state).list }),
        Route(
            .get, path: "/v1/gateway", access: .view, .lookup { GatewayAnswers(state: $0.state).show($1) }),
        Route(
            .get, path: "/v1/logs", access: .operator,
            .answer(size: { _ in 2 * LogRing.Limits.bytes }) { LogAnswers(state: $0.state).lines($0.context.query) }),
        Route(
            .get, path: "/metrics", access: .view,
            .answer(size: AnswerSize.metrics) { LocalAnswers(state: $0.state).metrics }),
    ]

    /// What an operator does.
    private static let operations: [Route] = [
        Route(
            .get, path: "/v1/audit", access: .operator,
            .answer(size: AnswerSize.stored) { AuditAnswers(state: $0.state).list($0.context.query) }),
        Route(
            .get, path: "/v1/captures", access: .operator,
            .answer(size: { _ in AnswerSize.inlineLimit + 1 }) {
                CaptureAnswers(state: $0.state).list($0.context.query)
            }),
        Route(
            .get, path: "/v1/captures/{id}", access: .operator, .lookup { CaptureAnswers(state: $0.state).one($0, $1) }),
        Route(
            .delete, path: "/v1/captures", access: .operator, .later { CaptureAnswers(state: $0.state).delete($0, $1) }),
        Route(
            .get, path: "/v1/requests/active", access: .view,
            .lookup { RequestAnswers(state: $0.state).list($0, $1) }),
        Route(
            .get, path: "/v1/requests/{id...}", access: .view,
            .lookup { HistoryAnswers(state: $0.state).record($0, $1) }),
        Route(
            .delete, path: "/v1/requests/{id...}", access: .operator,
            .later { RequestAnswers(state: $0.state).cancel($0, $1) }),
        Route(
            .post, path: "/v1/admin/reload", access: .operator,
            .later { OperatorAnswers(state: $0.state).reload($0, $1) }),
        Route(
            .post, path: "/v1/adapters/release", access: .operator,
            .later { OperatorAnswers(state: $0.state).release($0, $1) }),
        Route(
            .post, path: "/v1/explain", access: .operator, body: .request,
            .lookup { ExplainAnswers(state: $0.state).explain($0, $1) }),
        Route(
            .post, path: "/v1/backends", access: .operator,
            .later { BackendAnswers(state: $0.state).add($0, $1) }),
        Route(
            .get, path: "/v1/backends/{id}", access: .view,
            .answer(size: AnswerSize.models) { BackendAnswers(state: $0.state).one($0.values[0]) }),
        Route(
            .get, path: "/v1/backends/{id}/detail", access: .view,
            .answer(size: AnswerSize.models) { BackendAnswers(state: $0.state).detail($0.values[0]) }),
        Route(
            .patch, path: "/v1/backends/{id}", access: .operator,
            .later { BackendAnswers(state: $0.state).change($0, $1) }),
        Route(
            .delete, path: "/v1/backends/{id}", access: .operator,
            .later { BackendAnswers(state: $0.state).remove($0, $1) }),
        Route(
            .post, path: "/v1/backends/{id}/drain", access: .operator,
            .later { BackendAnswers(state: $0.state).enable(false, $0, $1) }),
        Route(
            .post, path: "/v1/backends/{id}/enable", access: .operator,
            .later { BackendAnswers(state: $0.state).enable(true, $0, $1) }),
        Route(
            .get, path: "/v1/backends/{id}/actions", access: .view,
            .answer { ActionAnswers(state: $0.state).list(backend: $0.values[0]) }),
        Route(
            .post, path: "/v1/backends/{id}/actions/{name}", access: .operator,
            .later { ActionAnswers(state: $0.state).run($0, $1) }),
        Route(
            .get, path: "/v1/actions", access: .view, .answer { ActionAnswers(state: $0.state).running }),
        Route(
            .delete, path: "/v1/actions/{id...}", access: .operator,
            .later { ActionAnswers(state: $0.state).cancel(id: $0.values[0], $1) }),
    ]

    /// The dashboard.
    private static let page: [Route] = [
        Route(.get, path: "/sign-in", access: .door, .answer { _ in SignInAnswers.form(status: 200) }),
        Route(.get, path: "/v1/session", access: .door, .answer { SignInAnswers(state: $0.state).session($0.context) }),
        Route(.post, path: "/v1/session", access: .door, .answer { SignInAnswers(state: $0.state).signIn($0) }),
        Route(.delete, path: "/v1/session", access: .door, .answer { _ in SignInAnswers.signedOut }),
        Route(.get, path: "/", access: .view, .lookup { PageAnswers(state: $0.state).page($0, $1) }),
        Route(
            .get, path: "/assets/{name...}", access: .everybody,
            .answer { LocalAnswers.asset($0.values[0], $0.context.wishes) }),
        // What browsers and crawlers ask every site for.
        Route(
            .get, path: "/favicon.ico", access: .everybody,
            .answer { LocalAnswers.rootFile("favicon.ico", $0.context.wishes) }),
        Route(
            .get, path: "/robots.txt", access: .everybody,
            .answer { LocalAnswers.rootFile("robots.txt", $0.context.wishes) }),
        Route(.get, path: "/ws", access: .view, .webSocket),
    ]
}

/// About how many bytes an answer has, or are read to make it. Cheap.
enum AnswerSize {
    /// Of an answer that is made on the event loop: some 5 ms of work.
    static let inlineLimit = 128 * 1024

    @Sendable static func models(_ state: GatewayState) -> Int {
        state.registry.views.reduce(0) { $0 + 1024 + 256 * $1.models.count }
    }

    /// What is looked at of each, without its models.
    @Sendable static func backends(_ state: GatewayState) -> Int { state.registry.snapshot.backends.count * 512 }

    @Sendable static func figures(_ state: GatewayState) -> Int {
        state.registry.views.reduce(0) { $0 + 2048 + 512 * $1.models.count }
    }

    /// Of the process the system is asked, on another thread.
    @Sendable static func metrics(_ state: GatewayState) -> Int { max(figures(state), inlineLimit + 1) }

    /// What is read of a file is read on another thread.
    @Sendable static func stored(_ state: GatewayState) -> Int { state.store == nil ? 0 : inlineLimit + 1 }

    @Sendable static func storedHistory(_ state: GatewayState) -> Int { max(history(state), stored(state)) }

    @Sendable static func storedSeries(_ state: GatewayState) -> Int { max(series(state), stored(state)) }

    /// 384 bytes an entry; there cannot be more entries than requests.
    @Sendable static func history(_ state: GatewayState) -> Int {
        min(Int(clamping: state.figures.totals.total), state.history.capacity) * 384
    }

    /// What is read of a model at a backend is as much work as writing half a kilobyte.
    @Sendable static func series(_ state: GatewayState) -> Int { 16 * 1024 + state.series.pairCount * 512 }

    /// - Parameter parts: of the page; nil: all of it.
    static func page(_ state: GatewayState, _ parts: Set<PagePart>?) -> Int {
        let parts = parts ?? Set(PagePart.allCases)
        return (parts.contains(.models) ? models(state) : state.registry.views.count * 1024)
            + (parts.contains(.history) ? history(state) : 0)
    }
}
