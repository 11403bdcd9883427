/// What Ollama's clients ask besides.
extension RouteTable {
    static let ollama: [Route] =
        [
            Route(
                .get, path: "/api/tags", access: .client,
                says: Operation(
                    "The models of all healthy backends, as Ollama lists them.",
                    .json(.object(["models": .list(.open)])), told: "OllamaError"),
                .answer(size: AnswerSize.models) { OllamaAnswers(state: $0.state, scope: $0.context.scope).tags }),
            Route(
                .get, path: "/api/ps", access: .client,
                says: Operation(
                    "The models that servers have in memory.", .json(.object(["models": .list(.open)])),
                    told: "OllamaError"),
                .answer(size: AnswerSize.models) { OllamaAnswers(state: $0.state, scope: $0.context.scope).running }),
            Route(
                .get, path: "/api/version", access: .everybody,
                says: Operation(
                    "The version of Ollama's API that is spoken.", .json(.object(["version": .text])),
                    told: "OllamaError"),
                .answer { OllamaAnswers(state: $0.state).version }),
            Route(
                .post, path: "/api/show", access: .client,
                says: Operation(
                    "What is known of a model.",
                    body: Operation.Body(schema: .object(["model": .text], sometimes: ["verbose": .flag])),
                    .json(.open), errors: [404], told: "OllamaError"),
                .answer(size: AnswerSize.models) {
                    OllamaAnswers(state: $0.state, scope: $0.context.scope).show($0.body)
                }),
        ]
        + ["pull", "push", "create", "copy", "delete"].map { name in
            Route(
                .get, .post, .delete, path: "/api/\(name)", access: .client,
                says: .refused("Not served: the gateway does not know at which backend; operators have actions."),
                .refuse { .ollamaManagement($0.path) })
        }
}
