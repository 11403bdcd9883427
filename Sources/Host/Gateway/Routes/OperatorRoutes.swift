import Core

/// What an operator does.
extension RouteTable {
    private static let persists = Operation.Parameter.flag("persist", "keep it across restarts.")
    private static let persistence = Operation.Body(schema: .named("Persistence"), isRequired: false)
    private static let outcome = Operation.Answer.json(.named("BackendCommandOutcome"), "How it is now.")

    static let operations: [Route] = [
        Route(
            .post, path: "/v1/explain", access: .operator, body: .request,
            says: Operation(
                "Where a request would go now and why, without sending it ([routing.md](../routing.md)).",
                takes: [
                    .text("endpoint", "the path that the request would have; usually `/v1/chat/completions`."),
                    .header("x-nexus-backend", "the only backend that may be asked."),
                ], body: Operation.Body(schema: .object(["model": .text])), .json(.named("Explanation")), errors: [404]),
            .lookup { ExplainAnswers(state: $0.state).explain($0, $1) }),
        Route(
            .delete, path: "/v1/requests/{id...}", access: .operator,
            says: Operation(
                "Cancel a request that is under way ([requests.md](../requests.md)).",
                takes: [
                    .text("exchange", "which, where several have this id."), .flag("all", "all that have this id."),
                ],
                .json(.named("CancelledRequests")), errors: [404, 409]),
            .later { RequestAnswers(state: $0.state).cancel($0, $1) }),
        Route(
            .post, path: "/v1/backends", access: .operator,
            says: Operation(
                "Add a backend ([administration.md](../administration.md)).", takes: [persists],
                body: Operation.Body(schema: .named("NewBackend")), outcome,
                .json(.named("BackendCommandOutcome"), status: 201, "It was added."), errors: [409, 500]),
            .later { BackendAnswers(state: $0.state).add($0, $1) }),
        Route(
            .patch, path: "/v1/backends/{id}", access: .operator,
            says: Operation(
                "Set something of a backend.", takes: [persists], body: Operation.Body(schema: .named("BackendChange")),
                outcome, errors: [404, 409, 500]),
            .later { BackendAnswers(state: $0.state).change($0, $1) }),
        Route(
            .delete, path: "/v1/backends/{id}", access: .operator,
            says: Operation(
                "Remove a backend; what it has under way may finish.",
                takes: [.flag("now", "what it has under way is ended."), persists], body: persistence, outcome,
                errors: [404, 409, 500]),
            .later { BackendAnswers(state: $0.state).remove($0, $1) }),
        Route(
            .post, path: "/v1/backends/{id}/drain", access: .operator,
            says: Operation(
                "Give a backend nothing new.", takes: [persists], body: persistence, outcome, errors: [404, 409, 500]),
            .later { BackendAnswers(state: $0.state).enable(false, $0, $1) }),
        Route(
            .post, path: "/v1/backends/{id}/enable", access: .operator,
            says: Operation("Take that back.", takes: [persists], body: persistence, outcome, errors: [404, 409, 500]),
            .later { BackendAnswers(state: $0.state).enable(true, $0, $1) }),
        Route(
            .post, path: "/v1/backends/{id}/actions/{name}", access: .operator,
            says: Operation(
                "Run an action of a backend ([actions.md](../actions.md)).",
                takes: [
                    .flag("detach", "answer at once; `GET /v1/actions` tells how it goes."),
                    .flag("stream", "progress as server-sent events."),
                ], body: Operation.Body(schema: .open, isRequired: false),
                Operation.Answer.json(.named("ActionEnd"), "It has ended well.").or("text/event-stream"),
                .json(
                    .object(["id": .text, "backend_id": .text, "action": .text, "status": .text]), status: 202,
                    "It has begun."),
                errors: [404, 409, 502, 504]),
            .later { ActionAnswers(state: $0.state).run($0, $1) }),
        Route(
            .delete, path: "/v1/actions/{id...}", access: .operator,
            says: Operation(
                "Cancel an action that runs.",
                .json(.object(["id": .text, "status": .constant("cancelling")]), status: 202, "It is told to end."),
                errors: [404]),
            .later { ActionAnswers(state: $0.state).cancel(id: $0.values[0], $1) }),
        Route(
            .delete, path: "/v1/captures", access: .operator,
            says: Operation(
                "Delete bodies that are kept ([captures.md](../captures.md)).",
                takes: [
                    .text("key", "of this key, by its name."),
                    .text("before", "of requests that ended before this time."), .flag("all", "all of them."),
                ], .json(.object(["deleted": .count]))),
            .later { CaptureAnswers(state: $0.state).delete($0, $1) }),
        Route(
            .delete, path: "/v1/captures/{id}", access: .operator,
            says: Operation("Delete one of them.", .json(.object(["deleted": .count])), errors: [404]),
            .later { CaptureAnswers(state: $0.state).deleteOne($0, $1) }),
        Route(
            .post, path: "/v1/adapters/release", access: .operator,
            says: Operation(
                "Take an adapter back that was left out for its crashes ([adapters.md](../adapters.md)).",
                takes: [.text("adapter", "its type, its file, or its SHA-256.", required: true)],
                .json(.object(["released": .list(.text), "loaded": .list(.text)])), errors: [404, 500]),
            .later { OperatorAnswers(state: $0.state).release($0, $1) }),
        Route(
            .post, path: "/v1/admin/reload", access: .operator,
            says: Operation(
                "Read the configuration again; a bad file changes nothing, and the answer says what is wrong.",
                takes: [.flag("allow_empty", "also if it names no backend any more.")], .json(.named("ReloadOutcome"))),
            .later { OperatorAnswers(state: $0.state).reload($0, $1) }),
    ]
}
